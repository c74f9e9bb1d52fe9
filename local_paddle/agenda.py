"""What is due, and when: renewals, scheduled changes, payment retries, approvals.

A table beside the entities, written in the same transaction, so that a restart forgets
nothing. It holds one line for each deed and entity; the order of equal instants is
fixed, because a cancellation and a renewal fall due together.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from local_paddle.clock import rfc3339
from local_paddle.store import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Deed(StrEnum):
    """What is to be done; of those due together, the first one here comes first."""

    #: A refund gets its decision.
    DECIDE = "decide"
    #: A scheduled change of a subscription takes effect.
    CHANGE = "change"
    #: A failed payment is tried again, or given up.
    COLLECT = "collect"
    #: An invoice is not paid in time.
    OVERDUE = "overdue"
    #: A subscription renews, or its trial ends.
    RENEW = "renew"


@dataclass(frozen=True)
class Entry:
    """One line."""

    deed: Deed
    entity_id: str
    at: datetime


class Agenda:
    """Lines in the store, in the order in which they fall due."""

    def __init__(self, store: Store) -> None:
        """Read and write through this store."""
        self._store = store

    def put(self, deed: Deed, entity_id: str, at: datetime) -> None:
        """Set when a deed is due, instead of any earlier instant."""
        self._store.run(
            "INSERT INTO agenda VALUES (?, ?, ?, ?)"
            " ON CONFLICT (deed, entity_id) DO UPDATE SET at = excluded.at",
            (deed, entity_id, (at - _EPOCH) // _MICROSECOND, list(Deed).index(deed)),
        )

    def drop(self, entity_id: str, *deeds: Deed) -> None:
        """Strike deeds out; none named means all of the entity."""
        for deed in deeds or Deed:
            self._store.run(
                "DELETE FROM agenda WHERE deed = ? AND entity_id = ?", (deed, entity_id)
            )

    def next(self) -> Entry | None:
        """Return what is due first, or None when nothing is."""
        found = self._store.rows(
            "SELECT * FROM agenda ORDER BY at, turn, entity_id LIMIT 1"
        )
        if not found:
            return None
        row = found[0]
        at = _EPOCH + row["at"] * _MICROSECOND
        return Entry(Deed(row["deed"]), row["entity_id"], at)

    def listed(self) -> list[dict[str, str]]:
        """Return all of it, soonest first."""
        found = self._store.rows("SELECT * FROM agenda ORDER BY at, turn, entity_id")
        return [
            {
                "deed": row["deed"],
                "entity_id": row["entity_id"],
                "at": rfc3339(_EPOCH + row["at"] * _MICROSECOND),
            }
            for row in found
        ]
