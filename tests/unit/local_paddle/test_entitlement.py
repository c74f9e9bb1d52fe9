"""Who should have access by subscription, whatever became of it and whenever asked."""

from datetime import timedelta

import pytest

from local_paddle.clock import instant_of
from local_paddle.entitlement import courses_of, reasons_of
from local_paddle.subscription_facts import Viewpoint, subscriptions_of
from tests.unit.local_paddle.conftest import BASICS, EMAIL, MONTHLY, World


def subscribe(world: World) -> str:
    receipt = world.do("subscribe", email=EMAIL, price=MONTHLY)
    return str(receipt.transaction_id)


def state_at(world: World, instant: str, grace_days: float = 7) -> str:
    view = Viewpoint(instant_of(instant), timedelta(days=grace_days))
    return str(subscriptions_of(world.shop.store, view)[0]["state"])


def test_a_failed_renewal_is_forgiven_for_the_grace_time(world: World) -> None:
    subscribe(world)
    world.do("fail-payments", email=EMAIL, count=9)
    world.do("advance", by="1 month")
    assert state_at(world, "2027-02-20T00:00:00Z") == "active"
    assert state_at(world, "2027-02-23T00:00:00Z") == "suspended"
    assert state_at(world, "2027-02-23T00:00:00Z", grace_days=14) == "active"


@pytest.mark.parametrize(
    ("action", "state"), [("cancel", "ended"), ("pause", "suspended")]
)
def test_a_scheduled_stop_counts_from_its_date(
    world: World, action: str, state: str
) -> None:
    subscribe(world)
    world.do(action, email=EMAIL)
    assert state_at(world, "2027-02-14T00:00:00Z") == "active"
    assert state_at(world, "2027-02-16T00:00:00Z") == state


@pytest.mark.parametrize("warning", [True, False])
def test_a_dispute_of_any_bill_holds_it_until_it_is_won(
    world: World, *, warning: bool
) -> None:
    first = subscribe(world)
    world.do("advance", by="1 month")
    lost = world.do("dispute", transaction_id=first, warning=warning)
    assert world.access() == {MONTHLY: ("suspended", "disputed")}
    world.do("reverse", adjustment_id=lost.adjustment_id)
    assert world.access() == {MONTHLY: ("active", "active")}


def test_a_refund_of_the_current_period_holds_it_until_the_next(world: World) -> None:
    first = subscribe(world)
    world.do("refund", transaction_id=first)
    assert world.access() == {MONTHLY: ("suspended", "period_refunded")}
    world.do("advance", by="1 month")
    assert world.access() == {MONTHLY: ("active", "active")}


def test_a_refund_of_an_older_period_changes_nothing(world: World) -> None:
    first = subscribe(world)
    world.do("advance", by="1 month")
    world.do("refund", transaction_id=first)
    assert world.access() == {MONTHLY: ("active", "active")}


def test_the_best_reason_counts(world: World) -> None:
    subscribe(world)
    world.do("purchase", email=EMAIL, price=BASICS)
    world.do("cancel", email=EMAIL, now=True)
    view = Viewpoint(world.shop.feed.clock.now())
    assert world.access()[MONTHLY] == ("ended", "canceled")
    found = courses_of(world.shop.store, view)
    assert [(c["course"], c["state"]) for c in found] == [("basics", "active")]


def test_each_reason_is_told_by_itself(world: World) -> None:
    claim = {"learner": "somebody"}
    subscribe(world)
    twice = [{"price_id": BASICS, "quantity": 3}, BASICS]
    world.do("purchase", email=EMAIL, prices=twice, custom_data=claim)
    world.do("cancel", email=EMAIL, now=True)
    view = Viewpoint(world.shop.feed.clock.now())
    told = [
        (r["price_id"], r["state"], r["quantity"], r["custom_data"], r["courses"])
        for r in reasons_of(world.shop.store, view)
    ]
    assert told == [
        (BASICS, "active", 3, claim, ["basics"]),
        (BASICS, "active", 1, claim, ["basics"]),
        (MONTHLY, "ended", 1, None, ["basics"]),
    ]


def test_pending_refunds_are_approved_in_rounds_of_ten_minutes(world: World) -> None:
    bought = world.do("purchase", email=EMAIL, price=BASICS)
    world.do("advance", to="2027-01-16T12:03:00Z")
    world.do("refund", transaction_id=bought.transaction_id, outcome="later")
    world.told()
    world.do("advance", to="2027-01-16T12:09:59Z")
    assert world.access() == {BASICS: ("active", "purchased")}
    world.do("advance", to="2027-01-16T12:10:01Z")
    told = world.told()
    assert [t.short for t in told] == ["adjustment.updated approved"]
    assert told[0].data["updated_at"].startswith("2027-01-16T12:10:00")
    assert world.access() == {BASICS: ("ended", "refunded")}


def test_an_open_invoice_is_credited_not_refunded(world: World) -> None:
    order = {"price": MONTHLY, "mode": "manual"}
    receipt = world.do("subscribe", email=EMAIL, **order)
    line = {"price_id": MONTHLY, "amount": 100}
    named = {"transaction_id": receipt.transaction_id, "lines": [line]}
    with pytest.raises(ValueError, match="not completed"):
        world.do("refund", **named)
    given = world.do("credit", **named)
    made = world.shop.store.get("adjustment", given.adjustment_id)
    assert made
    assert (made["action"], made["status"]) == ("credit", "approved")
    world.do("reverse", adjustment_id=given.adjustment_id)
    found = world.shop.store.all("adjustment")
    assert [(a["action"], a["status"]) for a in found] == [
        ("credit", "reversed"),
        ("credit_reverse", "approved"),
    ]
