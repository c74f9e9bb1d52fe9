"""Who buys in the demo, and under which user id of the shop."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.demo.goods import CLUB
from worker.learner_token import sign
from worker.local_shop import Client
from worker.settings import Environment

#: What the demo's shop signs user ids with, and what a forger has instead.
SECRET = "the demo's shop signs its user ids"  # noqa: S105 (nothing is behind it)
FORGED_SECRET = "what somebody thinks that it may be"  # noqa: S105
#: A checkout that was opened with a signed user id is paid within this.
VALID_FOR = timedelta(hours=1)
#: Whole days, so that renewals fall where the stories expect them.
CYCLE = "30 day"

Receipt = dict[str, Any]


@dataclass(slots=True)
class Cast:
    """The shop, and what it knows of its buyers beside what Paddle does."""

    shop: Client
    #: By token the user for whom it was really signed.
    users: dict[str, str] = field(default_factory=dict)
    #: What the shop's clock shows.
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def claim(self, user: str, secret: str = SECRET) -> dict[str, Any]:
        """Return ``custom_data`` that says who buys, signed with a secret."""
        token = sign(user, Environment.LOCAL, secret, VALID_FOR, self.now)
        if secret == SECRET:
            self.users[token] = user
        return {"custom_data": {"learner": token}}


@dataclass(slots=True)
class Buyer:
    """One person at the checkout, and what became of the last visit."""

    cast: Cast
    email: str
    #: Of the first purchase or subscription.
    transaction: str = ""
    subscription: str = ""

    @property
    def shop(self) -> Client:
        """Where they buy."""
        return self.cast.shop

    def buy(self, *prices: str | dict[str, Any], **order: Any) -> Receipt:  # noqa: ANN401
        """Buy once and for all."""
        return self._noted(self.shop.purchase(self.email, prices=prices, **order))

    def subscribe(self, price: str = CLUB, **order: Any) -> Receipt:  # noqa: ANN401
        """Subscribe."""
        wish = {"price": price, "cycle": CYCLE, **order}
        return self._noted(self.shop.subscribe(self.email, **wish))

    def refund(self, *lines: dict[str, Any], outcome: str = "approved") -> Receipt:
        """Ask the money of the first purchase back, all of it or of some lines."""
        return self.shop.refund(self.transaction, lines=lines, outcome=outcome)

    def dispute(self, **how: bool) -> str:
        """Dispute the first purchase at the bank; return the adjustment's id."""
        adjustment = self.shop.dispute(self.transaction, **how)["adjustment_id"]
        return str(adjustment)

    def stop_paying(self, times: int) -> None:
        """Let the next payments of the subscription fail."""
        self.shop.fail_payments(times, subscription_id=self.subscription)

    def ask(self, endpoint: str, **wish: Any) -> Receipt:  # noqa: ANN401
        """Ask something about the subscription."""
        whole = {"subscription_id": self.subscription, **wish}
        return self.shop.post(endpoint, whole)

    def _noted(self, receipt: Receipt) -> Receipt:
        self.transaction = self.transaction or receipt["transaction_id"]
        self.subscription = self.subscription or receipt["subscription_id"] or ""
        return receipt
