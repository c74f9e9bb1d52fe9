"""A week of a shop at the local Paddle: everything that subscribers and buyers do.

Periods have two days, so that a week has renewals, payments that fail, and dunning that
is given up. The shop lives in the past, up to some hours ago.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from local_paddle.catalog import Offer
from worker.local_shop import Client

BASICS = "pri_01jd0pyth0nbas1cs0000000a1"
DEPTH = "pri_01jd0depth000000000000000b"
CLUB = "pri_01jd0c1ub000000000000000f6"
TRIED = "pri_01jd0c1ubtr1a10000000000g7"
MENTOR = "pri_01jd0c1ubment0r000000000h8"
#: By price the courses that it gives.
CATALOG = {
    BASICS: ("basics",),
    DEPTH: ("depth",),
    CLUB: ("club",),
    TRIED: ("club",),
    MENTOR: ("club", "mentor"),
}
_TWO_DAYS = {"interval": "day", "frequency": 2}
_ONE_DAY = {"interval": "day", "frequency": 1}
OFFERS = (
    Offer(BASICS, "Basics", CATALOG[BASICS]),
    Offer(DEPTH, "In depth", CATALOG[DEPTH], 9_900),
    Offer(CLUB, "The club", CATALOG[CLUB], 1_000, "USD", _TWO_DAYS),
    Offer(TRIED, "The club", CATALOG[TRIED], 1_000, "USD", _TWO_DAYS, _ONE_DAY),
    Offer(MENTOR, "The club and a mentor", CATALOG[MENTOR], 3_000, "USD", _TWO_DAYS),
)
#: A failed renewal is forgiven for so long from the period's start.
GRACE_DAYS = 2
#: More payments than are ever tried.
ALL = 99
SUBSCRIBERS = (
    "renews",
    "recovers",
    "gives-up",
    "owes",
    "pauses",
    "comes-back",
    "leaves",
    "has-left",
    "will-leave",
    "stays-after-all",
    "moves-up",
    "moves-down",
    "charges-back",
)
BUYERS = (
    "refunds",
    "refunds-a-line",
    "refunds-a-part",
    "is-refused",
    "disputes",
    "wins",
)


@dataclass
class Week:
    """Who does what; ``before`` is delivered, ``away`` is not."""

    shop: Client
    #: Paddle's own API, for what a shop changes there.
    api: httpx.Client
    now: datetime = field(
        default_factory=lambda: datetime.now(UTC) - timedelta(days=8, hours=1)
    )
    #: By whom the first transaction, and the subscription.
    bought: dict[str, str] = field(default_factory=dict)
    subscribed: dict[str, str] = field(default_factory=dict)

    def before(self) -> None:
        """Open the shop, and sell something."""
        self.shop.post("begin", {"at": self.now.isoformat()})
        self.shop.post("dunning", {"days": [1, 3], "exhausted": "canceled"})
        for who in SUBSCRIBERS:
            self._subscribe(who, MENTOR if who == "moves-down" else CLUB)
        for who in BUYERS:
            self._buy(who, BASICS, DEPTH)
        self._buy("moves-house", BASICS)

    def away(self) -> None:
        """Live through the week in which nothing is delivered."""
        (ours,) = self.api.get("/notification-settings").json()["data"]
        self._patch(f"/notification-settings/{ours['id']}", active=False)
        for hours in self._deeds():
            self.now += timedelta(hours=hours)
            self.shop.advance(to=self.now.isoformat())

    def _deeds(self) -> Iterator[float]:
        """Do something, and say how many hours pass then."""
        yield 24
        self._first_day()
        yield 48
        self._in_the_middle()
        yield 12
        self._ask("unschedule", "stays-after-all")
        yield 48
        self._near_the_end()
        # Nothing is due for hours then, however long somebody looks.
        yield 54

    def _first_day(self) -> None:
        self.shop.fail_payments(1, subscription_id=self.subscribed["recovers"])
        self.shop.fail_payments(ALL, subscription_id=self.subscribed["gives-up"])
        self._ask("pause", "pauses")
        self._ask("pause", "comes-back", now=True)
        self._ask("cancel", "leaves", now=True)
        self._ask("cancel", "has-left")
        self._subscribe("tries-it", TRIED)
        self._buy("comes-in-the-week", BASICS)
        self._buy("refunds", CLUB)
        self._change_catalog()

    def _in_the_middle(self) -> None:
        self.shop.refund(self.bought["refunds"])
        line = [{"price_id": DEPTH}]
        self.shop.refund(self.bought["refunds-a-line"], lines=line)
        part = [{"price_id": BASICS, "amount": 100}]
        self.shop.refund(self.bought["refunds-a-part"], lines=part)
        self.shop.refund(self.bought["is-refused"], outcome="rejected")
        self.shop.dispute(self.bought["disputes"])
        won = self.shop.dispute(self.bought["wins"])
        self.shop.reverse(won["adjustment_id"])
        self.shop.dispute(self.bought["charges-back"])
        self._ask("resume", "comes-back")
        self._ask("cancel", "stays-after-all")
        self._ask("change-plan", "moves-up", price=MENTOR, cycle="2 day")
        self._ask("change-plan", "moves-down", price=CLUB, cycle="2 day")
        self._subscribe("is-forgiven", CLUB)
        self._move_house()

    def _near_the_end(self) -> None:
        self.shop.fail_payments(ALL, subscription_id=self.subscribed["owes"])
        self.shop.fail_payments(ALL, subscription_id=self.subscribed["is-forgiven"])
        self._subscribe("is-still-trying", TRIED, trial="14 day")
        self._buy("is-declined-first", DEPTH, declined=True)
        self._buy("never-pays", DEPTH, until="ready")

    def close(self) -> None:
        """Do what is not over when the week is."""
        self._ask("cancel", "will-leave")

    def _move_house(self) -> None:
        (customer,) = self._listed("/customers", email=_address("moves-house"))
        path = f"/customers/{customer['id']}"
        self._patch(path, email="moved@example.com", name="Ada Moved")
        (address,) = self._listed(f"{path}/addresses")
        self._patch(f"{path}/addresses/{address['id']}", country_code="DE")

    def _change_catalog(self) -> None:
        amount = {"amount": "12900", "currency_code": "EUR"}
        self._patch(f"/prices/{DEPTH}", name="In more depth", unit_price=amount)
        given = {"name": "A new one", "tax_category": "standard"}
        self.api.post("/products", json=given).raise_for_status()

    def _buy(self, who: str, *prices: str, **order: Any) -> None:
        receipt = self.shop.purchase(_address(who), prices=prices, **order)
        self.bought.setdefault(who, receipt["transaction_id"])

    def _subscribe(self, who: str, price: str, **order: Any) -> None:
        receipt = self.shop.purchase(_address(who), prices=[price], **order)
        self.bought[who] = receipt["transaction_id"]
        self.subscribed[who] = receipt["subscription_id"]

    def _ask(self, endpoint: str, who: str, **wish: Any) -> None:
        wanted = {"subscription_id": self.subscribed[who], **wish}
        self.shop.post(endpoint, wanted)

    def _patch(self, path: str, **values: Any) -> None:
        self.api.patch(path, json=values).raise_for_status()

    def _listed(self, path: str, **query: str) -> list[Any]:
        found: list[Any] = self.api.get(path, params=query).json()["data"]
        return found


def _address(who: str) -> str:
    return f"{who}@example.com"
