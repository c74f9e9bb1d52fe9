"""The words of the access rules: what gives access, and what became of it. Pure.

The decision table itself: ``purchase_rules`` (lines of a purchase),
``subscription_rules`` (items of a subscription) and ``enrollment_rules`` (the union).
A grant is computed whole from its source as the ledger has it and from what the price
gives; nothing depends on what happened before, except that a grant keeps the offer it
was made with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from models.access import AccessState, CourseKind
from models.findings import FindingKind

#: From which transaction statuses a purchase gives access, by the setting.
LIVE_STATUSES = {
    "completed": frozenset({"completed"}),
    "paid": frozenset({"paid", "completed"}),
}
#: In these the money is in.
PAID_STATUSES = frozenset({"paid", "completed"})
#: A dispute and what lifts it; a reversal never lifts one of the other kind.
DISPUTES = {
    "chargeback": "chargeback_reverse",
    "chargeback_warning": "chargeback_warning_reverse",
}
#: Why a grant is over whose money went back.
REFUNDED = "refunded"
DISPUTED = "disputed"
#: Causes of an end by the clock that may be taken back: access is held, not over.
HELD_BY_CLOCK = frozenset({"past_due", "paused"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a purchase, as far as access is concerned."""

    id: str
    price_id: str
    recurring: bool
    prorated: bool
    total_minor: int
    #: The course the seller named on the price or product.
    course: str | None
    quantity: int = 1
    #: Of that course.
    kind: CourseKind = CourseKind.COURSE


@dataclass(frozen=True, slots=True)
class AdjustmentPart:
    """What one adjustment says about one line."""

    line_id: str
    action: str
    status: str
    total_minor: int
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """What a price gives: one course, for good or for some days."""

    course_key: str
    days: int | None
    offer_id: int | None
    kind: CourseKind = CourseKind.COURSE


@dataclass(frozen=True, slots=True)
class GrantFact:
    """One computed grant; see ``models.access.Grant``."""

    line_id: str
    course_key: str
    offer_id: int | None
    state: AccessState
    cause: str
    starts_at: datetime
    ends_at: datetime | None
    ends_as: str = "expired"
    seats: int = 1


@dataclass(frozen=True, slots=True)
class FindingFact:
    """Something about a source that a person should look at."""

    kind: FindingKind
    amount_minor: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def end_of(starts_at: datetime, length: timedelta) -> datetime:
    """Return when a time is over; a day of it has 24 hours, wherever anybody is.

    In UTC, because between moments of one zone Python counts by that zone's wall clock,
    where a day may have 23 or 25 hours.
    """
    return starts_at.astimezone(UTC) + length


def offered(
    price_id: str,
    course: str | None,
    given: Mapping[str, Sequence[Given]],
    kind: CourseKind = CourseKind.COURSE,
) -> Sequence[Given]:
    """Return what a price gives: by the catalog, else by what the seller named.

    Args:
        price_id: The price.
        course: What the seller named on it.
        given: By price id, what the catalog gives today; nothing, if it says so.
        kind: Of the course that the seller named.
    """
    if price_id in given:
        return given[price_id]
    return [Given(course, None, None, kind)] if course else []


def seats_of(quantity: int, kind: CourseKind) -> int:
    """Return how many may use a grant: of an event all, else the buyer alone."""
    return max(quantity, 1) if kind is CourseKind.EVENT else 1


def spare_seats(quantities: Mapping[str, int], facts: Sequence[GrantFact]) -> int:
    """Count the seats that were paid for and that nobody has.

    Args:
        quantities: By line id, how many were bought.
        facts: What the lines give; of one that gives nothing no seat is spare.
    """
    held: dict[str, int] = {}
    for fact in facts:
        if fact.state is not AccessState.ENDED:
            held[fact.line_id] = max(held.get(fact.line_id, 0), fact.seats)
    return sum(max(0, quantities[line] - seats) for line, seats in held.items())


def refunded_minor(parts: Sequence[AdjustmentPart]) -> int:
    """Return how much of a line was paid back, whatever the refunds' type."""
    return sum(
        part.total_minor
        for part in parts
        if part.action == "refund" and part.status == "approved"
    )


def is_refunded(line: Line, parts: Sequence[AdjustmentPart]) -> bool:
    """Tell whether approved refunds reach the line's total."""
    approved = any(p.action == "refund" and p.status == "approved" for p in parts)
    return approved and refunded_minor(parts) >= line.total_minor


def is_disputed(parts: Sequence[AdjustmentPart]) -> bool:
    """Tell whether a chargeback, or a warning, has no later reversal of its kind.

    A reversal lifts one dispute. One that the provider has marked ``reversed`` is
    lifted already, and the reversal that belongs to it lifts no other.
    """
    for kind, reversal in DISPUTES.items():
        standing = lifted = 0
        # A reversal told at the same moment as its dispute comes after it.
        for part in sorted(parts, key=lambda p: (p.opened_at, p.action == reversal)):
            if part.action == kind:
                standing += part.status == "approved"
                lifted += part.status == "reversed"
            elif part.action == reversal and part.status == "approved":
                if lifted:
                    lifted -= 1
                else:
                    standing = max(0, standing - 1)
        if standing:
            return True
    return False


def parts_of(line: Line, adjustments: Sequence[AdjustmentPart]) -> list[AdjustmentPart]:
    """Return what adjustments say about one line."""
    return [part for part in adjustments if part.line_id == line.id]
