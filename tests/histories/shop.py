"""A shop in which anything may happen; what it tells waits to be delivered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.histories.bodies import (
    Body,
    Data,
    Sold,
    adjustment,
    customer,
    items_of,
    paid,
    period,
    rfc,
    subscription,
    transaction,
)

#: The last two are one person with two accounts at the provider.
EMAILS = ("ann@example.com", "ben@example.com", "cleo@example.com", "CLEO@example.com")
USERS = (None, None, None, "user-ann", "user-ben")
#: Bought once: for good, for 30 days, two courses at once, an event, not mapped at first.
ONCE = ("pri_good", "pri_days", "pri_bundle", "pri_event", "pri_unmapped")
#: Bought by the month.
PLANS = ("pri_plan_a", "pri_plan_b")
MONTH = timedelta(days=30)
TICK = timedelta(seconds=1)


@dataclass
class Shop:
    """Makes events; the caller decides which are delivered, when, and how often."""

    now: datetime
    #: Told, and not yet delivered.
    pool: list[Body] = field(default_factory=list)
    bills: list[Data] = field(default_factory=list)
    subscriptions: list[Data] = field(default_factory=list)
    adjustments: list[tuple[Data, Data]] = field(default_factory=list)
    _events: int = 0

    def join(self, who: int) -> None:
        """A customer becomes known."""
        number = who % len(EMAILS)
        self._tell("customer.created", customer(number, EMAILS[number]))

    def buy(self, who: int, what: int, quantity: int) -> None:
        """Somebody buys once, and pays at once."""
        sold = [Sold(ONCE[what % len(ONCE)], 1 + quantity % 3)]
        if what % 7 == 0:
            sold *= 2  # the same price twice
        bill = self._bill(who, sold)
        self._tell("transaction.created", bill)
        self._settle(len(self.bills) - 1)

    def refund(self, which: int, share: int, verdict: str) -> None:
        """Money of a bill goes back, or not."""
        self._adjust(which, "refund", share, "pending_approval")
        if self.adjustments:
            self._tell_of(len(self.adjustments) - 1, verdict)

    def dispute(self, which: int, *, is_warning: bool) -> None:
        """A buyer disputes a bill."""
        action = "chargeback_warning" if is_warning else "chargeback"
        self._adjust(which, action, 100, "approved")

    def reverse(self, which: int, *, marks: bool) -> None:
        """A dispute is won; the provider may mark it as reversed."""
        disputes = [
            n
            for n, (_, data) in enumerate(self.adjustments)
            if data["action"] in {"chargeback", "chargeback_warning"}
            and data["status"] == "approved"
        ]
        if not disputes:
            return
        number = disputes[which % len(disputes)]
        bill, data = self.adjustments[number]
        if marks:
            self._tell_of(number, "reversed")
        index = self.bills.index(bill)
        self._adjust(index, f"{data['action']}_reverse", 100, "approved")

    def subscribe(self, who: int, plan: int, *, by_invoice: bool) -> None:
        """Somebody begins a subscription."""
        sold = [Sold(PLANS[plan % len(PLANS)], recurring=True)]
        bill = self._bill(who, sold)
        bill["collection_mode"] = "manual" if by_invoice else "automatic"
        made = subscription(f"sub_{len(self.subscriptions)}", bill, sold, self.now)
        made["current_billing_period"] = period(self.now, self.now + MONTH)
        bill |= {
            "subscription_id": made["id"],
            "billing_period": made["current_billing_period"],
        }
        self.subscriptions.append(made)
        self._tell("transaction.created", bill)
        first = {**made, "transaction_id": bill["id"]}
        self._tell("subscription.created", first, lasts=timedelta())
        self._tell("subscription.activated", made)
        if not by_invoice:
            self._settle(len(self.bills) - 1)

    def pay(self, which: int) -> None:
        """An open bill is paid."""
        open_ = [n for n, bill in enumerate(self.bills) if bill["status"] == "ready"]
        if open_:
            self._settle(open_[which % len(open_)])

    def change(self, which: int, how: Callable[["Shop", Data], Data]) -> None:
        """A subscription that is not over changes."""
        alive = [
            n
            for n, made in enumerate(self.subscriptions)
            if made["status"] != "canceled"
        ]
        if alive:
            number = alive[which % len(alive)]
            changed = how(self, self.subscriptions[number])
            self.subscriptions[number] = changed
            self._tell("subscription.updated", changed)

    def _bill(self, who: int, sold: list[Sold]) -> Data:
        number = len(self.bills)
        user = USERS[(who + number) % len(USERS)]
        buyer = f"ctm_{who % len(EMAILS)}"
        bill = transaction(f"txn_{number}", buyer, sold, self.now, user)
        self.bills.append(bill)
        return bill

    def _settle(self, number: int) -> None:
        self.bills[number] = bill = paid(self.bills[number], self.now)
        self._tell("transaction.paid", bill)
        self.bills[number] = bill = {**bill, "status": "completed"}
        self._tell("transaction.updated", bill, lasts=timedelta())
        self._tell("transaction.completed", bill)
        self.adjustments = [
            (bill if known["id"] == bill["id"] else known, data)
            for known, data in self.adjustments
        ]

    def _adjust(self, which: int, action: str, share: int, status: str) -> None:
        done = [bill for bill in self.bills if bill["status"] == "completed"]
        if done:
            bill = done[which % len(done)]
            id_ = f"adj_{len(self.adjustments)}"
            data = adjustment(id_, bill, (action, status), share, self.now)
            self.adjustments.append((bill, data))
            self._tell("adjustment.created", data)

    def _tell_of(self, number: int, status: str) -> None:
        bill, data = self.adjustments[number]
        self.adjustments[number] = (bill, changed := {**data, "status": status})
        self._tell("adjustment.updated", changed)

    def _tell(self, kind: str, data: Data, lasts: timedelta = TICK) -> None:
        self._events += 1
        at = rfc(self.now)
        body = {
            "event_id": f"evt_{self._events:06}",
            "event_type": kind,
            "occurred_at": at,
            "data": {**data, "updated_at": at},
        }
        self.pool.append(body)
        self.now += lasts


def renewed(shop: Shop, made: Data) -> Data:
    """A new period begins, before it is paid."""
    return {
        **made,
        "status": "active",
        "current_billing_period": period(shop.now, shop.now + MONTH),
        "scheduled_change": None,
    }


def past_due(_: Shop, made: Data) -> Data:
    """A renewal was not paid."""
    return {**made, "status": "past_due"} if made["status"] == "active" else made


def paused(shop: Shop, made: Data) -> Data:
    """It pauses now."""
    at = {"status": "paused", "paused_at": rfc(shop.now)}
    return {**made, **at, "current_billing_period": None, "scheduled_change": None}


def canceled(shop: Shop, made: Data) -> Data:
    """It is over now."""
    at = {"status": "canceled", "canceled_at": rfc(shop.now)}
    return {**made, **at, "current_billing_period": None, "scheduled_change": None}


def to_end(shop: Shop, made: Data) -> Data:
    """It is to be over in ten days."""
    at = rfc(shop.now + timedelta(days=10))
    return {**made, "scheduled_change": {"action": "cancel", "effective_at": at}}


def to_pause(shop: Shop, made: Data) -> Data:
    """It is to pause in ten days."""
    at = rfc(shop.now + timedelta(days=10))
    return {**made, "scheduled_change": {"action": "pause", "effective_at": at}}


def other_plan(_: Shop, made: Data) -> Data:
    """It is for the other plan from now on."""
    known = made["items"][0]["price"]["id"]
    (other,) = (plan for plan in PLANS if plan != known)
    return {**made, "items": items_of([Sold(other, recurring=True)])}


CHANGES = (renewed, past_due, paused, canceled, to_end, to_pause, other_plan)
