"""A subscription through its states, as whole snapshots.

https://developer.paddle.com/build/lifecycle/subscription-creation. Each function takes
a snapshot and returns the next; nothing here stores or sends. A paused or canceled one
has no billing period; a canceled one stays so for good.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from local_paddle.clock import rfc3339
from local_paddle.ids import Ids
from local_paddle.item import Item
from local_paddle.period import Period, bounds_of, later, period_of
from local_paddle.store import Entity

PORTAL = "https://courses.example/portal"
#: Paddle moves none once it is here.
CANCELED = "canceled"


def begun(
    ids: Ids, transaction: Entity, items: Sequence[Item], start: datetime, now: datetime
) -> Entity:
    """Return a new subscription to the recurring items of a first transaction."""
    trial = next((item.trial for item in items if item.trial), None)
    cycle = items[0].price["billing_cycle"]
    period = period_of(start, later(start, trial or cycle))
    at, billed_at = rfc3339(now), None if trial else rfc3339(start)
    about = ("customer_id", "address_id", "business_id", "currency_code")
    more = ("collection_mode", "billing_details", "custom_data")
    return {
        "id": ids.new("sub"),
        "status": "trialing" if trial else "active",
        **{name: transaction[name] for name in (*about, *more)},
        "created_at": at,
        "updated_at": at,
        "started_at": rfc3339(start),
        "first_billed_at": billed_at,
        "next_billed_at": period["ends_at"],
        "paused_at": None,
        "canceled_at": None,
        "discount": None,
        "current_billing_period": period,
        "billing_cycle": cycle,
        "scheduled_change": None,
        "items": [item_of(item, period, now, is_trial=bool(trial)) for item in items],
        "import_meta": None,
    }


def item_of(
    item: Item, period: Period, now: datetime, *, is_trial: bool = False
) -> Entity:
    """Return an item of a subscription, billed for this period or free during it."""
    return {
        "status": "trialing" if is_trial else "active",
        "quantity": item.quantity,
        "recurring": True,
        "created_at": rfc3339(now),
        "updated_at": rfc3339(now),
        "previously_billed_at": None if is_trial else period["starts_at"],
        "next_billed_at": period["ends_at"],
        "trial_dates": dict(period) if is_trial else None,
        "price": item.price,
        "product": item.product,
    }


def bought(subscription: Entity) -> list[Item]:
    """Return what a renewal bills."""
    return [
        Item(item["price"], item["product"], item["quantity"])
        for item in subscription["items"]
    ]


def renewed(subscription: Entity, period: Period, now: datetime) -> Entity:
    """Return it active for a new period, not yet paid; a trial is over."""
    starts_at = period["starts_at"]
    billed = {
        "status": "active",
        "previously_billed_at": starts_at,
        "next_billed_at": period["ends_at"],
        "updated_at": rfc3339(now),
    }
    return {
        **subscription,
        "status": "active",
        "paused_at": None,
        "first_billed_at": subscription["first_billed_at"] or starts_at,
        "next_billed_at": period["ends_at"],
        "current_billing_period": period,
        "scheduled_change": None,
        "items": [item | billed for item in subscription["items"]],
        "updated_at": rfc3339(now),
    }


def in_status(subscription: Entity, status: str, now: datetime) -> Entity:
    """Return it active or past due; its period stays."""
    return {**subscription, "status": status, "updated_at": rfc3339(now)}


def stopped(
    subscription: Entity, status: str, now: datetime, resume_at: str | None = None
) -> Entity:
    """Return it paused or canceled, with its items as they were."""
    moment = "paused_at" if status == "paused" else "canceled_at"
    resume = {"action": "resume", "effective_at": resume_at, "resume_at": None}
    return {
        **subscription,
        "status": status,
        moment: rfc3339(now),
        "next_billed_at": None,
        "current_billing_period": None,
        "scheduled_change": resume if resume_at else None,
        "items": [item | {"next_billed_at": None} for item in subscription["items"]],
        "updated_at": rfc3339(now),
    }


def scheduled(
    subscription: Entity, action: str, now: datetime, resume_at: str | None = None
) -> Entity:
    """Return it with a cancellation or pause at the end of its period.

    Nothing is billed before a resumption, and without one not at all: that is what
    ``next_billed_at`` says then.
    """
    return _due_at(subscription, resume_at, now) | {
        "scheduled_change": {
            "action": action,
            "effective_at": subscription["current_billing_period"]["ends_at"],
            "resume_at": resume_at,
        }
    }


def to_resume(subscription: Entity, resume_at: str, now: datetime) -> Entity:
    """Return a paused one that will resume."""
    change = {"action": "resume", "effective_at": resume_at, "resume_at": None}
    at = rfc3339(now)
    return {**subscription, "scheduled_change": change, "updated_at": at}


def unscheduled(subscription: Entity, now: datetime) -> Entity:
    """Return it without its scheduled change; it renews again."""
    period = subscription["current_billing_period"]
    kept = _due_at(subscription, period["ends_at"] if period else None, now)
    return kept | {"scheduled_change": None}


def replanned(subscription: Entity, items: Sequence[Item], now: datetime) -> Entity:
    """Return it with other items, from now on; those that stay keep their dates."""
    known = {item["price"]["id"]: item for item in subscription["items"]}
    period = subscription["current_billing_period"]
    is_trial = subscription["status"] == "trialing"
    kept = []
    for item in items:
        made = item_of(item, period, now, is_trial=is_trial)
        if before := known.get(item.price["id"]):
            made |= {
                "created_at": before["created_at"],
                "previously_billed_at": before["previously_billed_at"],
                "trial_dates": before["trial_dates"],
            }
        kept.append(made)
    return {**subscription, "items": kept, "updated_at": rfc3339(now)}


def at_cycle(subscription: Entity, cycle: dict[str, Any], start: datetime) -> Entity:
    """Return it with a new billing cycle, whose first period begins now."""
    period = period_of(start, later(start, cycle))
    return {
        **subscription,
        "billing_cycle": cycle,
        "current_billing_period": period,
        "next_billed_at": period["ends_at"],
    }


def with_links(subscription: Entity) -> Entity:
    """Return it as the API shows it: with links that events never have."""
    page = f"{PORTAL}/subscriptions/{subscription['id']}"
    links = {
        "update_payment_method": f"{page}/update-payment-method",
        "cancel": f"{page}/cancel",
    }
    return {**subscription, "management_urls": links}


def ends_at(subscription: Entity) -> datetime:
    """Return when its billing period ends."""
    return bounds_of(subscription["current_billing_period"])[1]


def _due_at(subscription: Entity, next_billed_at: str | None, now: datetime) -> Entity:
    due = {"next_billed_at": next_billed_at}
    return {
        **subscription,
        **due,
        "items": [item | due for item in subscription["items"]],
        "updated_at": rfc3339(now),
    }
