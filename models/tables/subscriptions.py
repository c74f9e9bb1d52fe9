"""What is paid for again and again."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped

from models.tables.base import Base
from models.tables.entity import Compared, Snapshot


class Subscription(Snapshot, Compared, Base):
    """A subscription as the provider reports it; a source of grants."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        PrimaryKeyConstraint("provider", "id"),
        Index("ix_subscriptions_customer", "provider", "customer_id"),
        Index(
            "ix_subscriptions_customer_user",
            "provider",
            "customer_id",
            "user_id",
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        Index(
            "ix_subscriptions_user",
            "user_id",
            postgresql_where=text("user_id IS NOT NULL"),
        ),
        # Trials, by their end.
        Index(
            "ix_subscriptions_trials",
            "next_billed_at",
            postgresql_where=text("status = 'trialing'"),
        ),
        Index(
            "ix_subscriptions_waiting",
            "waits_since",
            postgresql_where=text("waits_since IS NOT NULL"),
        ),
    )

    #: active, trialing, past_due, paused, canceled
    status: Mapped[str | None]
    customer_id: Mapped[str | None]
    address_id: Mapped[str | None]
    business_id: Mapped[str | None]
    #: The transaction it began with. Only the event of its making tells it; where that
    #: never came, the one that was opened before it.
    first_transaction_id: Mapped[str | None]
    currency: Mapped[str | None]
    collection_mode: Mapped[str | None]
    cycle_interval: Mapped[str | None]
    cycle_frequency: Mapped[int | None]
    opened_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    first_billed_at: Mapped[datetime | None]
    next_billed_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    #: The current billing period; empty while paused and once canceled.
    period_starts_at: Mapped[datetime | None]
    period_ends_at: Mapped[datetime | None]
    #: What is to happen, ``cancel``, ``pause`` or ``resume``, and when.
    scheduled_action: Mapped[str | None]
    scheduled_at: Mapped[datetime | None]
    scheduled_resume_at: Mapped[datetime | None]
    discount_id: Mapped[str | None]
    custom_data: Mapped[dict[str, Any] | None]
    #: See ``Transaction``.
    user_id: Mapped[str | None]
    user_refusal: Mapped[str | None]
    #: See ``Transaction``: since when some item that should give access gives none.
    waits_since: Mapped[datetime | None]


class SubscriptionItem(Base):
    """What a subscription is for; the provider names an item by its price."""

    __tablename__ = "subscription_items"
    __table_args__ = (PrimaryKeyConstraint("provider", "subscription_id", "id"),)

    provider: Mapped[str]
    subscription_id: Mapped[str]
    #: The price.
    id: Mapped[str]
    product_id: Mapped[str | None]
    #: active, inactive, trialing
    status: Mapped[str]
    quantity: Mapped[int]
    recurring: Mapped[bool]
    unit_minor: Mapped[int | None]
    trial_starts_at: Mapped[datetime | None]
    trial_ends_at: Mapped[datetime | None]
    next_billed_at: Mapped[datetime | None]
    #: ``custom_data.course`` of the price or else of the product.
    course: Mapped[str | None]
