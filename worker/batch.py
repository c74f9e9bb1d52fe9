"""What a batch of events says, once each body has been understood."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, text

from models.access_rules import PAID_STATUSES
from models.inbox import InboxState
from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import (
    BOUGHT,
    AdjustmentSnapshot,
    CustomerSnapshot,
    SubscriptionSnapshot,
    TransactionSnapshot,
)
from worker import crumbs
from worker.causes import Cause, of_event, of_run, parts_of
from worker.drain import Result
from worker.errors import MalformedPayloadError
from worker.failures import failure_of
from worker.lifecycle import Ending
from worker.people import Claim
from worker.providers.contract import Ignored, StoredEvent
from worker.providers.registry import PROVIDERS

_EVENTS = text("""
SELECT i.id, i.provider, i.event_id, i.event_type, i.occurred_at, b.body, r.run_id
FROM inbox i
LEFT JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
LEFT JOIN reconciled_events r ON r.inbox_id = i.id
WHERE i.id = ANY(:ids) ORDER BY i.id
""")

Causes = dict[Key, Cause]
S = TypeVar("S", bound=Snapshot)


@dataclass(slots=True)
class Batch:
    """What a batch of events says, in order of arrival."""

    snapshots: list[Snapshot] = field(default_factory=list)
    #: How each row ends unless its snapshot turns out to be stale.
    results: dict[int, Result] = field(default_factory=dict)
    #: The row of each event that carries a snapshot.
    rows: dict[str, int] = field(default_factory=dict)
    #: The run that brought each event that no delivery did, as a cause.
    brought: dict[str, Cause] = field(default_factory=dict)

    def add(self, row_id: int, snapshot: Snapshot) -> None:
        """Take up a snapshot."""
        self.snapshots.append(snapshot)
        self.rows[snapshot.clock.event] = row_id
        self.results[row_id] = Ending(InboxState.PROCESSED)

    def of(self, kind: type[S]) -> list[S]:
        """Return the snapshots of one kind."""
        return [one for one in self.snapshots if isinstance(one, kind)]

    def end_stale(self, events: Iterable[str]) -> None:
        """Note events whose snapshots were surpassed."""
        for event in events:
            self.results[self.rows[event]] = Ending(InboxState.STALE)

    def customers(self) -> Causes:
        """Return every customer that the batch speaks of, and the last cause."""
        spoken = {
            Key(one.key.provider, one.customer_id): cause_of(one)
            for one in self.snapshots
            if isinstance(one, BOUGHT) and one.customer_id
        }
        return spoken | {one.key: cause_of(one) for one in self.of(CustomerSnapshot)}

    def claims(self) -> set[Claim]:
        """Return the customers and the user ids under which they have bought."""
        return {
            (Key(one.key.provider, one.customer_id), one.user_id)
            for one in self.snapshots
            if isinstance(one, TransactionSnapshot | SubscriptionSnapshot)
            if one.customer_id and one.user_id
            if isinstance(one, SubscriptionSnapshot) or one.status in PAID_STATUSES
        }

    def transactions(self) -> Causes:
        """Return every transaction that the batch touches, and the last cause."""
        causes = {one.key: cause_of(one) for one in self.of(TransactionSnapshot)}
        for one in self.of(AdjustmentSnapshot):
            causes[Key(one.key.provider, one.transaction_id)] = cause_of(one)
        return causes

    def subscriptions(self) -> Causes:
        """Return every subscription that the batch speaks of, and the last cause."""
        causes = {
            Key(one.key.provider, one.subscription_id): cause_of(one)
            for one in self.snapshots
            if isinstance(one, TransactionSnapshot | AdjustmentSnapshot)
            if one.subscription_id
        }
        return causes | {
            one.key: cause_of(one) for one in self.of(SubscriptionSnapshot)
        }

    def named(self, causes: Mapping[Key, Cause]) -> Causes:
        """Name the run beside each event that no delivery has brought."""
        return {
            key: self.brought.get(parts_of(one)[1], one) for key, one in causes.items()
        }

    def leave_crumb(self) -> None:
        """Leave word of what the batch is about, for an error that may follow."""
        crumbs.leave(
            "record",
            events=self.rows,
            subscriptions=(key.id for key in self.subscriptions()),
            transactions=(key.id for key in self.transactions()),
        )


def cause_of(snapshot: Snapshot) -> Cause:
    """Return the event that a snapshot came with, as a cause."""
    return of_event(snapshot.clock.event)


def read(connection: Connection, ids: Sequence[int]) -> Batch:
    """Read and understand events; what cannot be understood fails alone."""
    batch = Batch()
    found = connection.execute(_EVENTS, {"ids": list(ids)}).all()
    crumbs.leave("read", ids, events=(row.event_id for row in found))
    for row in found:
        try:
            if row.body is None:
                raise MalformedPayloadError("the body was pruned")  # noqa: TRY301
            *told, run = row
            event = StoredEvent(*told)
            reading = PROVIDERS[row.provider].read(event)
        except MalformedPayloadError as error:
            batch.results[row.id] = failure_of(error)
            continue
        if isinstance(reading, Ignored):
            batch.results[row.id] = Ending(InboxState.IGNORED, reading.reason)
        else:
            batch.add(row.id, reading)
            if run is not None:
                batch.brought[row.event_id] = of_run(run, row.event_id)
    return batch
