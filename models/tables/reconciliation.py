"""Runs of reconciliation, what they brought, and the budget they keep to."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.reconciliation import (
    EventReason,
    Explanation,
    RunKind,
    RunScope,
    RunStage,
    RunState,
)
from models.tables.base import Base
from models.tables.work import WorkRow, due_index, failing_index


class ReconciliationRun(WorkRow, Base):
    """One comparison, with its honest coverage. ``reason`` says why it is partial."""

    __tablename__ = "reconciliation_runs"
    __table_args__ = (
        due_index("reconciliation_runs"),
        failing_index("reconciliation_runs"),
        # One at a time: two beats, or a person beside beat, are one run.
        Index(
            "uq_reconciliation_runs_pending",
            "provider",
            "kind",
            "scope",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_reconciliation_runs_kind", "provider", "kind", "scope", "id"),
    )

    state: Mapped[RunState] = mapped_column(server_default=RunState.PENDING)
    provider: Mapped[str]
    kind: Mapped[RunKind]
    scope: Mapped[RunScope]
    stage: Mapped[RunStage] = mapped_column(server_default=RunStage.WALK)
    #: ``beat``, or the operator who asked.
    asked_by: Mapped[str] = mapped_column(server_default="beat")
    #: What lies before is not looked at; empty: there is no such bound.
    since: Mapped[datetime | None]
    #: Whether learners are told of access that it brings.
    mails: Mapped[bool] = mapped_column(server_default=text("true"))
    #: Where the walk stands, in its own writing; empty: at the beginning.
    position: Mapped[str] = mapped_column(server_default="")
    #: How much there is, as the provider estimated; empty: it did not say.
    expected: Mapped[int | None]
    #: How much was looked at.
    seen: Mapped[int] = mapped_column(server_default="0")
    #: Requests to the provider.
    requests: Mapped[int] = mapped_column(server_default="0")
    #: What differed, or was missing.
    found: Mapped[int] = mapped_column(server_default="0")
    #: How much of that is right by now.
    healed: Mapped[int] = mapped_column(server_default="0")
    #: Our own work, without waiting for answers or a turn.
    work_seconds: Mapped[float] = mapped_column(server_default="0")


class ReconciledEvent(Base):
    """An event that reconciliation put into the inbox, and why."""

    __tablename__ = "reconciled_events"
    __table_args__ = (
        Index("ix_reconciled_events_run", "run_id"),
        Index("ix_reconciled_events_found_at", "found_at"),
        Index(
            "ix_reconciled_events_subject",
            "subject",
            postgresql_where=text("subject IS NOT NULL"),
        ),
        Index(
            "ix_reconciled_events_unexplained",
            "inbox_id",
            postgresql_where=text("reason = 'missed' AND explanation IS NULL"),
        ),
    )

    # No foreign key: see ``EventEntity``.
    inbox_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run_id: Mapped[int] = mapped_column(ForeignKey("reconciliation_runs.id"))
    reason: Mapped[EventReason]
    #: The finding that closes when the event has healed it; empty: there is none.
    subject: Mapped[str | None]
    #: Whether learners are told of access that it brings.
    mails: Mapped[bool] = mapped_column(server_default=text("true"))
    found_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    explanation: Mapped[Explanation | None]
    explained_at: Mapped[datetime | None]


class ProviderBudget(Base):
    """How often a provider may be asked: one row for all workers and hosts."""

    __tablename__ = "provider_budgets"

    provider: Mapped[str] = mapped_column(primary_key=True)
    #: Requests that may be made at once, as of ``filled_at``.
    tokens: Mapped[float]
    filled_at: Mapped[datetime]
    #: Nobody asks before; the provider said so, or it does not answer.
    paused_until: Mapped[datetime | None]
    #: Requests in a row without an answer, by the provider's fault.
    failures: Mapped[int] = mapped_column(server_default="0")


class Slot(Base):
    """One periodic task: when it last began and ended, so that two beats are one."""

    __tablename__ = "slots"

    task: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]
    #: Another run may begin from then on, even if this one never ends.
    held_until: Mapped[datetime]
    #: When a run last ended well; empty: none has.
    done_at: Mapped[datetime | None]
