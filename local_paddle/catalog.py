"""What the shop sells: the prices of environment ``local`` in the catalog file.

Read here on its own, not through Paddlewheel's reader: what the local Paddle says
about access is what Paddlewheel is compared with. Amounts are not in the file (they
are Paddle's business), so they are made up, the same each time.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_paddle.clock import Clock
from local_paddle.entity import price_of, product_of
from local_paddle.ids import stable_id
from local_paddle.period import Duration
from local_paddle.store import Store

ENVIRONMENT = "local"
#: Remembered in the store: price id → keys of the courses that it gives.
COURSES_FACT = "courses"
AMOUNT_PER_COURSE_MINOR = 4_900
#: What is sold that gives no course.
NO_COURSE = "A book"


@dataclass(frozen=True)
class Offer:
    """One price and what it gives."""

    price_id: str
    name: str
    courses: tuple[str, ...] = ()
    amount_minor: int = AMOUNT_PER_COURSE_MINOR
    currency_code: str = "USD"
    #: Sold by subscription, billed so often, and free for so long at first.
    billing_cycle: Duration | None = None
    trial_period: Duration | None = None


class UnknownCourseError(ValueError):
    """No price gives this course; the message names it."""


def offers_in(file: Path) -> list[Offer]:
    """Read the offers that have a price here; a missing file has none."""
    if not file.exists():
        return []
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    titles = {c["key"]: c.get("title", c["key"]) for c in content.get("courses", [])}
    offers = []
    for offer in content.get("offers", []):
        courses = tuple(offer["courses"])
        name = " + ".join(str(titles.get(key, key)) for key in courses) or NO_COURSE
        amount = AMOUNT_PER_COURSE_MINOR * max(1, len(courses))
        offers += [
            Offer(price_id, name, courses, amount) for price_id in _local_prices(offer)
        ]
    return offers


def stock(store: Store, clock: Clock, offers: list[Offer]) -> None:
    """Put prices on sale that are not yet; what was sold before stays as it is."""
    with store.transaction():
        courses = store.fact(COURSES_FACT, {})
        for offer in offers:
            courses[offer.price_id] = list(offer.courses)
            if store.get("price", offer.price_id) is None:
                _add(store, clock, offer)
        store.remember(COURSES_FACT, courses)


def price_for(store: Store, course: str) -> str:
    """Return the price that gives this course and the least besides.

    Raises:
        UnknownCourseError: None does.

    """
    courses: dict[str, list[str]] = store.fact(COURSES_FACT, {})
    giving = [(len(keys), price) for price, keys in courses.items() if course in keys]
    if not giving:
        known = sorted({key for keys in courses.values() for key in keys})
        message = f"no price gives {course}; there are {', '.join(known) or 'none'}"
        raise UnknownCourseError(message)
    return min(giving)[1]


def _local_prices(offer: dict[str, Any]) -> list[str]:
    prices = offer.get("prices", {}).get(ENVIRONMENT, [])
    return [prices] if isinstance(prices, str) else list(prices)


def _add(store: Store, clock: Clock, offer: Offer) -> None:
    now = clock.now()
    product_id = stable_id("pro", offer.price_id)
    store.put("product", product_of(product_id, now, {"name": offer.name}))
    price = {
        "product_id": product_id,
        "description": offer.name,
        "billing_cycle": offer.billing_cycle,
        "trial_period": offer.trial_period,
        "name": offer.name,
        "unit_price": {
            "amount": str(offer.amount_minor),
            "currency_code": offer.currency_code,
        },
    }
    store.put("price", price_of(offer.price_id, now, price))
