"""What a provider sends that this release does not know, and how far was looked."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.drift import DriftKind
from models.tables.base import Base


class SchemaDrift(Base):
    """One thing that is new, however many events have it. Bounded in number."""

    __tablename__ = "schema_drift"
    __table_args__ = (
        UniqueConstraint("provider", "kind", "path", "value"),
        # What alerts tell of.
        Index(
            "ix_schema_drift_open", "id", postgresql_where=text("accepted_at IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str]
    kind: Mapped[DriftKind]
    #: The type, or where the field stands: ``transaction.details.totals.rounding``.
    path: Mapped[str]
    #: The new value of ``enum``; else empty. Never what stands in an unknown field.
    value: Mapped[str] = mapped_column(server_default="")
    #: When the first and the last event with it were received.
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    #: How many events had it.
    events: Mapped[int]
    #: The last of them, by the provider's id.
    event_id: Mapped[str]
    #: When an operator said that it is known; empty: worth an alert.
    accepted_at: Mapped[datetime | None]


class Cursor(Base):
    """How far something that walks through rows or lists has come."""

    __tablename__ = "cursors"

    #: The task that walks, with what it walks through where that is more than one.
    name: Mapped[str] = mapped_column(primary_key=True)
    #: Where it stands, in its own writing; empty: at the beginning.
    position: Mapped[str] = mapped_column(server_default="")
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: Everything before was looked at, by the time of what is walked through; empty:
    #: nobody asks.
    reached_at: Mapped[datetime | None]
