"""What a learner has for one course: the union of the grants. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from models.access import AccessState, CourseKind
from models.access_rules import HELD_BY_CLOCK, REFUNDED

#: Nothing gives the course, or all that gave it is another account's by now.
NO_GRANT = "no grant"


@dataclass(frozen=True, slots=True)
class Access:
    """What a learner has for one course."""

    state: AccessState
    reason: str
    access_until: datetime | None
    seats: int = 1


@dataclass(frozen=True, slots=True)
class LiveGrant:
    """A grant, as far as the enrollment is concerned."""

    state: AccessState
    cause: str
    ends_at: datetime | None
    ends_as: str = "expired"
    seats: int = 1


def access_of(
    grants: Sequence[LiveGrant], now: datetime, kind: CourseKind = CourseKind.COURSE
) -> Access:
    """Unite the grants of one learner for one course, whatever their order.

    The longest active one decides; without an active one a suspended one; then all
    is over: by the clock if it ended one, else for a refund before another reason.
    """
    standing = [_at(grant, now) for grant in grants]
    active = [grant for grant in standing if grant.state is AccessState.ACTIVE]
    seats = sum(grant.seats for grant in active) if kind is CourseKind.EVENT else 1
    endless = sorted(grant.cause for grant in active if grant.ends_at is None)
    if endless:
        return Access(AccessState.ACTIVE, endless[0], None, seats)
    if active:
        longest = max(active, key=lambda g: (g.ends_at or now, g.cause))
        return Access(AccessState.ACTIVE, longest.cause, longest.ends_at, seats)
    return _no_access(standing)


def recheck_at(grants: Sequence[LiveGrant], now: datetime) -> datetime | None:
    """Return when the clock alone may next change what ``access_of`` says."""
    return min(
        (
            grant.ends_at
            for grant in grants
            if grant.ends_at and grant.ends_at > now
            if grant.state is not AccessState.ENDED
        ),
        default=None,
    )


def _at(grant: LiveGrant, now: datetime) -> LiveGrant:
    """Return how a grant stands at a moment: its end may have come."""
    if grant.state is AccessState.ENDED or not grant.ends_at or grant.ends_at > now:
        return grant
    held = grant.state is AccessState.ACTIVE and grant.ends_as in HELD_BY_CLOCK
    state = AccessState.SUSPENDED if held else AccessState.ENDED
    return replace(grant, state=state, cause=grant.ends_as)


def _no_access(standing: Sequence[LiveGrant]) -> Access:
    held = [g.cause for g in standing if g.state is AccessState.SUSPENDED]
    if held:
        return Access(AccessState.SUSPENDED, min(held), None)
    over = [
        (g.ends_at, g.cause) for g in standing if g.ends_at and g.cause == g.ends_as
    ]
    if over:
        ended_at, cause = max(over)
        return Access(AccessState.ENDED, cause, ended_at)
    causes = sorted({g.cause for g in standing}, key=lambda c: (c != REFUNDED, c))
    return Access(AccessState.ENDED, causes[0] if causes else NO_GRANT, None)
