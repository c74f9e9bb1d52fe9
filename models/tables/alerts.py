"""Alerts, the messages about them, and what is silenced."""

from datetime import datetime

from sqlalchemy import ARRAY, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.alerts import AlertState, MessageKind, MessageState, Severity
from models.tables.base import Base
from models.tables.work import WorkRow, due_index, failing_index


class Alert(Base):
    """One life of one condition."""

    __tablename__ = "alerts"
    __table_args__ = (
        # Two that see it at once open one.
        Index(
            "uq_alerts_open_fingerprint",
            "fingerprint",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_alerts_fingerprint", "fingerprint", "resolved_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: ``kind`` or ``kind:subject``; what makes two sightings the same.
    fingerprint: Mapped[str]
    #: Which condition, as in ``worker/alerts/conditions.py`` and ``docs/runbooks/``.
    kind: Mapped[str]
    #: What within the condition: a queue, a group of dead letters; empty: there is one.
    subject: Mapped[str]
    severity: Mapped[Severity]
    state: Mapped[AlertState] = mapped_column(server_default=AlertState.OPEN)
    #: What is wrong, in one sentence; safe to show.
    summary: Mapped[str]
    #: What to type next.
    next_steps: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: How many things it is about now, and at most so far.
    count: Mapped[int] = mapped_column(server_default="1")
    peak: Mapped[int] = mapped_column(server_default="1")
    #: Since when it is so, as far as the rows tell.
    since: Mapped[datetime]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Since when it has not been seen; empty while it lasts.
    absent_since: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    #: How often it came back lately: each time it must stay away for longer.
    flaps: Mapped[int] = mapped_column(server_default="0")
    acked_at: Mapped[datetime | None]
    acked_by: Mapped[str | None]
    #: The severity that was told; empty: nobody was told yet. (Plain text: a second
    #: column of the enum would want a constraint of the same name.)
    told_severity: Mapped[str | None]
    #: Reminders so far, and when the next one is due.
    reminders: Mapped[int] = mapped_column(server_default="0")
    remind_at: Mapped[datetime | None]


class AlertMessage(WorkRow, Base):
    """One message to the operators; any way out that takes it will do."""

    __tablename__ = "alert_messages"
    __table_args__ = (
        due_index("alert_messages"),
        failing_index("alert_messages"),
        Index("ix_alert_messages_alert", "alert_id"),
    )

    state: Mapped[MessageState] = mapped_column(server_default=MessageState.PENDING)
    #: ``alert:17:opened``, ``alert:17:reminder:2``, ``digest:2026-11-21``: each once.
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[MessageKind]
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"))
    severity: Mapped[Severity]
    title: Mapped[str]
    body: Mapped[str]
    #: Which way took it, by its place in ``ALERT_URLS`` and its scheme; empty: none.
    way: Mapped[str | None]


class AlertSilence(Base):
    """Somebody does not want to hear of something for a while."""

    __tablename__ = "alert_silences"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: A fingerprint, a kind, or ``all``.
    target: Mapped[str]
    until: Mapped[datetime]
    reason: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
