"""Checkouts that we open for a shop; what stands in ``payment_status`` is derived."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.checkouts import CheckoutState
from models.tables.base import Base
from models.tables.work import WorkRow, due_index, failing_index


class Checkout(WorkRow, Base):
    """One checkout, by the shop's own name of it.

    ``reason`` is the sentence for the shop's developer, also while it is not open yet.
    """

    __tablename__ = "checkouts"
    __table_args__ = (
        # In this order a shop's question, which names no provider, is found by it too.
        UniqueConstraint("reference", "provider"),
        due_index("checkouts"),
        failing_index("checkouts"),
        Index("ix_checkouts_finished_at", "finished_at"),
    )

    state: Mapped[CheckoutState] = mapped_column(server_default=CheckoutState.PENDING)
    provider: Mapped[str]
    reference: Mapped[str]
    #: The shop's user id, which is signed into the transaction.
    owner: Mapped[str]
    #: Prices with quantities, discount code, page: all but who buys.
    wanted: Mapped[dict[str, Any]]
    #: Only while it is pending; NULL: the buyer types it; empty: what was given is no
    #: address.
    email: Mapped[str | None]
    customer_id: Mapped[str | None]
    #: When the transaction was last asked for; empty: it was never, or was refused, so
    #: there is none. Else one may be there, and is looked for before another try.
    posted_at: Mapped[datetime | None]
    transaction_id: Mapped[str | None]
    checkout_url: Mapped[str | None]
    #: What the buyer is told while it is not open.
    buyer_words: Mapped[str | None]
