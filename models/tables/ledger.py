"""The money as the provider reports it.

Each entity keeps the *clock* of the snapshot it was written from, so that whichever
event comes later, the same one wins (``models/clock.py``). Amounts are integers in the
currency's minor unit.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped

from models.tables.base import Base
from models.tables.entity import Compared, Snapshot


class Transaction(Snapshot, Compared, Base):
    """One purchase or charge."""

    __tablename__ = "transactions"
    __table_args__ = (
        PrimaryKeyConstraint("provider", "id"),
        Index("ix_transactions_customer", "provider", "customer_id"),
        Index(
            "ix_transactions_subscription",
            "provider",
            "subscription_id",
            postgresql_where=text("subscription_id IS NOT NULL"),
        ),
        Index(
            "ix_transactions_reference",
            "reference",
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index(
            "ix_transactions_waiting",
            "waits_since",
            postgresql_where=text("waits_since IS NOT NULL"),
        ),
        # Who bought under which user id.
        Index(
            "ix_transactions_customer_user",
            "provider",
            "customer_id",
            "user_id",
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        Index(
            "ix_transactions_user",
            "user_id",
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        # Checkouts that nobody has paid yet.
        Index(
            "ix_transactions_left_open",
            "opened_at",
            postgresql_where=text("status IN ('draft', 'ready')"),
        ),
        # A day's purchases, opened and paid.
        Index("ix_transactions_opened_at", "opened_at"),
        Index("ix_transactions_billed_at", "billed_at", postgresql_using="brin"),
        # What changed lately: the checks' recent look.
        Index(
            "ix_transactions_clock_updated_at",
            "clock_updated_at",
            postgresql_using="brin",
        ),
        # The day of ``revenue_daily``, where no payment says it.
        Index(
            "ix_transactions_sold_on",
            text(
                "((coalesce(billed_at, opened_at, clock_updated_at)"
                " AT TIME ZONE 'UTC')::date)"
            ),
            postgresql_using="brin",
        ),
    )

    status: Mapped[str | None]
    customer_id: Mapped[str | None]
    address_id: Mapped[str | None]
    business_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    origin: Mapped[str | None]
    collection_mode: Mapped[str | None]
    currency: Mapped[str | None]
    subtotal_minor: Mapped[int | None]
    discount_minor: Mapped[int | None]
    tax_minor: Mapped[int | None]
    total_minor: Mapped[int | None]
    #: Credit that was used, and what went to the buyer's balance instead of back.
    credit_minor: Mapped[int | None]
    credit_to_balance_minor: Mapped[int | None]
    #: What the buyer pays after credit.
    grand_total_minor: Mapped[int | None]
    fee_minor: Mapped[int | None]
    earnings_minor: Mapped[int | None]
    discount_id: Mapped[str | None]
    invoice_id: Mapped[str | None]
    invoice_number: Mapped[str | None]
    #: The billing period it pays for; empty for a purchase once and for all.
    period_starts_at: Mapped[datetime | None]
    period_ends_at: Mapped[datetime | None]
    custom_data: Mapped[dict[str, Any] | None]
    #: The platform's user id out of ``custom_data.learner``, checked.
    user_id: Mapped[str | None]
    #: Why what stood there was not believed: signature, expired, form, …
    user_refusal: Mapped[str | None]
    #: The shop's own name of the checkout, ``custom_data.reference``.
    reference: Mapped[str | None]
    opened_at: Mapped[datetime | None]
    billed_at: Mapped[datetime | None]
    #: Since when money is in and some line may wait for its price or its buyer; empty:
    #: nothing does. A marker that finds the candidates of the view ``parked``.
    waits_since: Mapped[datetime | None]


class TransactionLine(Base):
    """One line of a purchase: the unit of access and of refund."""

    __tablename__ = "transaction_lines"
    __table_args__ = (PrimaryKeyConstraint("provider", "transaction_id", "id"),)

    provider: Mapped[str]
    transaction_id: Mapped[str]
    id: Mapped[str]
    price_id: Mapped[str]
    product_id: Mapped[str | None]
    quantity: Mapped[int]
    #: The price has a billing cycle: the subscription gives access, not this line.
    recurring: Mapped[bool]
    prorated: Mapped[bool]
    #: Decimal text, ``0.47``; empty unless prorated.
    proration_rate: Mapped[str | None]
    #: Decimal text, ``0.2``.
    tax_rate: Mapped[str | None]
    subtotal_minor: Mapped[int]
    discount_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    #: ``custom_data.course`` of the price or else of the product, set by the seller.
    course: Mapped[str | None]


class Payment(Base):
    """One attempt to pay. Told by several events: each attempt keeps its own clock."""

    __tablename__ = "payments"
    __table_args__ = (
        PrimaryKeyConstraint("provider", "transaction_id", "id"),
        # A day's payments, that failed and that went well.
        Index(
            "ix_payments_attempted_at_captured_at",
            "attempted_at",
            "captured_at",
            postgresql_using="brin",
        ),
        # The day of ``revenue_daily``.
        Index(
            "ix_payments_captured_on",
            text("((captured_at AT TIME ZONE 'UTC')::date)"),
            postgresql_using="brin",
        ),
    )

    provider: Mapped[str]
    transaction_id: Mapped[str]
    id: Mapped[str]
    status: Mapped[str]
    amount_minor: Mapped[int]
    error_code: Mapped[str | None]
    method: Mapped[str | None]
    card_brand: Mapped[str | None]
    last4: Mapped[str | None]
    #: ``error_code`` in words for a buyer.
    failure: Mapped[str | None]
    attempted_at: Mapped[datetime | None]
    captured_at: Mapped[datetime | None]
    clock_updated_at: Mapped[datetime]
    clock_occurred_at: Mapped[datetime]
    clock_event: Mapped[str]


class Adjustment(Snapshot, Compared, Base):
    """A refund, credit or chargeback, or its reversal."""

    __tablename__ = "adjustments"
    __table_args__ = (
        PrimaryKeyConstraint("provider", "id"),
        Index("ix_adjustments_transaction", "provider", "transaction_id"),
        Index("ix_adjustments_customer", "provider", "customer_id"),
        Index("ix_adjustments_opened_at", "opened_at", postgresql_using="brin"),
    )

    transaction_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    customer_id: Mapped[str | None]
    action: Mapped[str | None]
    #: ``full`` or ``partial``.
    kind: Mapped[str | None]
    status: Mapped[str | None]
    reason: Mapped[str | None]
    currency: Mapped[str | None]
    subtotal_minor: Mapped[int | None]
    tax_minor: Mapped[int | None]
    total_minor: Mapped[int | None]
    fee_minor: Mapped[int | None]
    earnings_minor: Mapped[int | None]
    opened_at: Mapped[datetime | None]


class AdjustmentLine(Base):
    """The part of an adjustment that concerns one line of its transaction."""

    __tablename__ = "adjustment_lines"
    __table_args__ = (PrimaryKeyConstraint("provider", "adjustment_id", "id"),)

    provider: Mapped[str]
    adjustment_id: Mapped[str]
    id: Mapped[str]
    #: The transaction line it takes back from.
    line_id: Mapped[str]
    kind: Mapped[str]
    total_minor: Mapped[int]
