"""Who should have access, by what was bought and given back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_paddle.adjustment import AdjustmentError, Line
from local_paddle.catalog import Offer, offers_in, stock
from local_paddle.checkout import Checkout
from local_paddle.clock import Clock
from local_paddle.entitlement import access_of, courses_of
from local_paddle.feed import Feed
from local_paddle.ids import Ids
from local_paddle.order import Order
from local_paddle.refund import Refunds
from local_paddle.store import Store
from local_paddle.subscription_facts import Viewpoint
from local_paddle.till import Receipt, ShopError

BASICS = "pri_01jd0pyth0nbas1cs0000000a1"
BUNDLE = "pri_01jd0bund1e0000000000000c3"
EMAIL = "ada@example.com"


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    store = Store(tmp_path)
    offers = [
        Offer(BASICS, "Basics", ("basics",)),
        Offer(BUNDLE, "Bundle", ("basics", "depth"), 9_900),
    ]
    stock(store, Clock(), offers)
    yield Feed(store, Ids(), Clock())
    store.close()


def buy(
    feed: Feed, *prices: str, email: str = EMAIL, until: str = "completed"
) -> Receipt:
    items = [(price, 1) for price in prices]
    return Checkout(feed).purchase(Order(email, items, until=until))


def now(feed: Feed) -> Viewpoint:
    return Viewpoint(feed.clock.now())


def states(feed: Feed) -> dict[str, str]:
    return {
        found["course"]: found["state"] for found in courses_of(feed.store, now(feed))
    }


def lines_of(feed: Feed, receipt: Receipt) -> dict[str, Line]:
    transaction = feed.store.get("transaction", receipt.transaction_id)
    assert transaction
    lines = transaction["details"]["line_items"]
    return {line["price_id"]: Line(line["id"]) for line in lines}


def test_a_completed_purchase_gives_access(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    bought = feed.store.get("transaction", receipt.transaction_id)
    assert bought
    assert access_of(feed.store, now(feed)) == [
        {
            "email": EMAIL,
            "price_id": BASICS,
            "courses": ["basics"],
            "has_access": True,
            "state": "active",
            "cause": "purchased",
            "since": bought["payments"][0]["captured_at"],
            "transaction_ids": [receipt.transaction_id],
            "subscription_ids": [],
        }
    ]


@pytest.mark.parametrize("until", ["draft", "ready", "payment_failed", "paid"])
def test_an_unfinished_checkout_gives_none(feed: Feed, until: str) -> None:
    buy(feed, BASICS, until=until)
    assert access_of(feed.store, now(feed)) == []


def test_a_refunded_line_ends_and_the_other_stays(feed: Feed) -> None:
    receipt = buy(feed, BASICS, BUNDLE)
    Refunds(feed).adjust(receipt.transaction_id, [lines_of(feed, receipt)[BUNDLE]])
    assert states(feed) == {"basics": "active", "depth": "ended"}


@pytest.mark.parametrize("outcome", ["pending_approval", "rejected"])
def test_a_refund_that_is_not_approved_changes_nothing(
    feed: Feed, outcome: str
) -> None:
    receipt = buy(feed, BASICS)
    Refunds(feed).adjust(receipt.transaction_id, [], outcome=outcome)
    assert states(feed) == {"basics": "active"}


def test_partial_refunds_end_access_when_they_reach_the_total(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    line = lines_of(feed, receipt)[BASICS]
    refunds = Refunds(feed)
    refunds.adjust(receipt.transaction_id, [Line(line.line_id, 4_900)])
    assert states(feed) == {"basics": "active"}
    refunds.adjust(receipt.transaction_id, [Line(line.line_id, 435)])
    assert states(feed) == {"basics": "ended"}


@pytest.mark.parametrize("action", ["chargeback", "chargeback_warning"])
def test_a_dispute_suspends_until_it_is_won(feed: Feed, action: str) -> None:
    receipt = buy(feed, BASICS)
    refunds = Refunds(feed)
    lost = refunds.adjust(receipt.transaction_id, [], action)
    assert states(feed) == {"basics": "suspended"}
    refunds.reverse(str(lost.adjustment_id))
    assert states(feed) == {"basics": "active"}
    with pytest.raises(ShopError, match="no open dispute"):
        refunds.reverse(str(lost.adjustment_id))


def test_a_reversal_does_not_lift_a_refund(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    refunds = Refunds(feed)
    lost = refunds.adjust(receipt.transaction_id, [], "chargeback")
    refunds.adjust(receipt.transaction_id, [])
    refunds.reverse(str(lost.adjustment_id))
    assert states(feed) == {"basics": "ended"}


def test_bought_twice_the_better_purchase_counts(feed: Feed) -> None:
    first = buy(feed, BASICS)
    buy(feed, BASICS, email=EMAIL.upper())
    Refunds(feed).adjust(first.transaction_id, [])
    assert states(feed) == {"basics": "active"}


def test_more_than_was_paid_cannot_be_refunded(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    line = lines_of(feed, receipt)[BASICS]
    with pytest.raises(AdjustmentError, match="between 1 and"):
        Refunds(feed).adjust(receipt.transaction_id, [Line(line.line_id, 10**6)])


def test_adjusted_totals_follow_and_the_rest_stays(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    before = feed.store.get("transaction", receipt.transaction_id)
    lost = Refunds(feed).adjust(receipt.transaction_id, [], "chargeback")
    after = feed.store.get("transaction", receipt.transaction_id)
    assert before
    assert after
    assert after["details"]["adjusted_totals"]["total"] == "0"
    Refunds(feed).reverse(str(lost.adjustment_id))
    assert feed.store.get("transaction", receipt.transaction_id) == before
    after["details"]["adjusted_totals"] = before["details"]["adjusted_totals"]
    assert after == before


def test_what_was_refunded_cannot_be_refunded_again(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    refunds = Refunds(feed)
    refunds.adjust(receipt.transaction_id, [])
    with pytest.raises(ShopError, match="above_remaining_allowed: 0 is left"):
        refunds.adjust(receipt.transaction_id, [])


def test_a_pending_refund_blocks_the_next_until_it_is_decided(feed: Feed) -> None:
    receipt = buy(feed, BASICS)
    refunds = Refunds(feed)
    first = refunds.adjust(receipt.transaction_id, [], outcome="pending_approval")
    with pytest.raises(ShopError, match="adjustment_pending_refund_request"):
        refunds.adjust(receipt.transaction_id, [])
    refunds.decide(str(first.adjustment_id), "rejected")
    refunds.adjust(receipt.transaction_id, [])
    assert states(feed) == {"basics": "ended"}


def test_offers_come_from_the_catalog_file(tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text(
        '[[courses]]\nkey = "basics"\ntitle = "Basics"\n'
        f'[[offers]]\ncourses = ["basics"]\nprices.local = "{BASICS}"\n'
        f'[[offers]]\ncourses = ["basics"]\nprices.local = ["{BUNDLE}"]\n'
        '[[offers]]\ncourses = ["basics"]\nprices.production = "pri_x"\n'
        '[[offers]]\ncourses = []\nprices.local = "pri_book"\n'
    )
    assert [(o.price_id, o.name) for o in offers_in(file)] == [
        (BASICS, "Basics"),
        (BUNDLE, "Basics"),
        ("pri_book", "A book"),
    ]
