"""Checkouts that we open for a shop; what stands in ``payment_status`` is derived."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.checkouts import SessionState
from models.tables.base import Base


class PaymentSession(Base):
    """One checkout, by the shop's own name of it."""

    __tablename__ = "payment_sessions"
    __table_args__ = (
        UniqueConstraint("provider", "reference"),
        Index(
            "ix_payment_sessions_opening",
            "created_at",
            postgresql_where=text("state = 'opening'"),
        ),
        Index("ix_payment_sessions_changed_at", "changed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[SessionState] = mapped_column(server_default=SessionState.OPENING)
    provider: Mapped[str]
    reference: Mapped[str]
    #: The shop's user id, which is signed into the transaction.
    owner: Mapped[str]
    #: Prices with quantities, discount code, page: all but who buys.
    wanted: Mapped[dict[str, Any]]
    #: Only while it is being opened; empty: the buyer types it.
    email: Mapped[str | None]
    customer_id: Mapped[str | None]
    #: When the transaction was last asked for; empty: it was never, or was refused, so
    #: there is none. Else one may be there, and is looked for before another try.
    posted_at: Mapped[datetime | None]
    #: Who is at it, and until when nobody else is.
    lease_token: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    transaction_id: Mapped[str | None]
    checkout_url: Mapped[str | None]
    #: Why it is not open: a sentence for the shop's developer, and one for the buyer.
    problem: Mapped[str | None]
    buyer_words: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
