"""Makes a shop's events in bulk, in the order in which they would arrive.

The bodies are the local Paddle's own snapshots, without its store: whole transactions
of 2 to 5 KB. Purchases overlap and deliveries overtake each other, so the events of
one purchase lie far apart among those of many others, as they do on a busy day.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from local_paddle import transaction as snapshot
from local_paddle.clock import rfc3339
from local_paddle.entity import customer_of, price_of, product_of
from local_paddle.ids import Ids, stable_id
from local_paddle.item import Item
from local_paddle.signing import compact
from local_paddle.store import Entity

#: Prices of the demo's catalog that give one course each.
COURSES = {
    "pri_01jd0pyth0nbas1cs0000000a1": "python-basics",
    "pri_01jd0sq1nd3pth0000000000b2": "sql-in-depth",
}
EVENTS_PER_PURCHASE = 7
#: Purchases begun per second of the shop's time.
PURCHASES_PER_SECOND = 80
#: A delivery arrives up to so much later than its event.
LONGEST_DELAY_SECONDS = 1.0
#: Least and most time from one step of a checkout to the next.
STEP_SECONDS = (0.3, 1.2)
TAX_RATE = Decimal("0.2")
SEED = 20


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is delivered."""

    event_id: str
    event_type: str
    occurred_at: str
    #: The buyer: what is told apart when work is shared out by hand.
    customer_id: str
    body: bytes


class Shop:
    """Sells courses."""

    def __init__(self, seed: int = SEED) -> None:
        """Open the shop; the same seed makes the same day, other ids aside."""
        self._chance = random.Random(seed)
        self._ids = Ids()
        self._opened_at = datetime.now(UTC) - timedelta(hours=1)
        self._items = [self._item(price_id) for price_id in COURSES]

    def purchase(self, number: int) -> Iterator[tuple[datetime, Event]]:
        """Return the events of one purchase, each with the time of its arrival."""
        at = self._at(number)
        item = self._items[number % len(self._items)]
        given = {"custom_data": {"campaign": f"autumn-{number % 7}"}}
        customer = customer_of(
            self._ids.new("ctm"),
            at,
            {"email": f"learner{number}@example.com", "name": f"Learner {number}"},
        )

        def tell(kind: str, entity: Entity) -> tuple[datetime, Event]:
            return self._told(kind, entity, at, customer["id"])

        draft = snapshot.drafted(self._ids, [item], TAX_RATE, at, given)
        yield tell("transaction.created", draft)
        at = self._later(at)
        yield tell("customer.created", customer)
        ready = snapshot.readied(draft, customer["id"], self._ids.new("add"), at)
        yield tell("transaction.updated", ready)
        yield tell("transaction.ready", ready)
        at = self._later(at)
        paid = snapshot.paid(ready, self._ids, at)
        yield tell("transaction.paid", paid)
        at = self._later(at)
        done = snapshot.completed(paid, self._ids, f"325-{10_001 + number}", at)
        yield tell("transaction.updated", done)
        yield tell("transaction.completed", done)

    def _at(self, number: int) -> datetime:
        return self._opened_at + timedelta(seconds=number / PURCHASES_PER_SECOND)

    def _told(
        self, kind: str, entity: Entity, at: datetime, customer_id: str
    ) -> tuple[datetime, Event]:
        """Return an event with the time of its arrival."""
        delay = self._chance.uniform(0, LONGEST_DELAY_SECONDS)
        arrival = at + timedelta(seconds=delay)
        return arrival, self._event(kind, entity, at, customer_id)

    def _later(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self._chance.uniform(*STEP_SECONDS))

    def _event(
        self, kind: str, entity: Entity, at: datetime, customer_id: str
    ) -> Event:
        event_id, occurred_at = self._ids.new("evt"), rfc3339(at)
        body = compact(
            {
                "data": entity,
                "event_id": event_id,
                "event_type": kind,
                "occurred_at": occurred_at,
                "notification_id": self._ids.new("ntf"),
            }
        )
        return Event(event_id, kind, occurred_at, customer_id, body.encode())

    def _item(self, price_id: str) -> Item:
        product_id = stable_id("pro", price_id)
        name = COURSES[price_id]
        product = product_of(product_id, self._opened_at, {"name": name})
        unit_price = {"amount": "4900", "currency_code": "USD"}
        about = {"product_id": product_id, "description": f"{name}, once"}
        given = {**about, "name": name, "unit_price": unit_price}
        return Item(price_of(price_id, self._opened_at, given), product)


def day_of(purchases: int, seed: int = SEED) -> list[Event]:
    """Return the events of so many purchases, interleaved, in order of arrival."""
    shop = Shop(seed)
    arrivals = [told for number in range(purchases) for told in shop.purchase(number)]
    return [event for _, event in sorted(arrivals, key=lambda told: told[0])]
