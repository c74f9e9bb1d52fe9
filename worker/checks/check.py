"""What a check is.

A query returns one row a subject, with these columns:

``subject``
    What the finding is about.
``source``, ``provider``, ``source_id``
    The purchase or subscription that is to be computed again; empty: none is.
``learner_id``, ``course_key``
    Whose access to what it concerns, as far as that is known.
``currency``, ``amount_minor``
    The money.
``detail``
    ``jsonb`` without personal data.

What has begun within ``:patience`` is work under way and no finding.

``AMONG[columns]`` in a query is a condition. In a look at everything it is true, or what
the check says; in a look at recent changes it holds for what those touched (see
``worker/checks/touched.py``). A query without it is quick enough to look at everything.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.findings import FindingKind


class Severity(StrEnum):
    """How soon somebody should look."""

    #: Somebody paid and has nothing, or has what is not paid for.
    GRAVE = "grave"
    #: Something is late or unclear.
    LOOK = "look"


class Repair(StrEnum):
    """What puts it right without anybody's decision."""

    #: A person must say what is right.
    NOTHING = "nothing"
    #: The source is computed again.
    SOURCE = "source"
    #: The sources of the place are computed again, and then their union.
    ENROLLMENT = "enrollment"


class Among(StrEnum):
    """What the columns of ``AMONG`` name."""

    #: Provider and id of a purchase or subscription.
    SOURCES = "sources"
    #: Learner and course.
    PLACES = "places"
    LEARNERS = "learners"
    #: Id of an enrollment.
    ENROLLMENTS = "enrollments"
    #: A day of sales.
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must never be so."""

    kind: FindingKind
    #: What it means, and what to do about it.
    sentence: str
    severity: Severity
    query: str
    repair: Repair = Repair.NOTHING
    #: It only makes sense where a course platform is told.
    needs_hook: bool = False
    among: Among | None = None
    #: What ``AMONG`` is in a look at everything.
    whole: str = "true"
