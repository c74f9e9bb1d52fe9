"""The life of one subscription, told in bodies of our own in Paddle's shapes.

Days count from now, so that what the database's clock decides can be told as well:
``at=-3`` happened three days ago. Every body changes its entity at the moment it
happened.
"""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from tests.purchases import Body

CUSTOMER = "ctm_subscriber"
SUBSCRIPTION = "sub_yearlong"
MONTHLY = "pri_monthly"
PRO = "pri_pro"
COURSE = "python-basics"
TOTAL = 2900
CURRENCY = "EUR"

_numbers = itertools.count(1)


def stamp(days: float) -> str:
    """Return a moment some days from now as Paddle writes it."""
    moment = datetime.now(UTC) + timedelta(days=days)
    return moment.isoformat().replace("+00:00", "Z")


def event(kind: str, at: float, data: dict[str, Any]) -> Body:
    """Return an event about an entity, which changed at that moment."""
    moment = stamp(at)
    return {
        "event_id": f"evt_life{next(_numbers):04}",
        "event_type": kind,
        "occurred_at": moment,
        "notification_id": "ntf_life",
        "data": {**data, "updated_at": moment},
    }


def customer(at: float = -40, email: str = "sam@example.com") -> Body:
    """Return who subscribes."""
    data = {"id": CUSTOMER, "email": email, "name": "Sam", "status": "active"}
    return event("customer.created", at, data)


def price(price_id: str, course: str | None = COURSE, *, once: bool = False) -> Body:
    """Return a price, inside an item."""
    return {
        "id": price_id,
        "product_id": "pro_school",
        "unit_price": {"amount": str(TOTAL), "currency_code": CURRENCY},
        "billing_cycle": None if once else {"interval": "month", "frequency": 1},
        "custom_data": {"course": course} if course else None,
    }


def item(
    price_id: str = MONTHLY,
    course: str | None = COURSE,
    *,
    status: str = "active",
    quantity: int = 1,
) -> Body:
    """Return an item of a subscription."""
    return {
        "status": status,
        "quantity": quantity,
        "recurring": True,
        "price": price(price_id, course),
        "product": {"id": "pro_school", "custom_data": None},
        "trial_dates": None,
        "next_billed_at": None,
    }


def subscription(
    status: str = "active",
    *,
    at: float = -30,
    kind: str = "updated",
    items: Sequence[Body] | None = None,
    period: float | None = -30,
    **data: Any,
) -> Body:
    """Return an event of the subscription.

    Args:
        status: How it stands.
        at: When it changed.
        kind: The event's, after ``subscription.``.
        items: What it is for; None: the monthly price.
        period: When the current period of 30 days began; None: there is none.
        **data: Fields of ``data`` to replace.
    """
    known = {
        "id": SUBSCRIPTION,
        "status": status,
        "customer_id": CUSTOMER,
        "currency_code": CURRENCY,
        "collection_mode": "automatic",
        "billing_cycle": {"interval": "month", "frequency": 1},
        "current_billing_period": None if period is None else _period(period),
        "items": [item()] if items is None else items,
        "scheduled_change": None,
        "custom_data": None,
        "created_at": stamp(-30),
        "started_at": stamp(-30),
        "first_billed_at": stamp(-30),
        "next_billed_at": None if period is None else stamp(period + 30),
        "paused_at": None,
        "canceled_at": None,
        "discount": None,
    }
    return event(f"subscription.{kind}", at, {**known, **data})


def scheduled(action: str, days: float) -> dict[str, Any]:
    """Return a change that is to come."""
    return {"action": action, "effective_at": stamp(days), "resume_at": None}


#: Periods are told to the moment, again and again: the same one is the same text.
_periods: dict[float, dict[str, str]] = {}


def _period(starts: float) -> dict[str, str]:
    known = {"starts_at": stamp(starts), "ends_at": stamp(starts + 30)}
    return _periods.setdefault(starts, known)


def line(
    number: int = 1,
    *,
    price_id: str = MONTHLY,
    total: int = TOTAL,
    quantity: int = 1,
    once: bool = False,
) -> Body:
    """Return what a charge is made of: an item and its computed line."""
    return {
        "item": {
            "price": price(price_id, COURSE if once else None, once=once),
            "quantity": quantity,
        },
        "line": {
            "id": f"txnitm_{number}",
            "price_id": price_id,
            "quantity": quantity,
            "tax_rate": "0",
            "proration": None,
            "totals": _totals(total),
        },
    }


def _totals(total: int) -> dict[str, str]:
    return {"subtotal": str(total), "discount": "0", "tax": "0", "total": str(total)}


def charge(
    status: str = "completed",
    *,
    at: float = -30,
    number: int = 1,
    lines: Sequence[Body] | None = None,
    period: float | None = -30,
    **data: Any,
) -> Body:
    """Return an event of one of the subscription's transactions.

    Args:
        status: How it stands.
        at: When it changed.
        number: Which of the charges.
        lines: What it charges; None: a month, on the line of the charge's number.
        period: When the period began that it is for; None: for none.
        **data: Fields of ``data`` to replace.
    """
    charged = [line(number)] if lines is None else lines
    total = sum(int(one["line"]["totals"]["total"]) for one in charged)
    known = {
        "id": f"txn_life{number}",
        "status": status,
        "customer_id": CUSTOMER,
        "subscription_id": SUBSCRIPTION,
        "currency_code": CURRENCY,
        "origin": "web" if number == 1 else "subscription_recurring",
        "collection_mode": "automatic",
        "billing_period": None if period is None else _period(period),
        "items": [one["item"] for one in charged],
        "details": {
            "totals": {**_totals(total), "grand_total": str(total)},
            "line_items": [one["line"] for one in charged],
        },
        "payments": [],
        "custom_data": None,
        "created_at": stamp(at),
        "billed_at": stamp(at),
    }
    return event(f"transaction.{status}", at, {**known, **data})


def adjusted(
    action: str = "refund",
    status: str = "approved",
    *,
    total: int = TOTAL,
    at: float = -1,
    number: int = 1,
) -> Body:
    """Return an adjustment of a charge's line; each moment is another adjustment."""
    adjustment = f"adj_{action}_{-at}".replace(".", "_")
    data = {
        "id": adjustment,
        "action": action,
        "status": status,
        "type": "partial",
        "reason": "asked for",
        "transaction_id": f"txn_life{number}",
        "subscription_id": SUBSCRIPTION,
        "customer_id": CUSTOMER,
        "currency_code": CURRENCY,
        "totals": {**_totals(total), "fee": "0", "earnings": str(total)},
        "items": [
            {
                "id": f"{adjustment}_line",
                "item_id": f"txnitm_{number}",
                "type": "partial",
                "amount": str(total),
                "totals": _totals(total),
            }
        ],
        "created_at": stamp(at),
    }
    return event("adjustment.created", at, data)


def begun(**data: Any) -> list[Body]:
    """Return what is told when somebody subscribes and pays, thirty days ago."""
    return [
        customer(),
        subscription("active", at=-30, kind="created", **data),
        charge("completed", at=-29.999),
    ]


def pass_time(engine: Engine, days: float) -> None:
    """Move all that the clock decides by into the past, as if days had passed."""
    with engine.begin() as connection:
        for statement in (
            "UPDATE grants SET starts_at = starts_at - :span, ends_at = ends_at - :span",
            """UPDATE enrollments SET recheck_at = recheck_at - :span,
                 access_until = access_until - :span""",
        ):
            connection.execute(text(statement), {"span": timedelta(days=days)})
