"""What is known of each subscription, and whether it should give access now.

What depends on the time is answered for an instant that the asker may choose: whoever
is compared with this may live by another clock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local_paddle.clock import instant_of
from local_paddle.store import Entity, Store
from local_paddle.taken_back import adjustments_in, is_disputed, is_refunded

ENDED = "ended"
SUSPENDED = "suspended"
ACTIVE = "active"
#: What a scheduled change makes of access at its date.
STOPS = {"cancel": (ENDED, "canceled"), "pause": (SUSPENDED, "paused")}
DEFAULT_GRACE_DAYS = 7.0
#: Fields that are told as the subscription has them.
AS_IT_IS = (
    "id",
    "status",
    "collection_mode",
    "started_at",
    "current_billing_period",
    "next_billed_at",
    "scheduled_change",
    "custom_data",
)


@dataclass(frozen=True)
class Viewpoint:
    """When, and how long a failed renewal is forgiven, from its period's start."""

    now: datetime
    grace: timedelta = timedelta(days=DEFAULT_GRACE_DAYS)


def subscriptions_of(store: Store, view: Viewpoint) -> list[dict[str, Any]]:
    """Return the facts of every subscription, and what follows from them.

    ``state``: ended when canceled or an invoice was never paid; suspended while
    disputed, paused, or when all of the current period was refunded; else active, past
    due only within the grace, and under a scheduled stop only until its date.
    """
    emails = emails_in(store)
    adjustments = adjustments_in(store)
    return [
        _facts(store, s, emails[s["customer_id"]], adjustments, view)
        for s in store.all("subscription")
    ]


def _facts(
    store: Store,
    subscription: Entity,
    email: str,
    adjustments: dict[str, list[Entity]],
    view: Viewpoint,
) -> dict[str, Any]:
    bills = store.having("transaction", "subscription_id", subscription["id"])
    period = subscription["current_billing_period"]
    now_for = [item["price"]["id"] for item in subscription["items"]]
    ever_for = {price_id for bill in bills for price_id in recurring_in(bill)}
    facts = {
        **{name: subscription[name] for name in AS_IT_IS},
        "email": email,
        "items": [_item(item) for item in subscription["items"]],
        "former_price_ids": sorted(ever_for - set(now_for)),
        "transaction_ids": [bill["id"] for bill in bills],
        "is_paid": any(bill["status"] in {"paid", "completed"} for bill in bills),
        "is_disputed": any(is_disputed(adjustments[bill["id"]]) for bill in bills),
        "is_period_refunded": _is_period_refunded(
            [b for b in bills if period and b["billing_period"] == period], adjustments
        ),
    }
    state, cause = _standing(facts, view)
    return {**facts, "state": state, "cause": cause, "has_access": state == ACTIVE}


def _item(item: Entity) -> Entity:
    names = ("status", "quantity")
    return {"price_id": item["price"]["id"], **{n: item[n] for n in names}}


def recurring_in(transaction: Entity) -> set[str]:
    """Return the prices of a transaction that are a subscription's business."""
    return {
        item["price"]["id"]
        for item in transaction["items"]
        if item["price"]["billing_cycle"] or item["proration"]
    }


def _standing(facts: dict[str, Any], view: Viewpoint) -> tuple[str, str]:
    is_unpaid = facts["collection_mode"] == "manual" and not facts["is_paid"]
    rules = (
        (facts["status"] == "canceled", (ENDED, "canceled")),
        (is_unpaid, (ENDED, "unpaid")),
        (facts["is_disputed"], (SUSPENDED, "disputed")),
        (facts["is_period_refunded"], (SUSPENDED, "period_refunded")),
        (facts["status"] == "paused", (SUSPENDED, "paused")),
    )
    found = next((verdict for fits, verdict in rules if fits), None)
    return found or _by_the_clock(facts, view) or (ACTIVE, facts["status"])


def _by_the_clock(facts: dict[str, Any], view: Viewpoint) -> tuple[str, str] | None:
    change = facts["scheduled_change"] or {"action": None}
    if change["action"] in STOPS and instant_of(change["effective_at"]) <= view.now:
        return STOPS[change["action"]]
    start = instant_of(facts["current_billing_period"]["starts_at"])
    if facts["status"] == "past_due" and start + view.grace <= view.now:
        return SUSPENDED, "past_due"
    return None


def emails_in(store: Store) -> dict[str, str]:
    """Return the e-mail of each customer, in lower case."""
    return {c["id"]: c["email"].lower() for c in store.all("customer")}


def _is_period_refunded(
    bills: list[Entity], adjustments: dict[str, list[Entity]]
) -> bool:
    """Tell whether all that was paid for a period was given back."""
    paid = [
        (line, adjustments[bill["id"]])
        for bill in bills
        if bill["status"] in {"paid", "completed"}
        for line in bill["details"]["line_items"]
        if line["price_id"] in recurring_in(bill) and int(line["totals"]["total"]) > 0
    ]
    return bool(paid) and all(is_refunded(line, parts) for line, parts in paid)
