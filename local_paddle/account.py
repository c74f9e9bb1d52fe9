"""What Paddle keeps to itself about a subscription, and a customer's credit.

Not part of any answer: when the periods are counted from, which payments are to fail,
how far the retries are, what is added to the next bill.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from local_paddle.clock import instant_of, rfc3339
from local_paddle.period import later
from local_paddle.store import Entity, Store

KIND = "account"
CREDIT = "credit_balance"


@dataclass
class Account:
    """One subscription's."""

    #: The subscription.
    id: str
    #: Start of the first period of this billing cycle; the periods since are counted.
    anchor: str
    periods: int = 0
    #: How many of the next payments fail, and with what error.
    failing: int = 0
    error_code: str = "declined"
    #: How often the payment that is past due was tried again.
    retries: int = 0
    #: What to add to the next bill: price id, quantity, share, proration.
    added: list[dict[str, Any]] = field(default_factory=list)

    def next_end(self, cycle: Entity) -> datetime:
        """Count one period on and return its end."""
        self.periods += 1
        return later(instant_of(self.anchor), cycle, self.periods)

    def restart(self, start: datetime, periods: int = 0) -> None:
        """Count periods from another instant."""
        self.anchor, self.periods = rfc3339(start), periods

    def takes_payment(self) -> bool:
        """Tell whether the next payment works, and use up one that is to fail."""
        if not self.failing:
            return True
        self.failing -= 1
        return False

    def keep(self, store: Store) -> None:
        """Write it down."""
        store.put(KIND, asdict(self))


def account_of(store: Store, subscription_id: str) -> Account:
    """Return a subscription's account."""
    return Account(**(store.get(KIND, subscription_id) or {}))


def credit_of(store: Store, transaction: Entity) -> int:
    """Return what the buyer has in credit, in minor units of the currency."""
    found = store.get(CREDIT, _credit_id(transaction))
    return int(found["balance_minor"]) if found else 0


def book_credit(store: Store, transaction: Entity) -> None:
    """Take the credit that a transaction used, and give what it left over."""
    totals = transaction["details"]["totals"]
    change = int(totals["credit_to_balance"]) - int(totals["credit"])
    if change:
        balance = credit_of(store, transaction) + change
        entity = {"id": _credit_id(transaction), "balance_minor": balance}
        store.put(CREDIT, entity)


def _credit_id(transaction: Entity) -> str:
    return f"{transaction['customer_id']} {transaction['currency_code']}"
