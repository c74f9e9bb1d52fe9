"""What the sentences of ``explain`` are made of: read once, then looked at by pure code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.access import AccessState, GrantSource


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A refund, a dispute or its reversal."""

    id: str
    action: str
    status: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Where a grant comes from; what does not apply is empty."""

    kind: GrantSource
    id: str
    status: str | None = None
    #: Paid, subscribed or given since.
    started_at: datetime | None = None
    #: Known only because something else names it.
    is_stub: bool = False
    #: Paid by invoice.
    is_manual: bool = False
    customer_id: str | None = None
    subscription_id: str | None = None
    period_ends_at: datetime | None = None
    next_billed_at: datetime | None = None
    scheduled_at: datetime | None = None
    scheduled_resume_at: datetime | None = None
    paused_at: datetime | None = None
    canceled_at: datetime | None = None
    adjustments: Sequence[Adjusted] = ()
    #: Why the last payment failed, in plain words, and when.
    failure: str | None = None
    failed_at: datetime | None = None
    #: Of what was given by hand: who did it and why.
    actor: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One grant, with its source."""

    source: Source
    line_id: str
    state: AccessState
    cause: str
    starts_at: datetime | None
    ends_at: datetime | None
    ends_as: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A row of work that has not ended well yet: it waits, is put off, or is dead."""

    table: str
    row_id: int
    since: datetime
    attempts: int = 0
    next_at: datetime | None = None
    error: str | None = None
    #: The dead letter; None: not dead.
    letter: int | None = None
    #: Of an event: its type and the provider's id.
    event_type: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What one learner has for one course, and all the reasons."""

    learner_ref: str
    course_key: str
    #: Empty while nothing has been activated.
    enrollment_id: int | None
    state: AccessState | None
    reason: str | None
    access_until: datetime | None
    version: int
    changed_at: datetime | None
    reasons: Sequence[Reason] = ()
    #: A change of it that is not carried out yet.
    change: Pending | None = None
    #: Who the learner is as well.
    merged_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A source that has given nothing."""

    source: Source
    #: By the view ``parked``: what it waits for, and the prices.
    parked: Sequence[tuple[str, str]] = ()
    #: It has lines, or items, that would give access by themselves.
    has_own_lines: bool = True
    #: All that was paid for those went back.
    is_refunded: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings that decide, and the moment."""

    now: datetime
    grace_days: int
    access_from: str
    billing_enabled: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence, and what it is about."""

    sentence: str
    course: str | None = None
    learner: str | None = None
    enrollment: int | None = None
    #: None: it is not about a course.
    has_access: bool | None = None
    state: str | None = None
    reason: str | None = None
    access_until: datetime | None = None
    #: What to type.
    next_step: str | None = None
