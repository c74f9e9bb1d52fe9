"""What people are told of, over which ways, and who is told nothing any more."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import PrimaryKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class NoticeKind(StrEnum):
    """What a message is for; ``worker/notices/kinds.py`` says the rest of each."""

    #: Access is there for the first time.
    WELCOME = "welcome"
    #: Access rests; the message says why and what to do.
    SUSPENDED = "suspended"
    #: Access is over.
    ENDED = "ended"
    #: Access is back.
    RESTORED = "restored"
    #: Money goes back.
    REFUND_CONFIRMED = "refund_confirmed"
    #: A trial is about to be charged for.
    TRIAL_ENDING = "trial_ending"
    #: A renewal was not paid; access stays for the days of grace.
    RENEWAL_FAILED = "renewal_failed"
    #: The attempt to pay for a first purchase was declined.
    PAYMENT_FAILED = "payment_failed"
    #: The money is there, access is not: parked for some minutes.
    PAYMENT_RECEIVED = "payment_received"
    #: What was bought, with the provider's invoice.
    ORDER_CONFIRMATION = "order_confirmation"
    #: A checkout was opened and not paid.
    CHECKOUT_LEFT_OPEN = "checkout_left_open"


class ChannelName(StrEnum):
    """A way to a person."""

    MAIL = "mail"
    WHATSAPP = "whatsapp"


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
