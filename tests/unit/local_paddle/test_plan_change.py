"""Changed plans, one-time charges, several of one price: what is billed for them."""

import pytest

from local_paddle.till import ShopError
from tests.unit.local_paddle.conftest import (
    BASICS,
    BILLED,
    COMPLETED,
    DEEP,
    EMAIL,
    FAILED,
    MONTHLY,
    OWED,
    PAID,
    YEARLY,
    World,
)


def test_an_upgrade_is_prorated_at_once(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY, country="CH")
    world.do("advance", to="2027-01-31T00:00:00Z")
    world.told()
    world.do("change-plan", email=EMAIL, price=DEEP)
    told = world.told()
    assert [t.short for t in told] == [
        "subscription.updated active",
        *BILLED,
        *PAID,
        *COMPLETED,
    ]
    bill = told[-1].data
    assert bill["origin"] == "subscription_update"
    come, gone = bill["details"]["line_items"]
    rate = float(come["proration"]["rate"])
    assert rate == pytest.approx(0.5, abs=0.001)
    assert int(come["totals"]["total"]) == pytest.approx(3_000 * rate, abs=1)
    assert int(gone["totals"]["total"]) == pytest.approx(-1_000 * rate, abs=1)
    assert bill["items"][0]["proration"] == come["proration"]
    assert [i["price"]["id"] for i in told[0].data["items"]] == [DEEP]
    assert world.access() == {
        DEEP: ("active", "active"),
        MONTHLY: ("ended", "item_removed"),
    }


def test_a_downgrade_leaves_a_credit_that_the_next_bill_uses(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=DEEP, country="CH")
    world.do("change-plan", email=EMAIL, price=MONTHLY)
    totals = world.transaction()["details"]["totals"]
    credit = int(totals["credit_to_balance"])
    assert credit == pytest.approx(2_000, abs=1)
    assert (totals["grand_total"], totals["balance"]) == ("0", "0")
    assert int(totals["total"]) == -credit
    world.do("advance", by="1 month")
    totals = world.transaction()["details"]["totals"]
    assert totals["credit"] == totals["total"] == "1000"
    assert totals["grand_total"] == "0"
    world.do("advance", by="1 month")
    assert int(world.transaction()["details"]["totals"]["credit"]) == credit - 1_000


def test_a_declined_change_is_prevented(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("fail-payments", email=EMAIL)
    world.told()
    world.do("change-plan", email=EMAIL, price=DEEP)
    assert world.shorts() == [*BILLED, FAILED[0], *OWED]
    assert [i["price"]["id"] for i in world.subscription()["items"]] == [MONTHLY]


def test_another_billing_cycle_begins_at_once(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("change-plan", email=EMAIL, price=YEARLY)
    assert world.subscription()["next_billed_at"].startswith("2028-01-15")
    assert world.transaction()["details"]["line_items"][0]["proration"] is None


def test_what_is_not_billed_at_once_comes_with_the_next_bill(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.told()
    how = {"billing": "prorated_next_billing_period"}
    world.do("change-plan", email=EMAIL, price=DEEP, **how)
    assert world.shorts() == ["subscription.updated active"]
    world.do("advance", by="1 month")
    lines = world.transaction()["details"]["line_items"]
    assert [line["price_id"] for line in lines] == [DEEP, DEEP, MONTHLY]


def test_a_charge_is_no_item_of_the_subscription(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.told()
    world.do("charge", email=EMAIL, price=BASICS)
    told = world.told()
    assert [t.short for t in told] == [*BILLED, *PAID, *COMPLETED]
    assert told[-1].data["origin"] == "subscription_charge"
    assert told[-1].data["subscription_id"] == world.subscription()["id"]
    assert len(world.subscription()["items"]) == 1
    assert world.access()[BASICS] == ("active", "purchased")
    with pytest.raises(ShopError, match="no recurring"):
        world.do("charge", email=EMAIL, price=DEEP)


def test_quantities_and_the_same_price_twice_are_sold(world: World) -> None:
    item = {"price_id": BASICS, "quantity": 3}
    receipt = world.do("purchase", email=EMAIL, prices=[item, BASICS])
    lines = world.transaction()["details"]["line_items"]
    assert [line["quantity"] for line in lines] == [3, 1]
    wanted = [{"price_id": BASICS}, {"price_id": BASICS}]
    world.do("refund", transaction_id=receipt.transaction_id, lines=wanted)
    adjustment = world.shop.store.all("adjustment")[0]
    assert adjustment["type"] == "full"
    assert world.access() == {BASICS: ("ended", "refunded")}
