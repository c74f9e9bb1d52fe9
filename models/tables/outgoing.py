"""What leaves the house: mail at most once, the platform's hook at least once."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.outgoing import DeliveryKind, DeliveryState, NotificationState
from models.tables.base import Base
from models.tables.work import WorkRow, due_index, failing_index


class Notification(WorkRow, Base):
    """One message to one person over one channel."""

    __tablename__ = "notifications"
    __table_args__ = (
        due_index("notifications"),
        failing_index("notifications"),
        Index(
            "ix_notifications_sending",
            "leased_until",
            postgresql_where=text("state = 'sending'"),
        ),
        Index(
            "ix_notifications_doubtful",
            "channel",
            "finished_at",
            postgresql_where=text("state = 'doubtful'"),
        ),
        # What was never sent, and what few are told: rare in a long history.
        Index(
            "ix_notifications_unsent",
            "state",
            "id",
            postgresql_where=text("state IN ('failed', 'skipped')"),
        ),
        Index(
            "ix_notifications_kind",
            "kind",
            "id",
            postgresql_where=text("kind <> 'welcome'"),
        ),
        # All that a person was told.
        Index("ix_notifications_learner", "learner_id"),
        # A day's mails, however they ended.
        Index("ix_notifications_finished_at", "finished_at", postgresql_using="brin"),
    )

    state: Mapped[NotificationState] = mapped_column(
        server_default=NotificationState.PENDING
    )
    #: Purpose, thing and version, and the channel if it is not mail: whatever happens,
    #: one message a key.
    key: Mapped[str] = mapped_column(unique=True)
    #: See ``NoticeKind``.
    kind: Mapped[str]
    #: See ``ChannelName``.
    channel: Mapped[str] = mapped_column(server_default="mail")
    learner_id: Mapped[int] = mapped_column(ForeignKey("learners.id"))
    #: Of notices about access; and which version of it.
    enrollment_id: Mapped[int | None] = mapped_column(ForeignKey("enrollments.id"))
    version: Mapped[int | None]
    #: Of notices about money: the transaction, subscription or adjustment.
    provider: Mapped[str | None]
    subject_id: Mapped[str | None]
    #: Set once, before the first attempt, so that a resend carries the same one.
    message_id: Mapped[str | None]


class PlatformDelivery(WorkRow, Base):
    """One thing the course platform must know: of an enrollment its newest version."""

    __tablename__ = "platform_deliveries"
    __table_args__ = (
        due_index("platform_deliveries"),
        failing_index("platform_deliveries"),
        Index(
            "ix_platform_deliveries_subject",
            "kind",
            "provider",
            "subject_id",
            unique=True,
            postgresql_where=text("subject_id IS NOT NULL"),
        ),
        Index(
            "ix_platform_deliveries_dead",
            "id",
            postgresql_where=text("state = 'dead'"),
        ),
        CheckConstraint(
            "(kind = 'enrollment.changed') = (enrollment_id IS NOT NULL)"
            " AND (kind = 'enrollment.changed') = (subject_id IS NULL)",
            name="of_one_thing",
        ),
    )

    state: Mapped[DeliveryState] = mapped_column(server_default=DeliveryState.PENDING)
    kind: Mapped[DeliveryKind] = mapped_column(server_default=DeliveryKind.ENROLLMENT)
    enrollment_id: Mapped[int | None] = mapped_column(
        ForeignKey("enrollments.id"), unique=True
    )
    provider: Mapped[str | None]
    #: The transaction of an order; of an attempt to pay its transaction, a slash and
    #: the attempt.
    subject_id: Mapped[str | None]
    #: The version to be told; of an order or a payment there is one.
    version: Mapped[int]
    #: The newest version the platform has acknowledged; 0: none. It stands here and
    #: not on the enrollment, so that telling never locks what activating locks.
    delivered_version: Mapped[int] = mapped_column(server_default="0")
    delivered_at: Mapped[datetime | None]
