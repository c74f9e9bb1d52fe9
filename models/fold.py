"""Folds a batch of snapshots into what the ledger must say. Pure.

The outcome is the same for every order of arrival and for every way of cutting the
arrivals into batches; the tests use this very function as their oracle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from models.clock import TRANSACTION_RANKS, Clock
from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import PaymentSnapshot, SubscriptionSnapshot, TransactionSnapshot

S = TypeVar("S", bound=Snapshot)


@dataclass(slots=True)
class Folded(Generic[S]):
    """The winners among some arrivals of one kind of entity."""

    #: Snapshots that the ledger must take over.
    winners: dict[Key, S] = field(default_factory=dict)
    #: Events whose snapshot was already surpassed when it arrived.
    stale: set[str] = field(default_factory=set)


def fold(known: Mapping[Key, Clock], arrivals: Iterable[S]) -> Folded[S]:
    """Find the winners.

    Args:
        known: The clock of the ledger's snapshot for each entity that has one.
        arrivals: Snapshots in their order of arrival.
    """
    folded: Folded[S] = Folded()
    clocks = dict(known)
    for snapshot in arrivals:
        before = clocks.get(snapshot.key)
        if before is not None and snapshot.clock < before:
            folded.stale.add(snapshot.clock.event)
            continue
        # The very same one again is a replay: it is applied again, whole.
        clocks[snapshot.key] = snapshot.clock
        folded.winners[snapshot.key] = snapshot
    return folded


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment attempt with the clock of the snapshot that told it."""

    transaction: Key
    clock: Clock
    payment: PaymentSnapshot

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        """What the newest telling of one attempt is chosen by."""
        return (self.clock.updated_at, self.clock.occurred_at, self.clock.event)


def fold_payments(
    arrivals: Iterable[TransactionSnapshot],
) -> dict[tuple[Key, str], PaymentFact]:
    """Find the newest telling of each payment attempt, also from stale snapshots.

    A failed attempt can be told by an event that is otherwise surpassed.
    """
    newest: dict[tuple[Key, str], PaymentFact] = {}
    for snapshot in arrivals:
        for payment in snapshot.payments:
            fact = PaymentFact(snapshot.key, snapshot.clock, payment)
            place = (snapshot.key, payment.id)
            if place not in newest or fact.order > newest[place].order:
                newest[place] = fact
    return newest


def fold_beginnings(arrivals: Iterable[SubscriptionSnapshot]) -> dict[Key, str]:
    """Find each subscription's first transaction, also from stale snapshots.

    Only the event of its making tells it, and a later one may come before that.
    """
    return {
        snapshot.key: snapshot.first_transaction_id
        for snapshot in arrivals
        if snapshot.first_transaction_id
    }


def canceled_yet_completed(
    known: Mapping[Key, Clock], arrivals: Sequence[TransactionSnapshot]
) -> set[Key]:
    """Find transactions of which both ends are told; ``completed`` counts."""
    statuses: dict[Key, set[int]] = {
        one.key: {known[one.key].status} if one.key in known else set()
        for one in arrivals
    }
    for one in arrivals:
        statuses[one.key].add(one.clock.status)
    return {key for key, told in statuses.items() if told >= _BOTH_ENDS}


_BOTH_ENDS = {TRANSACTION_RANKS[end].status for end in ("canceled", "completed")}
