"""The parts of Paddle's payloads that we need, with Paddle's own field names.

Fields that we do not name are skipped, so new ones do no harm. What Paddle sometimes
leaves out has a default here; a field without one is needed, and its absence is a
malformed payload. Source: OpenAPI description of 2025-05-27; bodies seen in the wild
lack ``billed_at``, ``adjusted_totals`` and others.
"""

from typing import Any

from msgspec import Raw, Struct


class Envelope(Struct):
    """What every webhook and every item of the event list looks like."""

    event_id: str
    event_type: str
    occurred_at: str
    data: Raw


class CustomerData(Struct):
    """``data`` of ``customer.*``."""

    id: str
    email: str
    updated_at: str
    status: str = "active"
    name: str | None = None
    locale: str | None = None


class Cycle(Struct):
    """``billing_cycle`` and ``trial_period``."""

    interval: str
    frequency: int


class Period(Struct):
    """A span of time."""

    starts_at: str
    ends_at: str


class Proration(Struct):
    """``proration``: which part of a period is charged."""

    rate: str | None = None


class Price(Struct):
    """The price inside an item."""

    id: str
    product_id: str | None = None
    billing_cycle: Cycle | None = None
    custom_data: dict[str, Any] | None = None


class Item(Struct):
    """``items[]``: what was asked for."""

    price: Price
    quantity: int = 1


class Totals(Struct):
    """Amounts of a line or a transaction."""

    total: str
    subtotal: str = "0"
    discount: str = "0"
    tax: str = "0"
    grand_total: str | None = None
    credit: str | None = None
    credit_to_balance: str | None = None
    fee: str | None = None
    earnings: str | None = None


class Product(Struct):
    """The product inside a computed line."""

    id: str | None = None
    custom_data: dict[str, Any] | None = None


class LineItem(Struct):
    """``details.line_items[]``: what was computed; adjustments refer to its id."""

    id: str
    price_id: str
    totals: Totals
    quantity: int = 1
    tax_rate: str | None = None
    proration: Proration | None = None
    product: Product | None = None


class Details(Struct):
    """``details``."""

    totals: Totals
    line_items: list[LineItem] = []


class Card(Struct):
    """``method_details.card``."""

    type: str | None = None
    last4: str | None = None


class Method(Struct):
    """``payments[].method_details``."""

    type: str | None = None
    card: Card | None = None


class PaymentData(Struct):
    """``payments[]``, newest first."""

    payment_attempt_id: str
    status: str
    amount: str
    error_code: str | None = None
    method_details: Method | None = None
    created_at: str | None = None
    captured_at: str | None = None


class TransactionData(Struct):
    """``data`` of ``transaction.*``."""

    id: str
    status: str
    currency_code: str
    updated_at: str
    details: Details
    items: list[Item] = []
    payments: list[PaymentData] = []
    customer_id: str | None = None
    address_id: str | None = None
    business_id: str | None = None
    subscription_id: str | None = None
    origin: str | None = None
    collection_mode: str | None = None
    discount_id: str | None = None
    invoice_id: str | None = None
    invoice_number: str | None = None
    billing_period: Period | None = None
    #: Written by whom? A buyer, perhaps: read with ``reading.storable``.
    custom_data: Raw = Raw(b"null")
    created_at: str | None = None
    billed_at: str | None = None


class AdjustmentItem(Struct):
    """``items[]`` of an adjustment."""

    id: str
    item_id: str
    type: str
    totals: Totals


class AdjustmentData(Struct):
    """``data`` of ``adjustment.*``."""

    id: str
    action: str
    status: str
    transaction_id: str
    currency_code: str
    updated_at: str
    totals: Totals
    items: list[AdjustmentItem] = []
    type: str | None = None
    subscription_id: str | None = None
    customer_id: str | None = None
    reason: str | None = None
    created_at: str | None = None
