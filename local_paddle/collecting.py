"""Collects what a subscription's transactions cost, again and again if need be.

Live accounts try a failed payment up to seven times within thirty days and then cancel
or pause (https://developer.paddle.com/changelog/2025/default-dunning-payment-recovery);
on which days is not published. Sandbox accounts try no payment again.
"""

from datetime import datetime, timedelta
from typing import Any

from local_paddle import subscription as standing
from local_paddle import transaction as snapshot
from local_paddle.account import Account, account_of, book_credit
from local_paddle.agenda import Agenda, Deed
from local_paddle.clock import instant_of, rfc3339
from local_paddle.discount import used
from local_paddle.feed import Feed
from local_paddle.period import later
from local_paddle.store import Entity
from local_paddle.till import ShopError, Till, later_than

#: Days after the first failure.
RETRY_DAYS = (1, 3, 5, 8, 13, 20, 30)
DUNNING_FACT = "dunning"
EXHAUSTED = ("canceled", "paused")
FIRST_INVOICE = 10_001
INVOICE_SERIES = 325
#: How long after billing Paddle collects; between two events of one step.
STEP_MICROSECONDS = 900
PAYMENT_TERMS = {"interval": "day", "frequency": 30}


class Collecting:
    """Pays, completes, dunns and gives up."""

    def __init__(self, feed: Feed, agenda: Agenda) -> None:
        """Tell of payments through this feed."""
        self._feed = feed
        self._store = feed.store
        self._agenda = agenda

    @property
    def dunning(self) -> dict[str, Any]:
        """On which days payments are tried again, and what comes of it at last."""
        usual = {"days": list(RETRY_DAYS), "exhausted": EXHAUSTED[0]}
        return {**usual, **self._store.fact(DUNNING_FACT, {})}

    def set_dunning(self, given: Entity) -> dict[str, Any]:
        """Change it.

        Raises:
            ShopError: Days that do not rise, or an unknown end.

        """
        wanted = {**self.dunning, **given}
        days = wanted["days"]
        if (
            set(wanted) != {"days", "exhausted"}
            or days != sorted(days)
            or any(day < 0 for day in days)
        ):
            message = "dunning has days, rising, and exhausted"
            raise ShopError(message)
        if wanted["exhausted"] not in EXHAUSTED:
            message = f"exhausted must be one of {', '.join(EXHAUSTED)}"
            raise ShopError(message)
        self._store.remember(DUNNING_FACT, wanted)
        return wanted

    def paid(
        self, till: Till, transaction: Entity, wait: int = STEP_MICROSECONDS
    ) -> Entity:
        """Take the money of a transaction after a wait in microseconds."""
        paid = snapshot.paid(transaction, self._feed.ids, till.tick(wait))
        till.tell("transaction.updated", entity=paid)
        till.tell("transaction.paid", entity=paid)
        return paid

    def completed(
        self, till: Till, transaction: Entity, wait: int = STEP_MICROSECONDS
    ) -> Entity:
        """Complete a paid transaction after a wait in microseconds."""
        number = self.invoice_number(transaction)
        at = till.tick(wait)
        done = snapshot.completed(transaction, self._feed.ids, number, at)
        till.tell("transaction.updated", entity=done)
        till.tell("transaction.completed", entity=done)
        book_credit(self._store, done)
        used(self._store, done["discount_id"])
        return done

    def invoice_number(self, transaction: Entity) -> str:
        """Return its invoice number, a new one if it has none."""
        if transaction["invoice_number"]:
            return str(transaction["invoice_number"])
        number = self._store.next_number("invoice", FIRST_INVOICE)
        return f"{INVOICE_SERIES}-{number}"

    def declined(
        self, till: Till, transaction: Entity, account: Account, status: str
    ) -> Entity:
        """Try in vain; what follows shares the attempt's ``updated_at``.

        ``status`` is what the transaction becomes: past due, or canceled where the
        change that it pays for is given up.
        """
        at = till.tick(STEP_MICROSECONDS)
        failed = snapshot.declined(
            transaction, self._feed.ids, at, account.error_code
        ) | {"updated_at": rfc3339(at)}
        till.tell("transaction.payment_failed", entity=failed)
        if failed["status"] != status:
            failed = {**failed, "status": status}
            till.tell("transaction.updated", entity=failed)
            till.tell(f"transaction.{status}", entity=failed)
        return failed

    def collect(self, till: Till, subscription: Entity, bill: Entity) -> Entity | None:
        """Collect a bill of a subscription; None means that it is past due now.

        An invoice waits for the buyer instead, and is returned as it is.
        """
        if bill["collection_mode"] == "manual":
            self.await_payment(bill)
            return bill
        account = account_of(self._store, subscription["id"])
        if account.takes_payment():
            account.keep(self._store)
            return self.completed(till, self.paid(till, bill))
        account.retries = 0
        account.keep(self._store)
        self.declined(till, bill, account, "past_due")
        self._past_due(till, subscription)
        self._retry_later(account, bill)
        return None

    def await_payment(self, bill: Entity) -> None:
        """Give a buyer the time of the payment terms."""
        self._agenda.put(Deed.OVERDUE, bill["id"], _payable_until(bill))

    def overdue(self, transaction_id: str) -> None:
        """Make an unpaid invoice and its subscription past due."""
        bill = self._store.get("transaction", transaction_id)
        if bill is None or bill["status"] != "billed":
            return
        till = self._till(bill)
        late = snapshot.closed(bill, "past_due", till.tick())
        till.tell("transaction.updated", entity=late)
        till.tell("transaction.past_due", entity=late)
        owner = self._owner(bill)
        if owner and owner["status"] == "active":
            self._past_due(till, owner)

    def try_again(self, transaction_id: str) -> str | None:
        """Try a payment that is past due again.

        Returns:
            What is to become of the subscription, once all tries were in vain.

        """
        bill = self._store.get("transaction", transaction_id)
        owner = self._owner(bill) if bill else None
        if bill is None or owner is None or bill["status"] != "past_due":
            return None
        account = account_of(self._store, owner["id"])
        if account.takes_payment():
            account.keep(self._store)
            self.settle(self._till(bill, owner), bill)
            return None
        account.retries += 1
        account.keep(self._store)
        self.declined(self._till(bill, owner), bill, account, "past_due")
        if account.retries < len(self.dunning["days"]):
            self._retry_later(account, bill)
            return None
        return str(self.dunning["exhausted"])

    def settle(self, till: Till, bill: Entity) -> None:
        """Pay what is billed or past due; the subscription recovers."""
        self._agenda.drop(bill["id"])
        self.completed(till, self.paid(till, bill))
        owner = self._owner(bill)
        if owner and owner["status"] == "past_due":
            active = standing.in_status(owner, "active", till.wait_for(owner))
            till.tell("subscription.updated", entity=active)
            if active["next_billed_at"]:
                due = instant_of(active["next_billed_at"])
                self._agenda.put(Deed.RENEW, active["id"], due)

    def give_up(self, till: Till, subscription: Entity) -> None:
        """Cancel the payments that a stopped subscription still owes."""
        owed = self._store.having("transaction", "subscription_id", subscription["id"])
        for bill in owed:
            if bill["status"] == "past_due":
                self._agenda.drop(bill["id"])
                canceled = snapshot.closed(bill, "canceled", till.wait_for(bill))
                till.tell("transaction.updated", entity=canceled)
                till.tell("transaction.canceled", entity=canceled)

    def _past_due(self, till: Till, subscription: Entity) -> None:
        at = till.wait_for(subscription)
        late = standing.in_status(subscription, "past_due", at)
        till.tell("subscription.updated", entity=late)
        till.tell("subscription.past_due", entity=late)

    def _retry_later(self, account: Account, bill: Entity) -> None:
        days = self.dunning["days"]
        if days:
            due = instant_of(bill["billed_at"]) + timedelta(days=days[account.retries])
            self._agenda.put(Deed.COLLECT, bill["id"], due)

    def _owner(self, bill: Entity) -> Entity | None:
        return self._store.get("subscription", bill["subscription_id"] or "")

    def _till(self, *entities: Entity) -> Till:
        return Till(self._feed, later_than(self._feed.clock.now(), *entities))


def _payable_until(bill: Entity) -> datetime:
    terms = (bill["billing_details"] or {}).get("payment_terms") or PAYMENT_TERMS
    return later(instant_of(bill["billed_at"]), terms)
