"""Why a learner has or lacks a course: which reason decides, and its sentence. Pure."""

from datetime import datetime

from models.access import AccessState
from models.enrollment_rules import LiveGrant, access_of
from worker.explain.facts import Place, Reason, Setup, Verdict
from worker.explain.sentences import ACTIVE, ENDED, Told, sentence_of
from worker.explain.words import since
from worker.explain.work import change_words

Standing = tuple[AccessState, str, datetime | None]


def verdict_of(place: Place, setup: Setup) -> Verdict:
    """Say why a learner has or lacks a course."""
    state, reason, until = _standing(place, setup.now)
    words = _words(place, (state, reason, until), setup)
    if state is ACTIVE and place.enrollment_id is None:
        # The reason is there, and `enrollments.activate` has not come to it.
        words = words.replace("Has access", "Will have access", 1)
    if place.change is not None:
        words = f"{words} {change_words(place.change)}"
    letter = place.change.letter if place.change else None
    return Verdict(
        words,
        course=place.course_key,
        learner=place.learner_ref,
        enrollment=place.enrollment_id,
        has_access=state is ACTIVE and place.enrollment_id is not None,
        state=state.value,
        reason=reason,
        access_until=until,
        next_step=f"./paddlewheel deadletters show {letter}" if letter else None,
    )


def _standing(place: Place, now: datetime) -> Standing:
    is_over = place.access_until is not None and place.access_until <= now
    if place.state is not None and not (place.state is ACTIVE and is_over):
        return place.state, place.reason or "", place.access_until
    # Not activated yet, or over by the clock alone.
    access = access_of([_live(one) for one in place.reasons], now)
    return access.state, access.reason, access.access_until


def _live(one: Reason) -> LiveGrant:
    return LiveGrant(one.state, one.cause, one.ends_at, one.ends_as)


def _words(place: Place, standing: Standing, setup: Setup) -> str:
    state, cause, until = standing
    deciding = [
        one
        for one in place.reasons
        if (access := access_of([_live(one)], setup.now)).state is state
        and access.reason == cause
    ]
    if not deciding:
        return _without_grant(place, state, cause)
    # The one that ends when access does; of several the last that was changed.
    reason = max(deciding, key=lambda r: (r.ends_at == until, r.changed_at))
    told = Told(place.course_key, reason, until, place.changed_at, setup.grace_days)
    return sentence_of(told, state, cause)


def _without_grant(place: Place, state: AccessState, cause: str) -> str:
    if place.merged_ref:
        return (
            f"No access to {place.course_key} as {place.learner_ref}, who is"
            f" {place.merged_ref}: all that was bought belongs to that learner."
        )
    if state is ENDED:
        return (
            f"No access to {place.course_key}{since(place.changed_at)}: what gave it"
            " belongs to another learner by now."
        )
    word = "Has access to" if state is ACTIVE else "Held:"
    return (
        f"{word} {place.course_key}{since(place.changed_at)} ({cause}); the grants say"
        " something else by now, and a change is on its way."
    )
