"""Purchases, as a course shop's checkout makes them.

The events come in the order in which Paddle makes them
(https://developer.paddle.com/webhooks/overview and the scenarios below it): opening
the checkout, entering details, paying, completing. ``occurred_at`` lies a moment apart
and ends at the present, while ids count on, so that a poller misses nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from local_paddle import transaction as snapshot
from local_paddle.agenda import Agenda
from local_paddle.buyer import Buyer, PaymentPage
from local_paddle.clock import rfc3339
from local_paddle.collecting import Collecting
from local_paddle.discount import first_bill, found
from local_paddle.faults import Fault
from local_paddle.feed import Feed
from local_paddle.item import Item, items_of
from local_paddle.money import tax_rate_of
from local_paddle.order import STAGES, Order
from local_paddle.renewal import Renewals
from local_paddle.store import Entity
from local_paddle.till import (
    NO_FAULTS,
    Receipt,
    ShopError,
    Till,
    later_than,
    transaction_of,
)

#: How long each step takes, in microseconds: [least, most].
STEPS = {
    "details": (300_000, 900_000),
    "decline": (200_000, 700_000),
    "pay": (300_000, 900_000),
    "complete": (800_000, 1_500_000),
}
PAYABLE = ("ready", "billed", "past_due")
NOBODY = Buyer()


class Checkout:
    """Sells what the feed's store has for sale."""

    def __init__(self, feed: Feed) -> None:
        """Tell of purchases through this feed."""
        self._feed = feed
        self._store = feed.store
        self._ids = feed.ids
        self._page = PaymentPage(feed)
        self._agenda = Agenda(feed.store)
        self._collecting = Collecting(feed, self._agenda)
        self._renewals = Renewals(feed, self._agenda, self._collecting)

    def purchase(self, order: Order) -> Receipt:
        """Play a one-off purchase up to the stage that the order names.

        Raises:
            ShopError: An unknown price or stage, or prices that do not go together.

        """
        if order.until not in STAGES:
            message = f"until must be one of {', '.join(STAGES)}"
            raise ShopError(message)
        items = self.items(order.items)
        chance = self._feed.plan.random_for(f"purchase {self._ordinal()}")
        steps = {step: chance.randrange(*bounds) for step, bounds in STEPS.items()}
        is_declined = chance.random() < self._feed.plan.declined
        if order.is_declined_first is not None:
            is_declined = order.is_declined_first
        start = self._feed.clock.now() - timedelta(microseconds=sum(steps.values()))
        till = Till(self._feed, start, order.faults)
        with self._store.transaction():
            transaction = self._open(till, order, items)
            if order.until != "draft":
                transaction = self._enter_details(till, order, transaction, steps)
            if order.until == "payment_failed" or is_declined:
                transaction = self._decline(till, transaction, steps, order.until)
            transaction = self._finish(till, transaction, steps, order.until)
        return _receipt(transaction, till)

    def pay(
        self,
        transaction_id: str,
        buyer: Buyer = NOBODY,
        faults: Mapping[str, Fault] = NO_FAULTS,
    ) -> Receipt:
        """Pay and complete a transaction that is ready, billed or past due.

        On the page of a draft the buyer says first who they are.

        Raises:
            ShopError: It is unknown or in another state, or nobody says who pays.

        """
        open_ = transaction_of(self._store, transaction_id)
        is_page = _is_checkout(open_)
        if open_["status"] not in PAYABLE and not is_page:
            message = f"{transaction_id} is {open_['status']}, not ready"
            raise ShopError(message)
        till = Till(self._feed, later_than(self._feed.clock.now(), open_), faults)
        with self._store.transaction():
            if is_page:
                open_ = self._page.fill_in(till, open_, buyer)
            if open_["status"] == "ready":
                steps = {"pay": 1, "complete": 1}
                self._finish(till, open_, steps, "completed")
            else:
                self._collecting.settle(till, open_)
        return _receipt(transaction_of(self._store, transaction_id), till)

    def items(self, wanted: Sequence[tuple[str, int]]) -> list[Item]:
        """Look prices and their products up.

        Raises:
            ShopError: A price is unknown, or they do not go together.

        """
        return items_of(self._store, wanted)

    def _open(self, till: Till, order: Order, items: list[Item]) -> Entity:
        rate = tax_rate_of(order.country)
        discount = found(self._store, order.discount, till.now)
        given = {
            "custom_data": order.custom_data,
            "origin": "api" if order.is_invoice else "web",
            "discount_id": discount["id"] if discount else None,
            "collection_mode": "manual" if order.is_invoice else "automatic",
            "billing_details": snapshot.invoice_details(order.terms_days)
            if order.is_invoice
            else None,
        }
        due = first_bill(items, discount)
        opened = snapshot.drafted(self._ids, due, rate, till.now, given)
        till.tell("transaction.created", entity=opened)
        return opened

    def _enter_details(
        self, till: Till, order: Order, transaction: Entity, steps: Mapping[str, int]
    ) -> Entity:
        till.tick(steps["details"])
        buyer = Buyer(order.email, order.name, order.country)
        return self._page.fill_in(till, transaction, buyer)

    def _decline(
        self, till: Till, transaction: Entity, steps: Mapping[str, int], until: str
    ) -> Entity:
        if until in {"draft", "ready"}:
            return transaction
        failed = snapshot.declined(transaction, self._ids, till.tick(steps["decline"]))
        till.tell("transaction.payment_failed", entity=failed)
        return failed

    def _finish(
        self, till: Till, transaction: Entity, steps: Mapping[str, int], until: str
    ) -> Entity:
        if until not in {"billed", "paid", "completed"}:
            return transaction
        if transaction["collection_mode"] == "manual":
            transaction = self._invoice(till, transaction)
        if until == "billed":
            return transaction
        paid = self._collecting.paid(till, transaction, steps["pay"])
        self._agenda.drop(paid["id"])
        if until == "paid":
            return paid
        if paid["subscription_id"] is None:
            paid = self._subscribed(till, paid)
        return self._collecting.completed(till, paid, steps["complete"])

    def _invoice(self, till: Till, transaction: Entity) -> Entity:
        """Bill it: a subscription begins here, before anything is paid."""
        bill = snapshot.as_billed(transaction, till.tick())
        till.tell("transaction.updated", entity=bill)
        till.tell("transaction.billed", entity=bill)
        self._collecting.await_payment(bill)
        number = self._collecting.invoice_number(bill)
        numbered = {**bill, **snapshot.invoiced(bill, self._ids, number)}
        numbered = self._with_subscription(till, numbered)
        numbered["updated_at"] = rfc3339(till.tick())
        till.tell("transaction.updated", entity=numbered)
        return numbered

    def _subscribed(self, till: Till, paid: Entity) -> Entity:
        """Start what recurs; the transaction names it one event later."""
        begun = self._with_subscription(till, paid)
        if begun["subscription_id"]:
            begun = snapshot.settled(begun, till.tick())
            till.tell("transaction.updated", entity=begun)
        return begun

    def _with_subscription(self, till: Till, transaction: Entity) -> Entity:
        wanted = [(i["price"]["id"], i["quantity"]) for i in transaction["items"]]
        items = self.items(wanted)
        if not any(item.is_recurring for item in items):
            return {**transaction}
        begun = self._renewals.begin(till, transaction, items)
        period = begun["current_billing_period"]
        about = {"subscription_id": begun["id"], "billing_period": period}
        return {**transaction, **about}

    def _ordinal(self) -> int:
        return int(self._store.value("SELECT coalesce(max(ordinal), 0) FROM events"))


def _is_checkout(transaction: Entity) -> bool:
    """Tell whether it waits on a payment page for its buyer."""
    is_draft = transaction["status"] == "draft"
    return bool(is_draft and transaction["collection_mode"] == "automatic")


def _receipt(transaction: Entity, till: Till) -> Receipt:
    return Receipt(
        transaction["id"],
        transaction["customer_id"],
        subscription_id=transaction["subscription_id"],
        events=till.events,
    )
