"""What is measured is a shop's real day, and what is reported is whole."""

from collections import Counter
from datetime import datetime
from itertools import pairwise

import pytest

from bench.events import COURSES, EVENTS_PER_PURCHASE, Event, day_of
from models.fold import fold
from models.snapshots import CustomerSnapshot, TransactionSnapshot
from worker.catalog import read_catalog
from worker.providers.contract import StoredEvent
from worker.providers.paddle.provider import Paddle
from worker.settings import ROOT, Environment

PURCHASES = 30


@pytest.fixture(scope="module")
def day() -> list[Event]:
    return day_of(PURCHASES)


def read(event: Event) -> object:
    at = datetime.fromisoformat(event.occurred_at)
    known = ("paddle", event.event_id, event.event_type, at)
    return Paddle().read(StoredEvent(1, *known, event.body))


def test_every_body_is_understood(day: list[Event]) -> None:
    kinds = Counter(type(read(event)) for event in day)
    assert kinds == {
        CustomerSnapshot: PURCHASES,
        TransactionSnapshot: PURCHASES * (EVENTS_PER_PURCHASE - 1),
    }


def test_every_purchase_ends_completed(day: list[Event]) -> None:
    told = [read(event) for event in day]
    snapshots = [one for one in told if isinstance(one, TransactionSnapshot)]
    winners = fold({}, snapshots).winners.values()
    assert Counter(one.status for one in winners) == {"completed": PURCHASES}


def test_purchases_overlap_and_events_overtake_each_other(day: list[Event]) -> None:
    buyers = [event.customer_id for event in day]
    neighbours = pairwise(buyers)
    assert sum(one != other for one, other in neighbours) > len(day) / 2
    assert [event.occurred_at for event in day] != sorted(e.occurred_at for e in day)


def test_the_prices_are_those_of_the_catalog_with_one_course_each() -> None:
    catalog = read_catalog(ROOT / "catalog.toml", Environment.LOCAL)
    given = [(offer.price_id, offer.course_key) for offer in catalog.offers]
    assert {price: [c for p, c in given if p == price] for price in COURSES} == {
        price: [course] for price, course in COURSES.items()
    }
