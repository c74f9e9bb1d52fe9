"""The people who learn, and the ways by which we recognise them."""

from datetime import datetime

from sqlalchemy import ForeignKey, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.people import IdentityKind
from models.tables.base import Base


class Learner(Base):
    """One person."""

    __tablename__ = "learners"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: How the course platform calls the learner; made up by us until it says so.
    ref: Mapped[str] = mapped_column(
        unique=True,
        server_default=text("'lrn_' || replace(gen_random_uuid()::text, '-', '')"),
    )
    #: As given, for sending.
    email: Mapped[str]
    name: Mapped[str | None]
    locale: Mapped[str | None]
    #: Who this is as well: everything bought belongs to that learner. Derived from the
    #: one user id under which all of its customers bought.
    merged_into: Mapped[int | None] = mapped_column(
        ForeignKey("learners.id"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LearnerIdentity(Base):
    """One way to recognise a learner; each value belongs to one learner."""

    __tablename__ = "learner_identities"
    __table_args__ = (PrimaryKeyConstraint("kind", "value"),)

    kind: Mapped[IdentityKind]
    value: Mapped[str]
    learner_id: Mapped[int] = mapped_column(ForeignKey("learners.id"), index=True)
