"""What is not as it should be and no machine may decide: for a person to look at."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class FindingState(StrEnum):
    """Whether somebody must still look."""

    #: It is so.
    OPEN = "open"
    #: It is no longer so; found by looking again.
    CLEARED = "cleared"
    #: A person has seen it and wants to hear no more of it.
    ACCEPTED = "accepted"


class FindingKind(StrEnum):
    """What was found. The sentences are in ``worker/findings.py``."""

    #: Part of a line's money went back: access stays until all of it has.
    PARTIAL_REFUND = "partial_refund"
    #: The current period of a subscription was refunded whole.
    PERIOD_REFUNDED = "period_refunded"
    #: Seats were bought beside the buyer's own: nobody has them.
    SEATS_WITHOUT_LEARNER = "seats_without_learner"
    #: Bought for good what the buyer already had for good.
    BOUGHT_AGAIN = "bought_again"
    #: One customer bought under several user ids.
    TWO_USERS = "two_users"
    #: ``custom_data.learner`` was not believed.
    LEARNER_NOT_BELIEVED = "learner_not_believed"
    #: Told canceled, but the money has come in.
    COMPLETED_BUT_CANCELED = "completed_but_canceled"
    #: The provider does not know the customer who bought.
    CUSTOMER_MISSING = "customer_missing"
    #: What the provider answers is not what we have, and its word counts.
    DIFFERS_FROM_PROVIDER = "differs_from_provider"
    #: We were told something that the provider does not show.
    NEWER_THAN_PROVIDER = "newer_than_provider"
    #: It is in no list of the provider's.
    NOT_AT_PROVIDER = "not_at_provider"
    #: What the provider answers cannot be understood.
    UNREADABLE_AT_PROVIDER = "unreadable_at_provider"
    # What the checks of our own rows find (``worker/checks/``).
    REFUNDED_BUT_LIVE = "refunded_but_live"
    GRANT_WITHOUT_PAYMENT = "grant_without_payment"
    PAID_WITHOUT_GRANT = "paid_without_grant"
    UNKNOWN_PRICE_BOUGHT = "unknown_price_bought"
    #: The clock should have changed access.
    PAST_ITS_END = "past_its_end"
    #: Grants and enrollment.
    ACCESS_DISAGREES = "access_disagrees"
    HISTORY_INCOMPLETE = "history_incomplete"
    LEARNER_WITHOUT_IDENTITY = "learner_without_identity"
    PLATFORM_NOT_TOLD = "platform_not_told"
    NOT_WELCOMED = "not_welcomed"
    ROWS_STUCK = "rows_stuck"
    #: Of a transaction, against its lines.
    TOTALS_DIFFER = "totals_differ"
    #: The same, of a day and a currency.
    DAY_TOTALS_DIFFER = "day_totals_differ"


class Finding(Base):
    """One thing that was found; known by kind and subject, so it is found once."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("subject", "kind"),
        Index(
            "ix_findings_open", "kind", "id", postgresql_where=text("state = 'open'")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: A ``FindingKind``; text, so that a new kind needs no migration.
    kind: Mapped[str]
    state: Mapped[FindingState] = mapped_column(server_default=FindingState.OPEN)
    #: What it is about: a transaction line, a subscription, a customer, an enrollment.
    subject: Mapped[str]
    learner_id: Mapped[int | None]
    currency: Mapped[str | None]
    amount_minor: Mapped[int | None]
    #: What the sentence is made of; no personal data.
    detail: Mapped[dict[str, Any] | None]
    #: First seen, since it was last not so.
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: How often it was seen since ``found_at``.
    times: Mapped[int] = mapped_column(server_default="1")
    closed_at: Mapped[datetime | None]
