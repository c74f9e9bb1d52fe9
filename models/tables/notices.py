"""Addresses to which nothing is sent any more."""

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class Suppression(Base):
    """An address to which nothing is sent any more over one channel."""

    __tablename__ = "suppressions"
    __table_args__ = (PrimaryKeyConstraint("channel", "address"),)

    #: See ``ChannelName``.
    channel: Mapped[str]
    #: As ``models.people.normalized`` has it; for WhatsApp the number.
    address: Mapped[str]
    #: The server's words, or the operator's.
    reason: Mapped[str]
    #: The notification whose answer it was; empty: an operator's doing.
    notification_id: Mapped[int | None]
    suppressed_at: Mapped[datetime] = mapped_column(server_default=func.now())
