"""Access that a person gives and takes: grants that no event and no comparison touches.

They are told from all others by their provider, ``paddlewheel``; their source is the
operator's action, which says who did it and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, text

from models.access import BY_HAND, AccessState, GrantSource
from models.people import normalized
from worker.audit import audit
from worker.causes import Cause
from worker.errors import PaddlewheelError
from worker.grant_statements import LOCK_ORDER
from worker.grants import tell

PROVIDER = "paddlewheel"
#: Why somebody has access by such a grant.
CAUSES = {
    GrantSource.OPERATOR: "granted",
    GrantSource.GIFT: "gift",
    GrantSource.FREE: "free",
}
REVOKED = "revoked"
LONGEST_EMAIL = 320

_LOCK_LEARNER = text("""
SELECT ref, merged_into FROM learners WHERE id = :learner FOR NO KEY UPDATE
""")
_COURSES = text("SELECT key FROM courses ORDER BY key")
_GIVEN = text(f"""
SELECT id, source, source_id, ends_at FROM grants g
WHERE learner_id = :learner AND course_key = :course AND provider = :provider
  AND source = ANY(:by_hand) AND state = 'active'
  AND (ends_at IS NULL OR ends_at > now())
ORDER BY {LOCK_ORDER} FOR UPDATE
""").bindparams(  # noqa: S608 (a constant)
    provider=PROVIDER, by_hand=[source.value for source in BY_HAND]
)
_GIVE = text("""
INSERT INTO grants (source, provider, source_id, line_id, course_key, learner_id, state,
                    cause, starts_at, ends_at)
VALUES (:source, :provider, :action, '', :course, :learner, 'active', :cause, now(),
        :until)
""").bindparams(provider=PROVIDER)
_TAKE = text("""
UPDATE grants SET state = :ended, cause = :revoked, changed_at = clock_timestamp()
WHERE id = ANY(:ids)
""").bindparams(ended=AccessState.ENDED.value, revoked=REVOKED)
_LIVE = text("""
SELECT source, source_id, cause, ends_at FROM grants
WHERE learner_id = :learner AND course_key = :course AND state = 'active'
  AND (ends_at IS NULL OR ends_at > now())
ORDER BY ends_at DESC NULLS FIRST, id
""")
# As for a customer who is met for the first time: one address, one learner.
_LOCK_EMAIL = text("""
SELECT pg_advisory_xact_lock(hashtextextended('learner:' || :email, 0))
""")
_KNOWN = text("""
SELECT learner_id FROM learner_identities WHERE kind = 'email' AND value = :email
""")
_MAKE = text("INSERT INTO learners (email) VALUES (:email) RETURNING id")
_IDENTIFY = text("""
INSERT INTO learner_identities (kind, value, learner_id)
VALUES ('email', :email, :learner)
""")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator wants for one learner and one course."""

    learner_id: int
    course_key: str
    #: Kept with the action; no personal data.
    reason: str
    source: GrantSource = GrantSource.OPERATOR
    #: When it ends; None: never.
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done."""

    #: Number of the operator's action; that of the earlier one where it was done already.
    action: int
    #: Ids of the new rows of ``access_changes``; empty: it was done already.
    changes: Sequence[int]


def give(connection: Connection, wish: Wish) -> Deed:
    """Give access by hand; the same once more changes nothing.

    Raises:
        PaddlewheelError: There is no such course.
    """
    target = _target(connection, wish)
    for grant in _given(connection, wish):
        if (grant.source, grant.ends_at) == (wish.source, wish.until):
            return Deed(int(grant.source_id), ())
    until = wish.until.isoformat() if wish.until else None
    detail = {"reason": wish.reason, "source": wish.source.value, "until": until}
    action = audit(connection, "access granted", target, detail)
    parameters = {
        "source": wish.source.value,
        "action": str(action),
        "course": wish.course_key,
        "learner": wish.learner_id,
        "cause": CAUSES[wish.source],
        "until": wish.until,
    }
    connection.execute(_GIVE, parameters)
    return Deed(action, _tell(connection, wish, action))


def take(connection: Connection, wish: Wish) -> Deed:
    """End what was given by hand, and nothing else.

    Raises:
        PaddlewheelError: There is no such course, or nothing was given by hand; the
            sentence says where access comes from.
    """
    target = _target(connection, wish)
    ids = [grant.id for grant in _given(connection, wish)]
    if not ids:
        raise PaddlewheelError(_not_by_hand(connection, wish))
    detail = {"reason": wish.reason, "grants": ids}
    action = audit(connection, "access revoked", target, detail)
    connection.execute(_TAKE, {"ids": ids})
    return Deed(action, _tell(connection, wish, action))


def live_grants(connection: Connection, wish: Wish) -> Sequence[Row[Any]]:
    """Return what gives access now, the longest first."""
    return connection.execute(_LIVE, _place(wish)).all()


def told(grants: Sequence[Row[Any]]) -> str:
    """Return live grants in words: ``purchase txn_1, for good; gift, until …``."""
    return "; ".join(
        f"{grant.source}{_name(grant)}, {until(grant.ends_at)}" for grant in grants
    )


def until(moment: datetime | None) -> str:
    """Return how long access lasts, in words."""
    if moment is None:
        return "for good"
    return f"until {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def make_learner(connection: Connection, email: str) -> int:
    """Return the learner of an address, made where there is none.

    Raises:
        PaddlewheelError: It is no address.
    """
    address = email.strip()
    name, _, domain = address.rpartition("@")
    if not name or "." not in domain.strip(".") or len(address) > LONGEST_EMAIL:
        raise PaddlewheelError(f"{email!r} is no e-mail address: --create needs one.")
    parameters = {"email": normalized(address)}
    connection.execute(_LOCK_EMAIL, parameters)
    known: int | None = connection.scalar(_KNOWN, parameters)
    if known is not None:
        return known
    made: int = connection.execute(_MAKE, {"email": address}).scalar_one()
    connection.execute(_IDENTIFY, {**parameters, "learner": made})
    audit(connection, "learner made", f"learner {made}")
    return made


def _target(connection: Connection, wish: Wish) -> str:
    """Lock the learner, and return what the action is about."""
    courses = connection.execute(_COURSES).scalars().all()
    if wish.course_key not in courses:
        raise PaddlewheelError(_no_course(wish.course_key, courses))
    learner = connection.execute(_LOCK_LEARNER, {"learner": wish.learner_id}).one()
    if learner.merged_into is not None:
        message = "The learner has just turned out to be another one: try once more."
        raise PaddlewheelError(message)
    return f"{learner.ref} {wish.course_key}"


def _no_course(key: str, courses: Sequence[str]) -> str:
    near = get_close_matches(key, courses, n=1)
    guess = f" Do you mean {near[0]}?" if near else ""
    return f"There is no course {key!r}.{guess} `./paddlewheel catalog list` has them."


def _given(connection: Connection, wish: Wish) -> Sequence[Row[Any]]:
    # A statement after the lock: it sees what another operator has given meanwhile.
    return connection.execute(_GIVEN, _place(wish)).all()


def _not_by_hand(connection: Connection, wish: Wish) -> str:
    live = live_grants(connection, wish)
    if not live:
        return "There is no access to take: nothing gives it."
    return (
        f"Nothing was given by hand. Access comes from: {told(live)}. A refund, or"
        " the end of the subscription at the provider, takes it."
    )


def _tell(connection: Connection, wish: Wish, action: int) -> list[int]:
    place = (wish.learner_id, wish.course_key)
    return tell(connection, {place: Cause("operator", f"action {action}")})


def _place(wish: Wish) -> dict[str, Any]:
    return {"learner": wish.learner_id, "course": wish.course_key}


def _name(grant: Row[Any]) -> str:
    return "" if grant.source in BY_HAND else f" {grant.source_id}"
