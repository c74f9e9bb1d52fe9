"""Reads ``subscription.*``: what is paid for again and again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from models.clock import SUBSCRIPTION_RANKS
from models.snapshots import SubscriptionItemSnapshot, SubscriptionSnapshot
from worker.providers.paddle.reading import (
    ClockOf,
    course_of,
    key_of,
    period_of,
    ranks_of,
    storable_of,
)
from worker.providers.paddle.subscription_payload import (
    ScheduledChange,
    SubscriptionData,
    SubscriptionItem,
)
from worker.providers.paddle.user_claim import claim_of
from worker.providers.paddle.values import (
    count_of,
    currency_of,
    id_of,
    minor_of,
    optional_count_of,
    optional_id_of,
    optional_text_of,
    optional_time_of,
    text_of,
)

IDS = ("customer_id", "address_id", "business_id")
TIMES = (
    "started_at",
    "first_billed_at",
    "next_billed_at",
    "paused_at",
    "canceled_at",
)


def subscription_of(data: bytes, clock_of: ClockOf) -> SubscriptionSnapshot:
    """Read ``data`` of ``subscription.*``."""
    raw = msgspec.json.decode(data, type=SubscriptionData)
    opened_at = optional_time_of(raw.created_at, "data.created_at")
    custom_data = storable_of(raw.custom_data)
    cycle, discount = raw.billing_cycle, raw.discount
    return SubscriptionSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(SUBSCRIPTION_RANKS, raw.status), raw.updated_at),
        status=text_of(raw.status, "data.status"),
        first_transaction_id=optional_id_of(raw.transaction_id, "data.transaction_id"),
        currency=currency_of(raw.currency_code, "data.currency_code"),
        collection_mode=text_of(raw.collection_mode, "data.collection_mode"),
        cycle_interval=optional_text_of(
            cycle.interval if cycle else None, "data.billing_cycle.interval"
        ),
        cycle_frequency=optional_count_of(
            cycle.frequency if cycle else None, "data.billing_cycle.frequency"
        ),
        opened_at=opened_at,
        discount_id=optional_id_of(discount.id if discount else None, "data.discount"),
        custom_data=custom_data,
        lines=_items_of(raw.items),
        **_ids_and_times(raw),
        **period_of(raw.current_billing_period, "data.current_billing_period"),
        **_scheduled(raw.scheduled_change),
        **claim_of(custom_data, opened_at),
    )


def _ids_and_times(raw: SubscriptionData) -> dict[str, Any]:
    ids = {name: optional_id_of(getattr(raw, name), f"data.{name}") for name in IDS}
    times = {n: optional_time_of(getattr(raw, n), f"data.{n}") for n in TIMES}
    return {**ids, **times}


def _scheduled(change: ScheduledChange | None) -> dict[str, Any]:
    field = "data.scheduled_change"
    return {
        "scheduled_action": text_of(change.action, f"{field}.action")
        if change
        else None,
        "scheduled_at": optional_time_of(
            change.effective_at if change else None, f"{field}.effective_at"
        ),
        "scheduled_resume_at": optional_time_of(
            change.resume_at if change else None, f"{field}.resume_at"
        ),
    }


def _items_of(
    items: Sequence[SubscriptionItem],
) -> tuple[SubscriptionItemSnapshot, ...]:
    """Read the items, of which the provider names each by its price."""
    by_price: dict[str, SubscriptionItemSnapshot] = {}
    for item in map(_item_of, items):
        before = by_price.get(item.id)
        quantity = item.quantity + (before.quantity if before else 0)
        counted = count_of(quantity, "data.items.quantity")
        by_price[item.id] = replace(item, quantity=counted)
    return tuple(by_price.values())


def _item_of(item: SubscriptionItem) -> SubscriptionItemSnapshot:
    price, product, trial = item.price, item.product, item.trial_dates
    field = "data.items"
    unit = price.unit_price
    return SubscriptionItemSnapshot(
        id=id_of(price.id, f"{field}.price.id"),
        product_id=optional_id_of(price.product_id, f"{field}.price.product_id"),
        status=text_of(item.status, f"{field}.status"),
        quantity=count_of(item.quantity, f"{field}.quantity"),
        recurring=item.recurring,
        unit_minor=minor_of(unit.amount, f"{field}.price.unit_price.amount")
        if unit
        else None,
        trial_starts_at=optional_time_of(
            trial.starts_at if trial else None, f"{field}.trial_dates.starts_at"
        ),
        trial_ends_at=optional_time_of(
            trial.ends_at if trial else None, f"{field}.trial_dates.ends_at"
        ),
        next_billed_at=optional_time_of(item.next_billed_at, f"{field}.next_billed_at"),
        course=course_of(price.custom_data, product.custom_data if product else None),
    )
