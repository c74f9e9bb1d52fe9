"""What was bought, why it gives access, and what access there is now.

A *grant* is one reason, computed from its source; an *enrollment* is the union of a
learner's live grants for one course. Both are written whole, never moved by an event.
"""

from enum import StrEnum


class AccessState(StrEnum):
    """How a grant or an enrollment stands."""

    #: Gives access, until ``access_until`` where that is set.
    ACTIVE = "active"
    #: Held back, may come back by itself (a dispute).
    SUSPENDED = "suspended"
    #: Over (refunded, canceled, past its end).
    ENDED = "ended"


class CourseKind(StrEnum):
    """What is sold under a course key."""

    COURSE = "course"
    DOWNLOAD = "download"
    EVENT = "event"


class GrantSource(StrEnum):
    """Where a reason for access comes from."""

    #: A line of a purchase.
    PURCHASE = "purchase"
    #: An item of a subscription.
    SUBSCRIPTION = "subscription"
    #: Given by hand; no refund and no comparison with the provider touches these.
    OPERATOR = "operator"
    GIFT = "gift"
    FREE = "free"


#: Sources that no event changes.
BY_HAND = (GrantSource.OPERATOR, GrantSource.GIFT, GrantSource.FREE)


class ChangeState(StrEnum):
    """Whether an access change has been carried out."""

    #: Waits for ``enrollments.activate``.
    PENDING = "pending"
    #: The enrollment was recomputed.
    PROCESSED = "processed"
    #: Will not pass by itself; see the dead letter.
    DEAD = "dead"
