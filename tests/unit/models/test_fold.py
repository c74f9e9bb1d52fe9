"""The fold: one outcome for every order and every way of cutting it into batches."""

from collections.abc import Iterable, Sequence
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import Clock
from models.fold import (
    PaymentFact,
    canceled_yet_completed,
    fold,
    fold_beginnings,
    fold_payments,
)
from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import (
    CustomerSnapshot,
    SubscriptionSnapshot,
    TransactionSnapshot,
)
from tests.purchases import (
    TRANSACTION,
    at,
    published,
    purchase,
    snapshots,
    transaction,
)

Payments = dict[tuple[Key, str], PaymentFact]
State = tuple[dict[Key, CustomerSnapshot], dict[Key, TransactionSnapshot], Payments]
KEY = Key("paddle", TRANSACTION)


def folded(batches: Iterable[Sequence[Snapshot]]) -> State:
    """Fold batch after batch, as ``events.record`` does with the ledger between."""
    customers: dict[Key, CustomerSnapshot] = {}
    bought: dict[Key, TransactionSnapshot] = {}
    payments: Payments = {}
    for batch in batches:
        people = [s for s in batch if isinstance(s, CustomerSnapshot)]
        told = [s for s in batch if isinstance(s, TransactionSnapshot)]
        customers |= fold(clocks(customers), people).winners
        bought |= fold(clocks(bought), told).winners
        for place, fact in fold_payments(told).items():
            if place not in payments or fact.order > payments[place].order:
                payments[place] = fact
    return customers, bought, payments


def clocks(
    known: dict[Key, CustomerSnapshot] | dict[Key, TransactionSnapshot],
) -> dict[Key, Clock]:
    return {key: snapshot.clock for key, snapshot in known.items()}


@pytest.fixture(scope="module")
def events() -> list[Snapshot]:
    return snapshots(purchase())


@pytest.fixture(scope="module")
def oracle(events: list[Snapshot]) -> State:
    return folded([events])


def test_a_purchase_ends_completed_and_paid(oracle: State) -> None:
    customers, bought, payments = oracle

    assert [person.email for person in customers.values()] == ["jo@example.com"]
    assert bought[KEY].status == "completed"
    assert sorted(f.payment.status for f in payments.values()) == ["captured", "error"]


def test_all_5040_orders_of_a_purchase_give_one_state(
    events: list[Snapshot], oracle: State
) -> None:
    orders = list(permutations(events))

    assert len(orders) == 5040
    assert all(folded([order]) == oracle for order in orders)


def test_every_cut_into_batches_gives_the_same_state(
    events: list[Snapshot], oracle: State
) -> None:
    random = Random(22)
    for cuts in product((False, True), repeat=len(events) - 1):
        order = random.sample(events, len(events))
        batches: list[list[Snapshot]] = [[order[0]]]
        for snapshot, cut in zip(order[1:], cuts, strict=True):
            if cut:
                batches.append([])
            batches[-1].append(snapshot)

        assert folded(batches) == oracle


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_repetitions_change_nothing(indices: list[int]) -> None:
    events = snapshots(purchase())
    arrivals = [events[i] for i in indices]

    assert folded([arrivals]) == folded([list(dict.fromkeys(indices_of(arrivals)))])


def indices_of(arrivals: list[Snapshot]) -> list[Snapshot]:
    seen: dict[str, Snapshot] = {s.clock.event: s for s in arrivals}
    return list(seen.values())


def test_only_a_snapshot_that_comes_too_late_is_stale(events: list[Snapshot]) -> None:
    told = [s for s in events if isinstance(s, TransactionSnapshot)]
    last, first = told[-1], told[0]

    assert fold({}, [first, last]).stale == set()
    assert fold({}, [last, first]).stale == {first.clock.event}
    assert fold({KEY: last.clock}, [first]).stale == {first.clock.event}
    assert fold({KEY: last.clock}, [first]).winners == {}


def test_the_same_event_again_is_applied_whole(events: list[Snapshot]) -> None:
    told = [s for s in events if isinstance(s, TransactionSnapshot)]

    again = fold({KEY: told[-1].clock}, [told[-1]])

    assert again.winners == {KEY: told[-1]}
    assert again.stale == set()


def test_a_failed_attempt_is_taken_from_a_stale_snapshot() -> None:
    late = transaction("transaction.payment_failed")
    completed = transaction("transaction.completed", payments=[])
    bought = [
        s for s in snapshots([completed, late]) if isinstance(s, TransactionSnapshot)
    ]

    assert fold({}, bought).stale == {late["event_id"]}
    assert [f.payment.status for f in fold_payments(bought).values()] == ["error"]


def test_the_newest_telling_of_an_attempt_stays_in_either_order() -> None:
    authorized = transaction("transaction.paid")
    authorized["data"]["payments"] = authorized["data"]["payments"][:1]
    authorized["data"]["payments"][0]["status"] = "authorized"
    completed = transaction("transaction.completed")
    one, other = (s for s in snapshots([authorized, completed]))
    assert isinstance(one, TransactionSnapshot)
    assert isinstance(other, TransactionSnapshot)

    for order in ((one, other), (other, one)):
        newest = fold_payments(order)
        attempt = authorized["data"]["payments"][0]["payment_attempt_id"]
        assert newest[KEY, attempt].payment.status == "captured"


def test_payments_of_two_transactions_do_not_meet() -> None:
    first = transaction("transaction.completed")
    second = transaction("transaction.completed", id="txn_other")
    told = [s for s in snapshots([first, second]) if isinstance(s, TransactionSnapshot)]

    assert len(fold_payments(told)) == 2 * len(first["data"]["payments"])


def test_equal_times_are_decided_by_the_status_and_then_by_the_event_id() -> None:
    moment = snapshots([transaction("transaction.paid")])[0].clock.updated_at
    ready = at(transaction("transaction.ready"), moment, "evt_z")
    paid = at(transaction("transaction.paid"), moment, "evt_a")
    twin = at(transaction("transaction.paid"), moment, "evt_b")

    for order in permutations([ready, paid, twin]):
        bought = [s for s in snapshots(order) if isinstance(s, TransactionSnapshot)]
        assert fold({}, bought).winners[KEY].clock.event == "evt_b"


def test_the_first_transaction_is_kept_from_whichever_event_tells_it() -> None:
    created, updated = snapshots(
        [published("subscription.created"), published("subscription.updated")]
    )
    assert isinstance(created, SubscriptionSnapshot)
    assert isinstance(updated, SubscriptionSnapshot)
    assert updated.first_transaction_id is None
    first = {created.key: created.first_transaction_id}

    assert fold_beginnings([created, updated]) == first
    assert fold_beginnings([updated, created]) == first
    assert fold_beginnings([updated]) == {}


@pytest.mark.parametrize("order", list(permutations(["canceled", "completed"])))
def test_both_ends_of_a_transaction_are_found_in_either_order(
    order: tuple[str, str],
) -> None:
    told = [
        one
        for one in snapshots(
            [transaction("transaction.completed", status=s) for s in order]
        )
        if isinstance(one, TransactionSnapshot)
    ]

    assert canceled_yet_completed({}, told) == {KEY}
    assert canceled_yet_completed(clocks({KEY: told[0]}), told[1:]) == {KEY}
    assert canceled_yet_completed({}, told[:1]) == set()
    assert canceled_yet_completed({}, []) == set()
