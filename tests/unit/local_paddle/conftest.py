"""A shop without a server: what its control endpoints do, and what it told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_paddle.catalog import Offer, stock
from local_paddle.clock import Clock, instant_of
from local_paddle.entitlement import access_of
from local_paddle.feed import Feed
from local_paddle.ids import Ids
from local_paddle.shop import Shop
from local_paddle.shop_control import ShopControl
from local_paddle.store import Store
from local_paddle.subscription_facts import Viewpoint

BASICS = "pri_01jd0pyth0nbas1cs0000000a1"
MONTHLY = "pri_01jd0m0nth1y00000000000000"
DEEP = "pri_01jd0deep1y000000000000000"
YEARLY = "pri_01jd0year1y000000000000000"
TRIAL = "pri_01jd0tr1a10000000000000000"
EMAIL = "ada@example.com"
MONTH = {"interval": "month", "frequency": 1}
YEAR = {"interval": "year", "frequency": 1}
FORTNIGHT = {"interval": "day", "frequency": 14}
OFFERS = [
    Offer(BASICS, "Basics", ("basics",)),
    Offer(MONTHLY, "Monthly", ("basics",), 1_000, "USD", MONTH),
    Offer(DEEP, "Deep", ("basics", "depth"), 3_000, "USD", MONTH),
    Offer(YEARLY, "Yearly", ("basics",), 9_000, "USD", YEAR),
    Offer(TRIAL, "Tried", ("depth",), 2_000, "USD", MONTH, FORTNIGHT),
]


#: Type and status of events that come together.
CHECKOUT = [
    "transaction.created draft",
    "customer.created active",
    "address.created active",
    "transaction.updated ready",
    "transaction.ready ready",
]
PAID = ["transaction.updated paid", "transaction.paid paid"]
COMPLETED = ["transaction.updated completed", "transaction.completed completed"]
BILLED = ["transaction.created billed", "transaction.billed billed"]
FAILED = [
    "transaction.payment_failed billed",
    "transaction.updated past_due",
    "transaction.past_due past_due",
    "subscription.updated past_due",
    "subscription.past_due past_due",
]
OWED = ["transaction.updated canceled", "transaction.canceled canceled"]


@dataclass
class Told:
    """One event."""

    event_type: str
    occurred_at: str
    data: dict[str, Any]

    @property
    def short(self) -> str:
        """Type and status."""
        return f"{self.event_type} {self.data['status']}"


@dataclass
class World:
    """A shop and all that it told since the last look."""

    shop: Shop
    seen: int = 0
    work: dict[str, Callable[[dict[str, Any]], Any]] = field(default_factory=dict)

    def do(self, name: str, **given: Any) -> Any:
        """Ask what a control endpoint would be asked."""
        return self.work[name](given)

    def told(self) -> list[Told]:
        """Return the events since the last call."""
        rows = self.shop.store.rows(
            "SELECT * FROM events WHERE ordinal > ? ORDER BY ordinal", (self.seen,)
        )
        self.seen = rows[-1]["ordinal"] if rows else self.seen
        return [
            Told(r["event_type"], r["occurred_at"], json.loads(r["data"])) for r in rows
        ]

    def shorts(self) -> list[str]:
        """Return type and status of the events since the last look."""
        return [told.short for told in self.told()]

    def subscription(self) -> dict[str, Any]:
        """Return the latest subscription."""
        return self.shop.store.all("subscription")[-1]

    def transaction(self) -> dict[str, Any]:
        """Return the latest transaction."""
        return self.shop.store.all("transaction")[-1]

    def access(self, email: str = EMAIL) -> dict[str, tuple[str, str]]:
        """Return state and cause by price."""
        view = Viewpoint(self.shop.feed.clock.now())
        found = access_of(self.shop.store, view)
        return {
            a["price_id"]: (a["state"], a["cause"])
            for a in found
            if a["email"] == email
        }

    def days_since(self, text: str) -> float:
        """Return how many days ago an instant was."""
        passed = self.shop.feed.clock.now() - instant_of(text)
        return passed / timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A shop whose time begins on 15 January 2027."""
    store = Store(tmp_path)
    clock = Clock()
    clock.move_to(datetime(2027, 1, 15, 12, tzinfo=UTC))
    stock(store, clock, OFFERS)
    shop = Shop(Feed(store, Ids(), clock))
    yield World(shop, work=ShopControl(shop).writers())
    store.close()
