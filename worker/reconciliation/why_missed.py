"""Says why an event did not arrive, from what the provider lists of its deliveries."""

from collections.abc import Collection
from datetime import datetime, timedelta

from models.reconciliation import Explanation
from worker.providers.api import Destination
from worker.providers.attempt import Attempt, AttemptState

#: Clocks differ by less, and a backup that was restored is older.
SKEW = timedelta(minutes=1)
#: In this order: one that arrived says more than one that failed.
_OURS = {
    AttemptState.DELIVERED: Explanation.FORGOTTEN,
    AttemptState.RETRYING: Explanation.RETRYING,
    AttemptState.FAILED: Explanation.FAILED,
    AttemptState.NOT_ATTEMPTED: Explanation.NOT_ATTEMPTED,
}


def explanation_of(
    event_type: str | None,
    attempts: Collection[Attempt],
    destinations: Collection[Destination] | None,
    found_at: datetime,
) -> Explanation:
    """Say why an event did not arrive.

    Args:
        event_type: Its type; None: it has none that we can use.
        attempts: All deliveries of it that the provider lists.
        destinations: Where the provider delivers; None: it does not tell us.
        found_at: When we fetched the event.
    """
    if destinations is None:
        return _without_destinations({one.state for one in attempts})
    ours = [one for one in destinations if one.is_ours]
    ids = {one.id for one in ours}
    if states := {_then(one, found_at) for one in attempts if one.destination in ids}:
        return _of(states)
    if attempts and not ours:
        return Explanation.WRONG_DESTINATION
    active = [one for one in ours if one.is_active]
    if not active:
        return Explanation.INACTIVE
    if event_type and not any(event_type in one.subscribed for one in active):
        return Explanation.NOT_SUBSCRIBED
    return Explanation.WRONG_DESTINATION if attempts else Explanation.UNKNOWN


def _then(attempt: Attempt, found_at: datetime) -> AttemptState:
    """Return how far a delivery was when its event was fetched.

    What arrived after that met our row and was answered 200: a retry was on its way. So
    it was in doubt, too: learners are not told of what counts as delivered before.
    """
    if attempt.state is not AttemptState.DELIVERED:
        return attempt.state
    at = attempt.delivered_at
    is_before = at is not None and at < found_at - SKEW
    return AttemptState.DELIVERED if is_before else AttemptState.RETRYING


def _without_destinations(states: Collection[AttemptState]) -> Explanation:
    """What arrived somewhere may have arrived anywhere; what did not, nowhere."""
    if AttemptState.DELIVERED in states:
        return Explanation.UNKNOWN
    return _of(states)


def _of(states: Collection[AttemptState]) -> Explanation:
    found = (explanation for state, explanation in _OURS.items() if state in states)
    return next(found, Explanation.UNKNOWN)
