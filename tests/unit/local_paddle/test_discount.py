"""Discounts on transactions and renewals, to the last minor unit."""

import pytest

from local_paddle.till import ShopError
from tests.unit.local_paddle.conftest import BASICS, EMAIL, MONTHLY, TRIAL, World


def totals(world: World) -> dict[str, str]:
    found: dict[str, str] = world.transaction()["details"]["totals"]
    return found


@pytest.mark.parametrize(
    ("given", "discount", "total"),
    [
        ({"amount": "10"}, "490", "4410"),
        ({"amount": "33.33"}, "1633", "3267"),
        ({"amount": "100"}, "4900", "0"),
        ({"type": "flat", "amount": "500", "currency_code": "USD"}, "500", "4400"),
        ({"type": "flat", "amount": "99999", "currency_code": "USD"}, "4900", "0"),
    ],
)
def test_a_discount_lowers_the_total(
    given: dict[str, str], discount: str, total: str, world: World
) -> None:
    world.do("discount", code="LESS", **given)
    world.do("purchase", email=EMAIL, price=BASICS, country="CH", discount="less")
    found = totals(world)
    assert (found["discount"], found["total"]) == (discount, total)
    assert found["subtotal"] == "4900"
    assert bool(world.transaction()["payments"]) == (total != "0")
    assert world.access() == {BASICS: ("active", "purchased")}


def test_tax_is_due_on_what_is_left(world: World) -> None:
    world.do("discount", code="HALF", amount="50")
    world.do("purchase", email=EMAIL, price=BASICS, country="GB", discount="HALF")
    found = totals(world)
    assert (found["tax"], found["total"]) == ("490", "2940")
    assert int(found["earnings"]) == 2_450 - int(found["fee"])


def test_a_flat_discount_is_shared_among_the_lines(world: World) -> None:
    world.do("discount", code="LESS", type="flat", amount="1000", currency_code="USD")
    prices = [BASICS, BASICS, {"price_id": BASICS, "quantity": 2}]
    world.do("purchase", email=EMAIL, prices=prices, discount="LESS", country="CH")
    lines = world.transaction()["details"]["line_items"]
    assert [line["totals"]["discount"] for line in lines] == ["250", "250", "500"]
    assert totals(world)["discount"] == "1000"


def test_a_discount_by_seat_counts_every_unit(world: World) -> None:
    seat = {"type": "flat_per_seat", "amount": "100", "currency_code": "USD"}
    world.do("discount", code="SEAT", **seat)
    item = {"price_id": BASICS, "quantity": 3}
    world.do("purchase", email=EMAIL, prices=[item], discount="SEAT")
    assert totals(world)["discount"] == "300"


def test_a_discount_is_for_its_prices_only(world: World) -> None:
    world.do("discount", code="SOME", amount="50", restrict_to=[BASICS])
    world.do("subscribe", email=EMAIL, prices=[MONTHLY], discount="SOME")
    assert totals(world)["discount"] == "0"


def test_a_refund_gives_back_what_was_paid_and_no_more(world: World) -> None:
    world.do("discount", code="HALF", amount="50")
    receipt = world.do("purchase", email=EMAIL, price=BASICS, discount="HALF")
    world.do("refund", transaction_id=receipt.transaction_id)
    paid = totals(world)["total"]
    assert world.shop.store.all("adjustment")[0]["totals"]["total"] == paid
    details = world.transaction()["details"]
    assert details["adjusted_totals"]["total"] == "0"
    assert world.access() == {BASICS: ("ended", "refunded")}


def test_a_recurring_discount_ends_after_its_periods(world: World) -> None:
    twice = {"recur": True, "maximum_recurring_intervals": 2}
    world.do("discount", code="TWICE", amount="50", **twice)
    world.do("subscribe", email=EMAIL, price=MONTHLY, discount="TWICE")
    given = [totals(world)["discount"]]
    for _ in range(2):
        world.do("advance", by="1 month")
        given.append(totals(world)["discount"])
    assert given == ["500", "500", "0"]


def test_a_discount_of_a_trial_begins_when_money_is_due(world: World) -> None:
    once = {"recur": True, "maximum_recurring_intervals": 1}
    world.do("discount", code="ONCE", amount="50", **once)
    world.do("subscribe", email=EMAIL, price=TRIAL, discount="ONCE")
    world.do("advance", by="14 day")
    assert totals(world)["discount"] == "1000"
    world.do("advance", by="1 month")
    assert totals(world)["discount"] == "0"


def test_a_discount_of_one_purchase_does_not_recur(world: World) -> None:
    world.do("discount", code="NOW", amount="50")
    world.do("subscribe", email=EMAIL, price=MONTHLY, discount="NOW")
    assert world.subscription()["discount"] is None
    world.do("advance", by="1 month")
    assert totals(world)["discount"] == "0"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"expires_at": "2027-01-01T00:00:00Z"}, "has expired"),
        ({"usage_limit": 1}, "is used up"),
    ],
)
def test_what_may_not_be_used_is_refused(
    given: dict[str, object], sentence: str, world: World
) -> None:
    world.do("discount", code="GONE", **given)
    if "usage_limit" in given:
        world.do("purchase", email=EMAIL, price=BASICS, discount="GONE")
    with pytest.raises(ShopError, match=sentence):
        world.do("purchase", email=EMAIL, price=BASICS, discount="GONE")
    with pytest.raises(ShopError, match="no discount NONE"):
        world.do("purchase", email=EMAIL, price=BASICS, discount="NONE")
