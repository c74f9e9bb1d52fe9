"""Events as they came, what they are about, and how deliveries were answered."""

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.inbox import InboxSource, InboxState, VariantState
from models.tables.base import Base
from models.tables.work import WorkRow, due_index, failing_index


class Inbox(WorkRow, Base):
    """One event, known by the provider's id, once and for good."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        due_index("inbox"),
        failing_index("inbox"),
        Index("ix_inbox_received_at", "received_at"),
        # What a later release may take up again.
        Index(
            "ix_inbox_ignored",
            "event_type",
            "id",
            postgresql_where=text("state = 'ignored'"),
        ),
    )

    state: Mapped[InboxState] = mapped_column(server_default=InboxState.PENDING)
    provider: Mapped[str]
    #: The provider's id, or ``sha256:<hex>`` of the body where it has none we can use.
    event_id: Mapped[str]
    #: Empty for an odd body.
    event_type: Mapped[str | None]
    #: The provider's time of the fact; empty for an odd body.
    occurred_at: Mapped[datetime | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: SHA-256 of the first body that came under this id.
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    source: Mapped[InboxSource] = mapped_column(server_default=InboxSource.WEBHOOK)
    #: Counts replays: 1 at first.
    generation: Mapped[int] = mapped_column(server_default="1")


class InboxBody(Base):
    """The raw bytes of an event; partitioned by month of receipt."""

    __tablename__ = "inbox_bodies"
    __table_args__ = (
        PrimaryKeyConstraint("inbox_id", "received_at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )

    # No foreign key: it would make every dropped partition scan the inbox.
    inbox_id: Mapped[int]
    received_at: Mapped[datetime]
    body: Mapped[bytes] = mapped_column(LargeBinary)


class EventEntity(Base):
    """Which entity an event told of, so that all its events can be found again.

    Written by ``events.record`` for what bears on access; an event that nobody could
    read tells of nothing.
    """

    __tablename__ = "event_entities"
    __table_args__ = (PrimaryKeyConstraint("entity_id", "inbox_id"),)

    #: As its provider calls it; which provider that is stands in the inbox.
    entity_id: Mapped[str]
    # No foreign key: it would be checked for each event on the hot path.
    inbox_id: Mapped[int]


class InboxVariant(WorkRow, Base):
    """Another body under a known id, kept until it has been compared."""

    __tablename__ = "inbox_variants"
    __table_args__ = (
        UniqueConstraint("inbox_id", "digest"),
        due_index("inbox_variants"),
        failing_index("inbox_variants"),
    )

    state: Mapped[VariantState] = mapped_column(server_default=VariantState.PENDING)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DeliveryCount(Base):
    """How many deliveries came in a minute, and how they were answered.

    Written by each receiver every few seconds as sums, never per delivery: a flood of
    refusals costs one row a minute for each reason.
    """

    __tablename__ = "delivery_counts"
    __table_args__ = (PrimaryKeyConstraint("minute", "provider", "outcome", "reason"),)

    #: Begin of the minute, by the database's clock at the time of writing.
    minute: Mapped[datetime]
    provider: Mapped[str]
    #: ``stored``, ``duplicate``, ``variant``, ``refused``, ``unavailable``.
    outcome: Mapped[str]
    #: ``web_hook.verify.Refusal`` for a refused one; else empty.
    reason: Mapped[str]
    deliveries: Mapped[int]
    #: Median of (our clock - the signature's ``ts``) in seconds, of deliveries whose
    #: signature is ours: positive where our clock is ahead. Empty where none is.
    skew_seconds: Mapped[float | None]
