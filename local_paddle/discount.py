"""Discounts: percentages and flat amounts, once or on renewals too.

https://developer.paddle.com/api-reference/discounts/overview. A flat amount is shared
among the lines by their price; ``flat_per_seat`` is taken off every unit. What Paddle
does with the last minor unit of a share is not documented; here the last line bears it.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from local_paddle.clock import instant_of, rfc3339
from local_paddle.item import Item
from local_paddle.money import rounded
from local_paddle.period import later
from local_paddle.store import Entity, Store
from local_paddle.till import ShopError

KIND = "discount"
PERCENTAGE = "percentage"
PER_SEAT = "flat_per_seat"


def discount_of(discount_id: str, code: str, now: datetime, given: Entity) -> Entity:
    """Return a new discount; one for the checkout has a code."""
    is_open = given.get("enabled_for_checkout", True)
    at = rfc3339(now)
    return {
        "id": discount_id,
        "status": "active",
        "description": given["description"],
        "enabled_for_checkout": is_open,
        "code": given.get("code") or (code if is_open else None),
        "type": given["type"],
        "mode": given.get("mode", "standard"),
        "amount": given["amount"],
        "currency_code": given.get("currency_code"),
        "recur": given.get("recur", False),
        "maximum_recurring_intervals": given.get("maximum_recurring_intervals"),
        "usage_limit": given.get("usage_limit"),
        "restrict_to": given.get("restrict_to"),
        "custom_data": given.get("custom_data"),
        "import_meta": None,
        "expires_at": given.get("expires_at"),
        "times_used": 0,
        "created_at": at,
        "updated_at": at,
    }


def told(discount: Entity) -> Entity:
    """Return a discount as events have it: without the count of its uses."""
    return {name: v for name, v in discount.items() if name != "times_used"}


def found(store: Store, name: str | None, now: datetime) -> Entity | None:
    """Return the discount of this id or code, if it may be used.

    Raises:
        ShopError: It is unknown, archived, expired or used up.

    """
    if not name:
        return None
    by_code = [d for d in store.all(KIND) if (d["code"] or "").lower() == name.lower()]
    discount = store.get(KIND, name) or next(iter(by_code), None)
    if discount is None or discount["status"] != "active":
        message = f"no discount {name}"
        raise ShopError(message, "transaction_discount_not_found")
    expires_at, limit = discount["expires_at"], discount["usage_limit"]
    if expires_at and instant_of(expires_at) <= now:
        message = f"discount {name} has expired"
        raise ShopError(message, "transaction_discount_not_eligible")
    if limit is not None and discount["times_used"] >= limit:
        message = f"discount {name} is used up"
        raise ShopError(message, "discount_usage_limit_exceeded")
    return discount


def used(store: Store, discount_id: str | None) -> None:
    """Count a use; Paddle tells of it by no event."""
    discount = store.get(KIND, discount_id) if discount_id else None
    if discount:
        store.put(KIND, {**discount, "times_used": discount["times_used"] + 1})


def reduced(items: list[Item], discount: Entity | None) -> list[Item]:
    """Return the items with the discount on those that it is for."""
    if discount is None:
        return items
    reach = [item.amount_minor if _is_for(item, discount) else 0 for item in items]
    offs = _offs(items, reach, discount)
    return [
        replace(item, discount_minor=min(off, max(item.amount_minor, 0)))
        for item, off in zip(items, offs, strict=True)
    ]


def first_bill(items: list[Item], discount: Entity | None) -> list[Item]:
    """Return what is due at the start: nothing in a trial, less the discount."""
    return reduced([item.in_trial() for item in items], discount)


def of_subscription(discount: Entity | None, start: datetime, cycle: Entity) -> Entity:
    """Return what a subscription says of its discount: until when it recurs.

    ``maximum_recurring_intervals`` counts billing periods from the first one on.
    """
    if discount is None or not discount["recur"]:
        return {"discount": None}
    most = discount["maximum_recurring_intervals"]
    return {
        "discount": {
            "id": discount["id"],
            "starts_at": rfc3339(start),
            "ends_at": rfc3339(later(start, cycle, most)) if most else None,
        }
    }


def recurring(store: Store, subscription: Entity) -> Entity | None:
    """Return the discount that a subscription's current period still gets."""
    kept, period = subscription["discount"], subscription["current_billing_period"]
    if kept is None:
        return None
    if kept["ends_at"] and instant_of(kept["ends_at"]) <= instant_of(
        period["starts_at"]
    ):
        return None
    return store.get(KIND, kept["id"])


def _is_for(item: Item, discount: Entity) -> bool:
    allowed = discount["restrict_to"]
    return not allowed or bool({item.price["id"], item.product["id"]} & set(allowed))


def _offs(items: list[Item], reach: list[int], discount: Entity) -> list[int]:
    amount = Decimal(discount["amount"])
    if discount["type"] == PERCENTAGE:
        return [rounded(part * amount / 100) for part in reach]
    if discount["type"] == PER_SEAT:
        return [
            int(amount) * item.quantity if part else 0
            for item, part in zip(items, reach, strict=True)
        ]
    whole = sum(reach)
    off = min(int(amount), whole)
    offs = [rounded(Decimal(part) * off / whole) if whole else 0 for part in reach]
    last = max((n for n, part in enumerate(reach) if part), default=None)
    if last is not None:
        offs[last] += off - sum(offs)
    return offs
