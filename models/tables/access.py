"""What was bought, why it gives access, and what access there is now; written whole."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.access import AccessState, ChangeState, CourseKind, GrantSource
from models.tables.base import Base
from models.tables.people import Learner
from models.tables.work import WorkRow, due_index, failing_index


class Course(Base):
    """Something a price can give."""

    __tablename__ = "courses"

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[CourseKind]
    title: Mapped[str]


class Offer(Base):
    """What a price gives: one row per course, versioned, never changed in place.

    A price that gives nothing on purpose has one row without a course.
    """

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("provider", "price_id", "course_key", "version"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str]
    price_id: Mapped[str]
    #: Empty: nothing, a book or a donation; what is bought with it waits for nothing.
    course_key: Mapped[str | None] = mapped_column(ForeignKey("courses.key"))
    version: Mapped[int]
    #: Days of access from the purchase; empty: for good.
    days: Mapped[int | None]
    valid_from: Mapped[datetime] = mapped_column(server_default=func.now())
    #: When another version took over; empty for the current one.
    valid_until: Mapped[datetime | None]


class Grant(Base):
    """One reason for access: a line, an item or a person's decision, for one course."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("provider", "source_id", "line_id", "course_key"),
        Index("ix_grants_learner", "learner_id", "course_key"),
        # What changed lately: the checks' recent look. So with the enrollments.
        Index("ix_grants_changed_at", "changed_at", postgresql_using="brin"),
        # What was a learner's before.
        Index(
            "ix_grants_former_learners",
            "former_learners",
            postgresql_using="gin",
            postgresql_where=text("former_learners IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[GrantSource] = mapped_column(server_default=GrantSource.PURCHASE)
    #: The provider; ``paddlewheel`` for what is given by hand.
    provider: Mapped[str]
    #: The transaction or subscription; by hand the number of the operator's action.
    source_id: Mapped[str]
    #: The line, or the item's price; empty by hand.
    line_id: Mapped[str]
    course_key: Mapped[str] = mapped_column(ForeignKey("courses.key"))
    learner_id: Mapped[int] = mapped_column(ForeignKey(Learner.id))
    #: Who had it before, the first one first; empty: nobody. What is given by hand goes
    #: back to the first; who was welcomed as one of them is not welcomed again.
    former_learners: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    #: The offer it was made with; a later version does not change it. Empty where the
    #: provider's ``custom_data.course`` decided.
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offers.id"))
    state: Mapped[AccessState]
    #: Why it stands as it does: purchased, refunded, disputed, …
    cause: Mapped[str]
    #: How many may use it; more than one only for an event.
    seats: Mapped[int] = mapped_column(server_default="1")
    starts_at: Mapped[datetime | None]
    #: When it ends by the clock; empty: never.
    ends_at: Mapped[datetime | None]
    #: The cause from then on: expired, canceled, past_due, paused.
    ends_as: Mapped[str] = mapped_column(server_default="expired")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccessChange(WorkRow, Base):
    """Tells ``enrollments.activate`` to recompute one enrollment, and why."""

    __tablename__ = "access_changes"
    __table_args__ = (
        due_index("access_changes"),
        failing_index("access_changes"),
        # What was carried out on a day.
        Index("ix_access_changes_finished_at", "finished_at", postgresql_using="brin"),
    )

    state: Mapped[ChangeState] = mapped_column(server_default=ChangeState.PENDING)
    learner_id: Mapped[int] = mapped_column(ForeignKey(Learner.id))
    course_key: Mapped[str] = mapped_column(ForeignKey("courses.key"))
    #: event, reconciliation, clock, operator, catalog, merge
    cause_kind: Mapped[str]
    #: The provider's event id, or who did it.
    cause_ref: Mapped[str]


class Enrollment(Base):
    """What a learner has now for one course."""

    __tablename__ = "enrollments"
    __table_args__ = (
        UniqueConstraint("learner_id", "course_key"),
        Index("ix_enrollments_changed_at", "changed_at", postgresql_using="brin"),
        Index(
            "ix_enrollments_recheck_at",
            "recheck_at",
            postgresql_where=text("recheck_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    learner_id: Mapped[int] = mapped_column(ForeignKey(Learner.id))
    course_key: Mapped[str] = mapped_column(ForeignKey("courses.key"))
    state: Mapped[AccessState]
    #: Cause of the grant that decides.
    reason: Mapped[str]
    access_until: Mapped[datetime | None]
    #: How many may use it: attendees of an event, else 1.
    seats: Mapped[int] = mapped_column(server_default="1")
    #: When the clock alone may change it next; empty: never.
    recheck_at: Mapped[datetime | None]
    #: Counts changes, from 1; 0 only inside the transaction that creates the row.
    version: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EnrollmentHistory(Base):
    """Each change of an enrollment, with its cause. Rows are only added."""

    __tablename__ = "enrollment_history"
    __table_args__ = (
        PrimaryKeyConstraint("enrollment_id", "version"),
        # Time to access, for the purchases of an hour or a day.
        Index(
            "ix_enrollment_history_paid",
            "changed_at",
            postgresql_where=text("paid_at IS NOT NULL"),
        ),
        Index(
            "ix_enrollment_history_changed_at", "changed_at", postgresql_using="brin"
        ),
    )

    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollments.id"))
    version: Mapped[int]
    state: Mapped[AccessState]
    reason: Mapped[str]
    access_until: Mapped[datetime | None]
    seats: Mapped[int] = mapped_column(server_default="1")
    cause_kind: Mapped[str]
    cause_ref: Mapped[str]
    #: When the purchase was paid that turned access on with this version; empty for
    #: every other change.
    paid_at: Mapped[datetime | None]
    #: When the course platform acknowledged this version or a newer one.
    told_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
