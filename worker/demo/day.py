"""The day: who buys what, and what goes wrong on the way. Seeded, so it can be repeated.

First what the shop has behind it (``past.py``), then today. Purchases are opened in groups and paid in another order, so that the events of several
purchases interleave; the local Paddle's plan does the rest: cut connections, lost
answers, doubles, corruption, delays, forgeries, signed mistakes and poison.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from worker.demo.cast import Cast
from worker.demo.goods import UNKNOWN
from worker.demo.outage import deliveries_stop
from worker.demo.past import live_through, open_shop
from worker.local_shop import Client

#: Chances per event; see ``local_paddle/faults.py``.
FAULTS = {
    "drop": 0.04,
    "answer_lost": 0.03,
    "double": 0.04,
    "corrupt": 0.02,
    "hold": 0.3,
    "hold_seconds": 1.5,
    "forged": 0.02,
    "stale": 0.01,
    "malformed": 0.01,
    "poison": 0.01,
    "declined": 0.15,
}
#: Retries of minutes come within a second.
CLOCK_FACTOR = 200
#: Purchases that are open at the same time.
GROUP = 8
COURSES = ("python-basics", "sql-in-depth", "course-workbook")
#: How many come back.
RETURNING = 0.2
#: Of so many people one has an account in the shop, and is not always logged in.
USER_EVERY, LOGGED_IN = 6, 0.6
#: Every so many purchases, from the given one on, are of the unknown price.
UNKNOWN_EVERY, UNKNOWN_FIRST = 18, 7
#: How many purchases are refunded, and how many disputed.
REFUNDS, DISPUTES = 5, 3
NAMES = ("Ada Lovelace", "Grace Hopper", "Zoë Ångström", "李小龍", "O'Neil <b>Bob</b>")

#: What a simulation tells of touches nobody: its price is in no catalog.
SIMULATED = "subscription_creation"


@dataclass(frozen=True, slots=True)
class Day:
    """How much happens."""

    purchases: int = 90
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Progresses:
    """Who wants to know how far it is."""

    #: Called with the days that have passed.
    past: Callable[[float], None]
    #: Called after each purchase of today.
    today: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Played:
    """What only the shop knows of the day."""

    #: By token the user for whom it was signed.
    users: dict[str, str]
    #: Ids of simulated events.
    simulated: list[str]


def play(shop: Client, day: Day, steps: Progresses) -> Played:
    """Play the past and the day.

    Raises:
        ControlError: The local Paddle refused something.
    """
    cast, today = Cast(shop), datetime.now(UTC)
    open_shop(cast, today)
    shop.compress(CLOCK_FACTOR)
    shop.post("catalog", {"prices": [_unknown_price()]})
    plan = {"seed": day.seed, **FAULTS}
    shop.plan(**plan)
    # However short the day: something that an operator has to hear of.
    shop.inject("malformed")
    live_through(cast, today, steps.past, [deliveries_stop(shop, plan)])
    simulated = shop.post("simulate", {"type": SIMULATED})["event_ids"]
    _play_today(cast, day, steps.today)
    return Played(cast.users, simulated)


def _play_today(cast: Cast, day: Day, step: Callable[[], None]) -> None:
    chance = random.Random(day.seed)  # noqa: S311 (a play, no secret)
    shop = cast.shop
    bought: list[str] = []
    for orders in _groups(_orders(cast, day, chance)):
        opened = [shop.purchase(**order, until="ready") for order in orders]
        chance.shuffle(opened)
        for receipt in opened:
            shop.pay(receipt["transaction_id"])
            bought.append(receipt["transaction_id"])
            step()
    _adjust(shop, bought, chance)


def _orders(cast: Cast, day: Day, chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(day.purchases):
        # Some people come back: for another course, or for the same one again.
        person = (
            chance.randrange(number)
            if number and chance.random() < RETURNING
            else number
        )
        order: dict[str, Any] = {
            "email": f"learner{person}@example.com",
            "name": NAMES[person % len(NAMES)],
        }
        if person % USER_EVERY == 0 and chance.random() < LOGGED_IN:
            order |= cast.claim(f"user-{person}")
        if number % UNKNOWN_EVERY == UNKNOWN_FIRST:
            yield {**order, "prices": [UNKNOWN]}
        else:
            yield {**order, "course": chance.choice(COURSES)}


def _groups(orders: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for order in orders:
        group.append(order)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _adjust(shop: Client, bought: list[str], chance: random.Random) -> None:
    """Take some money back: refunds, one of them refused; disputes."""
    chosen = chance.sample(bought, k=min(len(bought), REFUNDS + DISPUTES))
    for number, transaction in enumerate(chosen):
        if number == 0:
            shop.refund(transaction, outcome="rejected")
        elif number < REFUNDS:
            shop.refund(transaction)
        else:
            shop.dispute(transaction)


def _unknown_price() -> dict[str, Any]:
    return {
        "id": UNKNOWN,
        "name": "A course that is new",
        "amount": 4900,
        "currency_code": "EUR",
    }
