"""What is not as it should be and no machine may decide."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.findings import FindingState
from models.tables.base import Base


class Finding(Base):
    """One thing that was found; known by kind and subject, so it is found once."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("subject", "kind"),
        Index(
            "ix_findings_open", "kind", "id", postgresql_where=text("state = 'open'")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: A ``FindingKind``; text, so that a new kind needs no migration.
    kind: Mapped[str]
    state: Mapped[FindingState] = mapped_column(server_default=FindingState.OPEN)
    #: What it is about: a transaction line, a subscription, a customer, an enrollment.
    subject: Mapped[str]
    learner_id: Mapped[int | None]
    currency: Mapped[str | None]
    amount_minor: Mapped[int | None]
    #: What the sentence is made of; no personal data.
    detail: Mapped[dict[str, Any] | None]
    #: First seen, since it was last not so.
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    #: How often it was seen since ``found_at``.
    times: Mapped[int] = mapped_column(server_default="1")
    closed_at: Mapped[datetime | None]
