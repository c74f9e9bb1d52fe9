"""What a provider's payload says, in our words: the border behind which no Paddle is.

Amounts are integers in the currency's minor unit; times have a zone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class CustomerSnapshot(Snapshot):
    """The provider's customer, whole."""

    email: str
    #: As it is matched.
    email_key: str
    name: str | None
    locale: str | None
    status: str


@dataclass(frozen=True, slots=True)
class LineSnapshot:
    """One line of a transaction; see ``models.ledger.TransactionLine``."""

    id: str
    price_id: str
    product_id: str | None
    quantity: int
    recurring: bool
    prorated: bool
    proration_rate: str | None
    tax_rate: str | None
    subtotal_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    course: str | None


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """One attempt to pay; see ``models.ledger.Payment``."""

    id: str
    status: str
    amount_minor: int
    error_code: str | None
    method: str | None
    card_brand: str | None
    last4: str | None
    failure: str | None
    attempted_at: datetime | None
    captured_at: datetime | None


@dataclass(frozen=True, slots=True)
class TransactionSnapshot(Snapshot):
    """One transaction, whole; see ``models.ledger.Transaction``."""

    status: str
    customer_id: str | None
    address_id: str | None
    business_id: str | None
    subscription_id: str | None
    origin: str | None
    collection_mode: str | None
    currency: str
    subtotal_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    credit_minor: int | None
    credit_to_balance_minor: int | None
    grand_total_minor: int
    fee_minor: int | None
    earnings_minor: int | None
    discount_id: str | None
    invoice_id: str | None
    invoice_number: str | None
    period_starts_at: datetime | None
    period_ends_at: datetime | None
    custom_data: dict[str, Any] | None
    user_id: str | None
    user_refusal: str | None
    reference: str | None
    opened_at: datetime | None
    billed_at: datetime | None
    lines: tuple[LineSnapshot, ...]
    payments: tuple[PaymentSnapshot, ...]


@dataclass(frozen=True, slots=True)
class AdjustmentLineSnapshot:
    """The part of an adjustment that concerns one transaction line."""

    id: str
    line_id: str
    kind: str
    total_minor: int


@dataclass(frozen=True, slots=True)
class AdjustmentSnapshot(Snapshot):
    """A refund, credit or chargeback, or its reversal, whole."""

    transaction_id: str
    subscription_id: str | None
    customer_id: str | None
    action: str
    kind: str | None
    status: str
    reason: str | None
    currency: str
    subtotal_minor: int | None
    tax_minor: int | None
    total_minor: int
    fee_minor: int | None
    earnings_minor: int | None
    opened_at: datetime | None
    lines: tuple[AdjustmentLineSnapshot, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionItemSnapshot:
    """One item of a subscription; see ``models.subscriptions.SubscriptionItem``."""

    id: str
    product_id: str | None
    status: str
    quantity: int
    recurring: bool
    unit_minor: int | None
    trial_starts_at: datetime | None
    trial_ends_at: datetime | None
    next_billed_at: datetime | None
    course: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionSnapshot(Snapshot):
    """One subscription, whole; see ``models.subscriptions.Subscription``."""

    status: str
    customer_id: str | None
    address_id: str | None
    business_id: str | None
    #: Told only by the event of its making; kept apart from the snapshot's facts.
    first_transaction_id: str | None
    currency: str
    collection_mode: str | None
    cycle_interval: str | None
    cycle_frequency: int | None
    opened_at: datetime | None
    started_at: datetime | None
    first_billed_at: datetime | None
    next_billed_at: datetime | None
    paused_at: datetime | None
    canceled_at: datetime | None
    period_starts_at: datetime | None
    period_ends_at: datetime | None
    scheduled_action: str | None
    scheduled_at: datetime | None
    scheduled_resume_at: datetime | None
    discount_id: str | None
    custom_data: dict[str, Any] | None
    user_id: str | None
    user_refusal: str | None
    lines: tuple[SubscriptionItemSnapshot, ...]


#: What a customer did.
BOUGHT = (TransactionSnapshot, AdjustmentSnapshot, SubscriptionSnapshot)
