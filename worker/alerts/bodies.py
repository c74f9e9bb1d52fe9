"""Whom and how much money the bodies of events speak of, as far as they can be read.

What is read here may be dead because it cannot be read, so nothing that it does leaves:
of a body that is not understood counts what can be made out: customer and total.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection, Row, text

from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import (
    BOUGHT,
    AdjustmentSnapshot,
    CustomerSnapshot,
    TransactionSnapshot,
)
from worker.money import add_up
from worker.providers.contract import Glimpse, Ignored, StoredEvent
from worker.providers.registry import PROVIDERS
from worker.work_tables import INBOX, VARIANTS, WorkTable

MOST_BODIES = 200
#: Held in memory at a time: a body may have 2 MiB.
_BODIES_AT_ONCE = 10

# One that a process may have died of is not read again here: it would take the watch
# along, each time a message is written.
_BODIES: Mapping[WorkTable, str] = {
    INBOX: """
SELECT i.id, i.provider, i.event_id, i.event_type, i.occurred_at,
       CASE i.crashes WHEN 0 THEN b.body END AS body
FROM inbox i
LEFT JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE i.id = ANY(:ids) ORDER BY i.id""",
    VARIANTS: """
SELECT i.id, i.provider, i.event_id, i.event_type, i.occurred_at,
       CASE v.crashes WHEN 0 THEN v.body END AS body
FROM inbox_variants v JOIN inbox i ON i.id = v.inbox_id
WHERE v.id = ANY(:ids) ORDER BY v.id""",
}


@dataclass(slots=True)
class Told:
    """What some bodies say."""

    customers: set[Key] = field(default_factory=set)
    #: Currency and minor units, by transaction: several events of one cost once.
    transactions: dict[Key, tuple[str, int]] = field(default_factory=dict)
    #: The same by adjustment, with the transaction whose money it is about.
    adjustments: dict[Key, tuple[Key, str, int]] = field(default_factory=dict)
    #: Bodies that tell neither whom nor how much.
    unknown: int = 0

    def add(self, snapshot: Snapshot) -> None:
        """Take up a snapshot."""
        key = snapshot.key
        if isinstance(snapshot, CustomerSnapshot):
            self.customers.add(key)
            return
        if not isinstance(snapshot, BOUGHT):
            return
        if snapshot.customer_id:
            self.customers.add(Key(key.provider, snapshot.customer_id))
        if isinstance(snapshot, TransactionSnapshot):
            self.transactions[key] = (snapshot.currency, snapshot.total_minor)
        elif isinstance(snapshot, AdjustmentSnapshot):
            purchase = Key(key.provider, snapshot.transaction_id)
            amount = (snapshot.currency, snapshot.total_minor)
            self.adjustments[key] = (purchase, *amount)

    def add_glimpse(self, provider: str, seen: Glimpse) -> None:
        """Take up what could be made out of a body."""
        if seen.customer_id is None and seen.total_minor is None:
            self.unknown += 1
        if seen.customer_id is not None:
            self.customers.add(Key(provider, seen.customer_id))
        if seen.transaction_id and seen.currency and seen.total_minor is not None:
            amount = (seen.currency, seen.total_minor)
            self.transactions.setdefault(Key(provider, seen.transaction_id), amount)

    def sums(self) -> dict[str, int]:
        """Return the money per currency; of a purchase and its refund, the purchase."""
        amounts = [
            *self.transactions.values(),
            *(
                (currency, minor)
                for purchase, currency, minor in self.adjustments.values()
                if purchase not in self.transactions
            ),
        ]
        return add_up(amounts)


def read_bodies(connection: Connection, table: WorkTable, ids: Sequence[int]) -> Told:
    """Read the bodies of rows of ``inbox`` or ``inbox_variants``."""
    told = Told()
    statement = text(_BODIES[table])
    for first in range(0, len(ids), _BODIES_AT_ONCE):
        some = list(ids[first : first + _BODIES_AT_ONCE])
        for row in connection.execute(statement, {"ids": some}):
            _take(told, row)
    return told


def _take(told: Told, row: Row[Any]) -> None:
    provider = PROVIDERS.get(row.provider)
    if row.body is None or provider is None:
        told.unknown += 1
        return
    try:
        reading = provider.read(StoredEvent(*tuple(row)))
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 (it may be why the row is dead)
        told.add_glimpse(row.provider, provider.glimpse(row.body))
        return
    if not isinstance(reading, Ignored):
        told.add(reading)
