"""Marks sources whose access is due while some line has given nothing.

``waits_since`` is a narrower place to look than all that was ever paid: the view
``parked`` and ``parked.release`` read only what is marked. The mark knows neither
offers nor people, so it stays right when a mapping or a buyer appears; who waits for
what is the view's business.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from models.key import Key
from worker.bulk import keys_of
from worker.sources import Computed

_MARK = """
UPDATE {table} AS source SET waits_since = marked.moment
FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[]),
            CAST(:moments AS timestamptz[])) AS marked(provider, id, moment)
WHERE source.provider = marked.provider AND source.id = marked.id
"""


def mark(connection: Connection, table: str, computed: Mapping[Key, Computed]) -> None:
    """Mark locked sources that wait, and take the mark off those that do not.

    Args:
        connection: The transaction that holds the locks.
        table: ``transactions`` or ``subscriptions``.
        computed: What each source gives.
    """
    changed = {
        key: source.waits_since
        for key, source in computed.items()
        if source.waits_since != source.marked_since
    }
    # Mostly nothing: what comes in whole, buyer and mapping known, is never marked.
    if changed:
        moments = list(changed.values())
        statement = text(_MARK.format(table=table))
        connection.execute(statement, {**keys_of(changed), "moments": moments})
