"""What operators look at and do, and signs of life."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.operations import LetterState
from models.tables.base import Base


class DeadLetter(Base):
    """Work that will not pass by itself, with what is needed to understand it.

    Either a row of a work table (``work_table``, ``row_id``) or a broker message that
    leads to no row (``message``).
    """

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint("subject"),
        Index("ix_dead_letters_state", "state", "id"),
        # What alerts group by, of the open ones alone.
        Index(
            "ix_dead_letters_open",
            "task",
            "error_class",
            "place",
            "created_at",
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[LetterState] = mapped_column(server_default=LetterState.OPEN)
    #: What it is about, so that filing twice makes one letter: ``inbox:17`` (table and
    #: row; dying again after a replay opens the same letter again), or
    #: ``message:<SHA-256 of the raw message>``.
    subject: Mapped[str]
    work_table: Mapped[str | None]
    row_id: Mapped[int | None]
    #: Task name, Celery task id and worker of the last attempt, where known.
    task: Mapped[str | None]
    task_id: Mapped[str | None]
    worker: Mapped[str | None]
    error_class: Mapped[str]
    #: Safe to show: no personal data.
    error: Mapped[str]
    #: Where in our code it arose, ``file:line function``; empty where unknown.
    place: Mapped[str] = mapped_column(server_default="")
    attempts: Mapped[int] = mapped_column(server_default="0")
    #: The raw broker message, for a letter without a row; emptied after a day by
    #: ``rows.prune``.
    message: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class Attempt(Base):
    """One failed attempt at a row. Successes write none."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_row", "work_table", "row_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    work_table: Mapped[str]
    row_id: Mapped[int]
    #: Which claim it was, from 1.
    number: Mapped[int]
    task_id: Mapped[str | None]
    worker: Mapped[str | None]
    error_class: Mapped[str]
    error: Mapped[str]
    failed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Deployment(Base):
    """The stamp: which environment this database belongs to. One row."""

    __tablename__ = "deployment"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1")
    environment: Mapped[str]
    stamped_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Heartbeat(Base):
    """When something that must not stop last showed itself, by the database's clock."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    beat_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Since when it has beaten without a gap of a minute or more.
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Which one it runs, of a process that cannot be asked; else empty.
    release: Mapped[str | None]


class OperatorAction(Base):
    """What a person did by hand. Rows are only added."""

    __tablename__ = "operator_actions"
    __table_args__ = (Index("ix_operator_actions_target", "target"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    detail: Mapped[dict[str, Any] | None]
    done_at: Mapped[datetime] = mapped_column(server_default=func.now())
