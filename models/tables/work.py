"""The columns and indexes that every table of work has; see ``models.work``."""

import uuid
from datetime import datetime

from sqlalchemy import Index, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.work import PENDING, SCHEMA_VERSION


class WorkRow:
    """Columns of a work table (inbox, access changes, notifications, deliveries)."""

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Claims so far, whatever came of them.
    attempts: Mapped[int] = mapped_column(server_default="0")
    #: Claims that ended with an error of the row itself; the retry limit counts these.
    failures: Mapped[int] = mapped_column(server_default="0")
    #: Claims that ended without a verdict: their process died or froze.
    crashes: Mapped[int] = mapped_column(server_default="0")
    #: When the row is due; while it is claimed, the end of the lease.
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Until then a message is believed to be under way; the sweep rings later ones.
    rung_until: Mapped[datetime] = mapped_column(
        server_default=text("now() + interval '5 seconds'")
    )
    #: The claim that holds the row; left in place by a process that dies.
    lease_token: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    #: End of that claim's lease, by the database's clock.
    leased_until: Mapped[datetime | None]
    #: The Celery task id of that claim, so that a lost child's rows can be freed.
    leased_by: Mapped[str | None]
    #: See SCHEMA_VERSION.
    schema_version: Mapped[int] = mapped_column(server_default=str(SCHEMA_VERSION))
    #: Why it ended as it did; empty for the usual end.
    reason: Mapped[str | None]
    #: The last failure, safe to show: error class and message without personal data.
    last_error: Mapped[str | None]
    #: When the row came to be.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Since when it waits: its making, or when it was made pending again.
    pending_since: Mapped[datetime] = mapped_column(server_default=func.now())
    #: When it reached its end; empty while pending.
    finished_at: Mapped[datetime | None]


def due_index(table: str) -> Index:
    """Return the partial index over the pending rows of a work table."""
    return Index(
        f"ix_{table}_due",
        "next_attempt_at",
        "id",
        postgresql_where=text(f"state = '{PENDING}'"),
    )


def failing_index(table: str) -> Index:
    """Return the partial index over the rows that were tried and wait to be again.

    Few, and none of those that pass at once ever enters it.
    """
    return Index(
        f"ix_{table}_failing",
        "pending_since",
        postgresql_where=text(f"state = '{PENDING}' AND last_error IS NOT NULL"),
    )
