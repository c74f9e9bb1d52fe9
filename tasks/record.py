"""``events.record``: the inbox into the ledger, the ledger into grants.

Changes the ledger, learners and grants, and adds rows to ``access_changes`` and, where
people are told of money, to ``notifications``. Running it twice is harmless: an event
that is no longer pending is not claimed, and one that is replayed is compared by its
clock. Sends on ``enrollments.activate``, ``notifications.send`` and, where a course
platform is told, ``platform.tell``. A body that is not what the provider describes
fails for good.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, text

from models.clock import Clock
from models.fold import (
    canceled_yet_completed,
    fold,
    fold_beginnings,
    fold_payments,
)
from models.kept_snapshots import (
    AddressSnapshot,
    BusinessSnapshot,
    DiscountSnapshot,
    PriceSnapshot,
    ProductSnapshot,
)
from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import (
    AdjustmentSnapshot,
    CustomerSnapshot,
    SubscriptionSnapshot,
    TransactionSnapshot,
)
from worker import beginnings, event_entities, findings, ledger
from worker.after_commit import Rings
from worker.app import app
from worker.base_task import this_task
from worker.batch import Batch, Causes, cause_of, read
from worker.bulk import keys_of
from worker.causes import Cause
from worker.drain import Result
from worker.grants import Why, recompute
from worker.notices.ledger_changes import make_of
from worker.people import Circle, neighbours, recognise
from worker.platform_orders import note_orders
from worker.settings import settings
from worker.users import link
from worker.work_tables import ACCESS_CHANGES, INBOX, NOTIFICATIONS

#: Entities that bear no access, in the order in which they are locked.
KEPT: tuple[type[Snapshot], ...] = (
    ProductSnapshot,
    PriceSnapshot,
    DiscountSnapshot,
    AddressSnapshot,
    BusinessSnapshot,
)
BILLING_OFF = "billing is off: deliveries are stored and wait"

# What a customer has bought is its learner's, whoever that turns out to be.
_BOUGHT = """
SELECT s.provider, s.id, s.customer_id FROM {table} s
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS met(provider, customer_id) USING (provider, customer_id)
"""
# Whose the sources are until now: who loses one may be no user's without it. OFFSET
# keeps it a look-up for each: where there are no statistics yet, a join reads it all.
_HOLDERS = text("""
SELECT told.provider, told.id, held.customer_id
FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS told(provider, id)
CROSS JOIN LATERAL (
  SELECT customer_id FROM transactions
  WHERE provider = told.provider AND id = told.id
  UNION ALL
  SELECT customer_id FROM subscriptions
  WHERE provider = told.provider AND id = told.id OFFSET 0) AS held
WHERE held.customer_id IS NOT NULL
""")
# The subscriptions that transactions belong to, as the ledger knows it.
_SUBSCRIBED = text("""
SELECT t.provider, t.subscription_id, t.id FROM transactions t
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS touched(provider, id) USING (provider, id)
WHERE t.subscription_id IS NOT NULL
""")

S = TypeVar("S", bound=Snapshot)


@app.task(name="events.record")
def record(_ids: Sequence[int], _schema_version: int) -> str:
    """Record the events that are due."""
    if not settings().paddle_billing_enabled:
        return BILLING_OFF
    rings = Rings()
    return this_task().drain(INBOX, partial(apply, rings), rings)


def apply(
    rings: Rings, connection: Connection, ids: Sequence[int]
) -> Mapping[int, Result]:
    """Apply a batch of events inside the caller's transaction."""
    batch = read(connection, ids)
    batch.leave_crumb()
    event_entities.note(connection, batch.snapshots, batch.rows)
    for kind in KEPT:
        take_over(connection, batch, kind, [one.key for one in batch.of(kind)])
    circle = meet(connection, batch)
    told = write_sources(connection, batch, circle)
    linked = link(connection, circle)
    rings.add(ACCESS_CHANGES.task, linked.changes)
    why = Why(
        batch.named({**linked.transactions, **told.transactions}),
        batch.named({**linked.subscriptions, **told.subscriptions}),
        batch.named(told.adjusted),
    )
    rings.add(ACCESS_CHANGES.task, recompute(connection, why, settings()))
    purchases = {one.key for one in batch.of(TransactionSnapshot)}
    note_orders(connection, purchases, rings, settings())
    made = make_of(connection, batch, circle.changed, settings())
    rings.add(NOTIFICATIONS.task, made)
    return batch.results


def meet(connection: Connection, batch: Batch) -> Circle:
    """Write the customers that were told of, and settle who all of them are."""
    spoken = held_by(connection, batch) | batch.customers()
    locked = neighbours(connection, spoken, batch.of(CustomerSnapshot))
    told = take_over(connection, batch, CustomerSnapshot, locked)
    findings.note_customers(connection, told, missing=())
    causes = {key: spoken.get(key) for key in locked}
    return recognise(connection, causes, told, batch.claims())


def held_by(connection: Connection, batch: Batch) -> Causes:
    """Return the customers whose the told sources are by the ledger, with the cause."""
    told = {
        one.key: cause_of(one)
        for one in batch.snapshots
        if isinstance(one, TransactionSnapshot | SubscriptionSnapshot)
    }
    if not told:
        return {}
    return {
        Key(row.provider, row.customer_id): told[Key(row.provider, row.id)]
        for row in connection.execute(_HOLDERS, keys_of(sorted(told)))
    }


def write_sources(connection: Connection, batch: Batch, circle: Circle) -> Why:
    """Lock and write transactions and subscriptions; name those to be recomputed."""
    transactions = batch.transactions() | bought(
        connection, "transactions", circle.changed
    )
    locked = {*transactions, *circle.transactions}
    known = ledger.lock(connection, TransactionSnapshot, locked)
    subscriptions = (
        subscribed(connection, transactions)
        | batch.subscriptions()
        | bought(connection, "subscriptions", circle.changed)
    )
    locked = {*subscriptions, *circle.subscriptions}
    renewed = take_over(connection, batch, SubscriptionSnapshot, locked)
    told = write_transactions(connection, batch, known)
    taken, adjusted = write_adjustments(connection, batch)
    beginnings.write(connection, fold_beginnings(batch.of(SubscriptionSnapshot)))
    beginnings.find(connection, locked)
    # The events that decided, so that no stale one is named as the cause.
    subscriptions |= {key: cause_of(one) for key, one in renewed.items()}
    return Why(transactions | told | taken, subscriptions, adjusted)


def take_over(
    connection: Connection, batch: Batch, kind: type[S], keys: Iterable[Key]
) -> dict[Key, S]:
    """Lock entities, and write the snapshots that win; return those."""
    known = ledger.lock(connection, kind, keys)
    folded = fold(known, batch.of(kind))
    ledger.write(connection, kind, folded.winners)
    batch.end_stale(folded.stale)
    return folded.winners


def write_transactions(
    connection: Connection, batch: Batch, known: Mapping[Key, Clock]
) -> Causes:
    """Write locked transactions and payments, and name the events that decided."""
    arrivals = batch.of(TransactionSnapshot)
    folded = fold(known, arrivals)
    ledger.write(connection, TransactionSnapshot, folded.winners)
    ledger.write_payments(connection, fold_payments(arrivals).values())
    batch.end_stale(folded.stale)
    findings.note_contradictions(connection, canceled_yet_completed(known, arrivals))
    return {key: cause_of(one) for key, one in folded.winners.items()}


def write_adjustments(connection: Connection, batch: Batch) -> tuple[Causes, Causes]:
    """Write adjustments of locked transactions, and name the events that decided.

    Returns:
        By transaction and, where it is of one, by subscription.
    """
    arrivals = batch.of(AdjustmentSnapshot)
    keys = [one.key for one in arrivals]
    folded = fold(ledger.clocks(connection, AdjustmentSnapshot, keys), arrivals)
    ledger.write(connection, AdjustmentSnapshot, folded.winners)
    batch.end_stale(folded.stale)
    told = [(one, cause_of(one)) for one in folded.winners.values()]
    return (
        {Key(one.key.provider, one.transaction_id): cause for one, cause in told},
        {
            Key(one.key.provider, one.subscription_id): cause
            for one, cause in told
            if one.subscription_id
        },
    )


def bought(
    connection: Connection, table: str, customers: Mapping[Key, Cause]
) -> Causes:
    """Return what some customers have bought, each with the customer's cause."""
    if not customers:
        return {}
    statement = text(_BOUGHT.format(table=table))
    return {
        Key(row.provider, row.id): customers[Key(row.provider, row.customer_id)]
        for row in connection.execute(statement, keys_of(sorted(customers)))
    }


def subscribed(connection: Connection, transactions: Causes) -> Causes:
    """Return the subscriptions that locked transactions belong to, with their cause."""
    if not transactions:
        return {}
    rows = connection.execute(_SUBSCRIBED, keys_of(sorted(transactions)))
    return {
        Key(row.provider, row.subscription_id): transactions[Key(row.provider, row.id)]
        for row in rows
    }
