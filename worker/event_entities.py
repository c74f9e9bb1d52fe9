"""Notes which entity each event told of: what leads from a purchase to its events.

The inbox is found by event ids alone, and the ledger keeps only the last event of each
entity (``docs/adr/0018-an-event-is-found-by-its-entity.md``).
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, text

from models.snapshot import Snapshot
from models.snapshots import BOUGHT, CustomerSnapshot

#: What is asked about; nobody follows a price or an address.
FOLLOWED = (*BOUGHT, CustomerSnapshot)

# A replayed event is the same row about the same entity.
_NOTE = text("""
INSERT INTO event_entities (entity_id, inbox_id)
SELECT entity_id, inbox_id
FROM unnest(CAST(:entities AS text[]), CAST(:rows AS bigint[]))
  AS told(entity_id, inbox_id)
ON CONFLICT DO NOTHING
""")


def note(
    connection: Connection, snapshots: Iterable[Snapshot], rows: Mapping[str, int]
) -> None:
    """Note which entity each snapshot is of.

    Args:
        connection: The transaction that records them.
        snapshots: What was read.
        rows: The row of the inbox of each event, by the provider's id.
    """
    told = [
        (one.key.id, rows[one.clock.event])
        for one in snapshots
        if isinstance(one, FOLLOWED)
    ]
    if told:
        entities, ids = (list(column) for column in zip(*told, strict=True))
        connection.execute(_NOTE, {"entities": entities, "rows": ids})
