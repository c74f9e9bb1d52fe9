"""What becomes news for the course platform's cart: once each, and nothing old."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from models.reconciliation import RunKind, RunScope
from tasks.record import record
from tests.checkouts import (
    CAPTURED,
    DECLINED,
    FAILURE,
    HOOK,
    ORDER,
    STORY,
    attempt,
    checkout,
)
from tests.factories import add_events, rows
from tests.purchases import Body, published
from tests.reconciling_objects import Shelf, add_run, finish
from worker.settings import Settings

NOTED = """
SELECT kind, subject_id FROM platform_deliveries
WHERE kind <> 'enrollment.changed' ORDER BY kind, subject_id
"""
PAID = checkout("completed", CAPTURED)


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A database with a course platform to tell."""
    configured(**HOOK)
    return core


def tell(engine: Engine, *bodies: Body) -> list[tuple[str, str]]:
    """Record events, and return what is noted by then."""
    add_events(engine, bodies)
    record([], 1)
    return rows(engine, NOTED)


def test_an_order_and_a_declined_attempt_are_noted_once(shop: Engine) -> None:
    assert tell(shop, *STORY[:1]) == []
    assert tell(shop, *STORY[1:2]) == [FAILURE]
    assert tell(shop, *STORY[2:3]) == [FAILURE]
    assert tell(shop, *STORY[3:]) == [ORDER, FAILURE]
    # A later event of the same purchase brings nothing new.
    later = checkout("completed", DECLINED, CAPTURED, changed=0.1)
    assert tell(shop, later) == [ORDER, FAILURE]


@pytest.mark.parametrize("story", [STORY, STORY[::-1]], ids=["in order", "backwards"])
def test_all_in_one_batch_is_the_same(shop: Engine, story: Sequence[Body]) -> None:
    assert tell(shop, *story) == [ORDER, FAILURE]


def test_backwards_each_by_itself_is_the_same(shop: Engine) -> None:
    assert [tell(shop, body) for body in STORY[::-1]] == [[ORDER, FAILURE]] * 4


def test_each_attempt_is_news_of_its_own(shop: Engine) -> None:
    attempts = [attempt(n, status) for n, status in enumerate(("error", "dropped"))]
    noted = tell(shop, checkout("ready", *attempts, attempt(9, "action_required")))
    assert [subject.partition("/")[2] for _, subject in noted] == [
        "attempt-0",
        "attempt-1",
    ]


NO_NEWS = {
    "renewal": checkout("completed", CAPTURED, origin="subscription_recurring"),
    "failed renewal": checkout("billed", DECLINED, origin="subscription_recurring"),
    "invoice": checkout("completed", CAPTURED, collection_mode="manual"),
    "paid and not booked": checkout("paid", CAPTURED),
    "old": checkout(
        "completed", attempt(1, "error", 73.1), attempt(2, "captured", 73), opened=80
    ),
}


@pytest.mark.parametrize("body", NO_NEWS.values(), ids=NO_NEWS)
def test_what_no_cart_waits_for_is_not_noted(shop: Engine, body: Body) -> None:
    assert tell(shop, body) == []


def test_without_a_platform_nothing_is_noted(core: Engine) -> None:
    assert tell(core, *STORY) == []


def backfill(engine: Engine, *bodies: Body, mails: bool = False) -> None:
    """Take up what the provider has, as an operator asks for it."""
    since = datetime.now(UTC) - timedelta(days=9)
    shelf = Shelf(published("customer.created"), *bodies)
    kinds = (RunKind.TRANSACTIONS, RunKind.CUSTOMERS)
    scope = RunScope.BACKFILL
    runs = [add_run(engine, kind, scope, since=since, mails=mails) for kind in kinds]
    finish(engine, shelf, runs[0])


def test_what_a_backfill_brings_is_no_news_and_stays_none(shop: Engine) -> None:
    backfill(shop, STORY[-1])
    assert rows(shop, "SELECT status FROM transactions") == [("completed",)]
    assert rows(shop, NOTED) == []
    assert tell(shop, checkout("completed", DECLINED, CAPTURED, changed=0.1)) == []


def test_what_happens_to_a_checkout_of_a_backfill_is_news(shop: Engine) -> None:
    backfill(shop, STORY[1])
    assert rows(shop, NOTED) == []
    assert tell(shop, *STORY[2:]) == [ORDER]
