"""The people who learn, and the ways by which we recognise them."""

import unicodedata
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class IdentityKind(StrEnum):
    """By what a learner is recognised."""

    #: The provider's customer, ``paddle:ctm_…``.
    CUSTOMER = "customer"
    #: The address, normalised for matching.
    EMAIL = "email"
    #: The course platform's own user id.
    USER = "user"


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


def normalized(email: str) -> str:
    """Return an address as it is matched: NFC, lower case, no outer blanks.

    Not case folded: that would make one person of ``straße.de`` and ``strasse.de``,
    which are two domains with two owners.
    """
    return unicodedata.normalize("NFC", email.strip()).lower()
