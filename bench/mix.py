"""A day as a shop with subscriptions has it: 60 % purchases, 30 % renewals, 10 % changes.

By what happens, not by events. What renews or changes began on a day before, which is
recorded before the clock starts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.events import TAX_RATE, Event, Shop
from local_paddle import adjustment, subscription
from local_paddle import transaction as snapshot
from local_paddle.entity import customer_of, price_of, product_of
from local_paddle.ids import stable_id
from local_paddle.item import Item
from local_paddle.period import later, period_of
from local_paddle.store import Entity

#: Of ten things that happen.
PURCHASES, RENEWALS = 6, 3
PLANS = {
    "pri_01jd0m0nthly00000000000m01": "all-courses",
    "pri_01jd0yearly000000000000y01": "all-courses-plus",
}
MONTH = {"interval": "month", "frequency": 1}
Told = tuple[datetime, Event]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Two days: the one before, and the one that is measured."""

    past: list[Event]
    events: list[Event]
    #: Enrollments that were active and told after each.
    past_welcomes: int
    welcomes: int


class Club(Shop):
    """Sells courses, and all of them by the month."""

    def __init__(self) -> None:
        """Open the club."""
        super().__init__()
        self._plans = [self._plan(price_id) for price_id in PLANS]
        self._subscribed: list[tuple[Entity, Entity]] = []

    def begin(self, number: int) -> Iterator[Told]:
        """Return the events by which a subscription begins, a month ago."""
        at = self._opened_at - timedelta(days=30) + timedelta(seconds=number / 80)
        email = {"email": f"member{number}@example.com", "name": f"Member {number}"}
        customer = customer_of(self._ids.new("ctm"), at, email)
        draft = snapshot.drafted(self._ids, [self._plans[0]], TAX_RATE, at, {})
        ready = snapshot.readied(draft, customer["id"], self._ids.new("add"), at)
        yield self._told("customer.created", customer, at, customer["id"])
        at = self._later(at)
        paid = snapshot.paid(ready, self._ids, at)
        made = subscription.begun(self._ids, paid, [self._plans[0]], at, at)
        done = {
            **snapshot.completed(paid, self._ids, f"326-{10_001 + number}", at),
            "subscription_id": made["id"],
            "billing_period": made["current_billing_period"],
        }
        self._subscribed.append((made, done))
        for kind, entity in (
            ("transaction.paid", paid),
            ("subscription.created", {**made, "transaction_id": done["id"]}),
            ("subscription.activated", made),
            ("transaction.completed", done),
        ):
            yield self._told(kind, entity, at, customer["id"])

    def renew(self, number: int, order: int) -> Iterator[Told]:
        """Return the seven events of a renewal."""
        before, _ = self._subscribed[number]
        at = self._at(order)
        start = datetime.fromisoformat(before["current_billing_period"]["ends_at"])
        period = period_of(start, later(start, MONTH))
        renewed = subscription.renewed(before, period, at)
        buyer = before["customer_id"]
        yield self._told("subscription.updated", renewed, at, buyer)
        given = {
            **{name: before[name] for name in ("customer_id", "address_id")},
            "subscription_id": before["id"],
            "origin": "subscription_recurring",
            "billing_period": period,
        }
        items = subscription.bought(renewed)
        bill = snapshot.billed(self._ids, items, TAX_RATE, at, given)
        yield self._told("transaction.created", bill, at, buyer)
        yield self._told("transaction.billed", bill, at, buyer)
        at = self._later(at)
        paid = snapshot.paid(bill, self._ids, at)
        yield self._told("transaction.updated", paid, at, buyer)
        yield self._told("transaction.paid", paid, at, buyer)
        at = self._later(at)
        done = snapshot.completed(paid, self._ids, f"327-{10_001 + number}", at)
        yield self._told("transaction.updated", done, at, buyer)
        yield self._told("transaction.completed", done, at, buyer)

    def change(self, number: int, order: int) -> Iterator[Told]:
        """Return a refund, a dispute and its reversal, another plan, or a cancellation."""
        made, bill = self._subscribed[number]
        at, buyer = self._at(order), made["customer_id"]
        match number % 4:
            case 0:
                asked = self._adjusted(bill, "refund", at)
                yield self._told("adjustment.created", asked, at, buyer)
                yield self._told(
                    "adjustment.updated", {**asked, "status": "approved"}, at, buyer
                )
            case 1:
                disputed = self._adjusted(bill, "chargeback", at)
                yield self._told("adjustment.created", disputed, at, buyer)
                at = self._later(at)
                won = self._adjusted(bill, "chargeback_reverse", at)
                yield self._told("adjustment.created", won, at, buyer)
            case 2:
                other = subscription.replanned(made, [self._plans[1]], at)
                yield self._told("subscription.updated", other, at, buyer)
            case _:
                over = subscription.stopped(made, "canceled", at)
                yield self._told("subscription.updated", over, at, buyer)
                yield self._told("subscription.canceled", over, at, buyer)

    def _adjusted(self, bill: Entity, action: str, at: datetime) -> Entity:
        lines = adjustment.whole(bill)
        return adjustment.adjusted(self._ids, bill, lines, at, {"action": action})

    def _plan(self, price_id: str) -> Item:
        product_id = stable_id("pro", price_id)
        course = {"custom_data": {"course": PLANS[price_id]}}
        named = {"name": PLANS[price_id]}
        product = product_of(product_id, self._opened_at, named)
        given = {
            "product_id": product_id,
            "description": "by the month",
            "name": PLANS[price_id],
            "unit_price": {"amount": "1900", "currency_code": "USD"},
            "billing_cycle": MONTH,
            **course,
        }
        return Item(price_of(price_id, self._opened_at, given), product)


def mixed_days(things: int) -> Mixed:
    """Return a past, and a day on which so many things happen, in order of arrival."""
    club = Club()
    renewals, changes = (
        things * RENEWALS // 10,
        things * (10 - PURCHASES - RENEWALS) // 10,
    )
    past = [told for n in range(renewals + changes) for told in club.begin(n)]
    day: list[Told] = []
    purchases = renewed = changed = 0
    for order in range(things):
        turn = order % 10
        if turn < PURCHASES:
            day += club.purchase(order)
            purchases += 1
        elif turn < PURCHASES + RENEWALS:
            day += club.renew(renewed, order)
            renewed += 1
        else:
            day += club.change(renewals + changed, order)
            changed += 1
    # Another plan is another course.
    replanned = sum(1 for n in range(renewals, renewals + changed) if n % 4 == 2)  # noqa: PLR2004
    began = renewals + changes
    return Mixed(_in_order(past), _in_order(day), began, began + purchases + replanned)


def _in_order(told: list[Told]) -> list[Event]:
    return [event for _, event in sorted(told, key=lambda one: one[0])]
