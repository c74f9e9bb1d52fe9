"""Who should have access, by the plain facts that the local Paddle tells. Pure.

Written for the demo alone, without a look at the rules of ``models/``: two that compute
the same by different ways are not wrong in the same way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from models.people import normalized
from worker.demo.goods import Goods

ACTIVE, SUSPENDED, ENDED = "active", "suspended", "ended"
#: A state that nobody should have; it differs from every expectation.
TWICE = "twice"
#: A learner whom no user of the shop is known to be.
NO_USER = "lrn_"


class Place(NamedTuple):
    """Somebody and a course."""

    #: The user id of the shop, else the address.
    person: str
    course: str


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody has; ``until`` and ``seats`` count only while it is active."""

    state: str = ENDED
    has_access: bool = False
    until: datetime | None = None
    seats: int = 1


#: Where there is no row there is no access.
NOTHING = Access()

Row = Mapping[str, Any]


def entitled(
    truth: Mapping[str, Any], users: Mapping[str, str], goods: Goods, grace: timedelta
) -> dict[Place, Access]:
    """Return who should have what.

    Args:
        truth: The local Paddle's.
        users: By token the user for whom the shop signed it.
        goods: What the prices give, and for how long.
        grace: How long a renewal may stay unpaid, from its period's start.
    """
    now = datetime.fromisoformat(truth["now"])
    subscriptions = {one["id"]: one for one in truth["subscriptions"]}
    whose = _Whose(truth["reasons"], users)
    reasons: dict[Place, list[Access]] = defaultdict(list)
    for reason in truth["reasons"]:
        until = _until(reason, subscriptions, goods, grace)
        is_over = until is not None and until <= now and reason["state"] == ACTIVE
        state = ENDED if is_over else reason["state"]
        for course in reason["courses"]:
            seats = reason["quantity"] if course in goods.events else 1
            access = Access(state, state == ACTIVE, until, seats)
            reasons[Place(whose.buyer_of(reason), course)].append(access)
    return {
        place: _best(found, adds_up=place.course in goods.events)
        for place, found in reasons.items()
    }


def believed(rows: Iterable[Row]) -> dict[Place, Access]:
    """Return what rows of enrollments, of the view or of the platform say."""
    found: dict[Place, Access] = {}
    for row in rows:
        ref = row["learner_ref"]
        person = normalized(row["email"]) if ref.startswith(NO_USER) else ref
        place = Place(person, row["course_key"])
        found[place] = Access(TWICE) if place in found else _told(row)
    return found


def differences(
    ours: Mapping[Place, Access], theirs: Mapping[Place, Access]
) -> set[Place]:
    """Return where two say something else."""
    places = ours.keys() | theirs.keys()
    return {p for p in places if ours.get(p, NOTHING) != theirs.get(p, NOTHING)}


class _Whose:
    """Whose a purchase is.

    A signed user id decides; without one it belongs to the only user who ever bought
    under the same address, else to the address.
    """

    def __init__(self, reasons: Iterable[Row], users: Mapping[str, str]) -> None:
        self._users = users
        self._at: dict[str, set[str]] = defaultdict(set)
        for reason in reasons:
            if user := self._signed(reason):
                self._at[reason["email"]].add(user)

    def buyer_of(self, reason: Row) -> str:
        email: str = reason["email"]
        known = self._at[email]
        only = next(iter(known)) if len(known) == 1 else normalized(email)
        return self._signed(reason) or only

    def _signed(self, reason: Row) -> str | None:
        claim = (reason["custom_data"] or {}).get("learner", "")
        return self._users.get(claim)


def _until(
    reason: Row, subscriptions: Mapping[str, Row], goods: Goods, grace: timedelta
) -> datetime | None:
    """Return when the clock alone ends a reason that is good today."""
    subscription = subscriptions.get(reason["subscription_id"])
    if subscription is None:
        days = goods.days.get(reason["price_id"])
        paid_at = datetime.fromisoformat(reason["since"])
        return None if days is None else paid_at + timedelta(days=days)
    ends = []
    change = subscription["scheduled_change"]
    if change and change["action"] in {"cancel", "pause"}:
        ends.append(datetime.fromisoformat(change["effective_at"]))
    if subscription["status"] == "past_due":
        starts_at = subscription["current_billing_period"]["starts_at"]
        ends.append(datetime.fromisoformat(starts_at) + grace)
    return min(ends, default=None)


def _best(reasons: list[Access], *, adds_up: bool) -> Access:
    """Unite the reasons of one place: one that is good is enough."""
    good = [reason for reason in reasons if reason.has_access]
    if not good:
        held = any(reason.state == SUSPENDED for reason in reasons)
        return Access(SUSPENDED if held else ENDED)
    ends = [reason.until for reason in good if reason.until]
    until = max(ends) if len(ends) == len(good) else None
    seats = sum(reason.seats for reason in good) if adds_up else 1
    return Access(ACTIVE, has_access=True, until=until, seats=seats)


def _told(row: Row) -> Access:
    state = row["state"]
    # An enrollment says it by its state alone, whatever the view computes.
    has_access = row.get("has_access", state == ACTIVE)
    if state != ACTIVE and not has_access:
        return Access(state)
    until = row["access_until"]
    if isinstance(until, str):
        until = datetime.fromisoformat(until)
    return Access(state, has_access, until, row["seats"])
