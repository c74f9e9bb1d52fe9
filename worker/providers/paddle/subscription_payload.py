"""The parts of ``subscription.*`` that we need; see ``payload.py``."""

from typing import Any

from msgspec import Raw, Struct

from worker.providers.paddle.payload import Cycle, Period, Product


class UnitPrice(Struct):
    """``unit_price``."""

    amount: str
    currency_code: str


class ItemPrice(Struct):
    """The price of an item."""

    id: str
    product_id: str | None = None
    unit_price: UnitPrice | None = None
    custom_data: dict[str, Any] | None = None


class SubscriptionItem(Struct):
    """``items[]``: what is charged for again and again."""

    status: str
    price: ItemPrice
    quantity: float = 1
    recurring: bool = True
    product: Product | None = None
    trial_dates: Period | None = None
    next_billed_at: str | None = None


class ScheduledChange(Struct):
    """``scheduled_change``."""

    action: str
    effective_at: str
    resume_at: str | None = None


class SubscriptionDiscount(Struct):
    """``discount``."""

    id: str | None = None


class SubscriptionData(Struct):
    """``data`` of ``subscription.*``; ``transaction_id`` only where it is created."""

    id: str
    status: str
    currency_code: str
    updated_at: str
    items: list[SubscriptionItem]
    customer_id: str | None = None
    address_id: str | None = None
    business_id: str | None = None
    transaction_id: str | None = None
    collection_mode: str = "automatic"
    billing_cycle: Cycle | None = None
    current_billing_period: Period | None = None
    scheduled_change: ScheduledChange | None = None
    discount: SubscriptionDiscount | None = None
    custom_data: Raw = Raw(b"null")
    created_at: str | None = None
    started_at: str | None = None
    first_billed_at: str | None = None
    next_billed_at: str | None = None
    paused_at: str | None = None
    canceled_at: str | None = None
