"""``variants.compare``: second bodies under known ids: the same fact, or a conflict?

Changes only the variants' own rows. Running it twice is harmless: it compares what
never changes. Sends nothing. A different fact under a known id fails for good: a dead
letter, for a person to look at.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from models.inbox import VariantState
from worker import crumbs
from worker.app import app
from worker.base_task import this_task
from worker.drain import Result
from worker.errors import ConflictError
from worker.failures import failure_of
from worker.lifecycle import Ending
from worker.providers.registry import PROVIDERS
from worker.work_tables import VARIANTS

_PAIRS = text("""
SELECT v.id, v.body AS other, b.body AS first, i.provider, i.event_id,
       i.id AS inbox_id
FROM inbox_variants v JOIN inbox i ON i.id = v.inbox_id
LEFT JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE v.id = ANY(:ids) ORDER BY v.id
""")


@app.task(name="variants.compare")
def compare(_ids: Sequence[int], _schema_version: int) -> str:
    """Compare the variants that are due."""
    return this_task().drain(VARIANTS, apply)


def apply(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
    """Compare a batch of variants with the bodies that came first."""
    results: dict[int, Result] = {}
    pairs = connection.execute(_PAIRS, {"ids": list(ids)}).all()
    crumbs.leave("compare", ids, events=(pair.event_id for pair in pairs))
    for pair in pairs:
        provider = PROVIDERS[pair.provider]
        if pair.first is None or provider.is_same_fact(pair.first, pair.other):
            results[pair.id] = Ending(VariantState.DUPLICATE)
        else:
            message = f"another content under the id of inbox {pair.inbox_id}"
            results[pair.id] = failure_of(ConflictError(message))
    return results
