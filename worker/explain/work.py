"""How a row of work stands, in one sentence. Pure."""

from datetime import datetime

from models.inbox import InboxState
from worker.explain.facts import Pending, Setup, Verdict
from worker.explain.words import minute

NOTHING_TRIED = "it is waiting for a worker"


def change_words(change: Pending) -> str:
    """Say that a change of an enrollment is not carried out yet."""
    return (
        f"A change of {minute(change.since)} is not carried out yet: {_state(change)}."
    )


def event_verdict(event: Pending, setup: Setup) -> Verdict:
    """Say what holds up an event."""
    kind = event.event_type or "a body that nobody can read"
    came = f"{kind} ({event.event_id}, inbox {event.row_id}) of {minute(event.since)}"
    step = event.letter and f"./paddlewheel deadletters show {event.letter}"
    if not setup.billing_enabled and event.letter is None:
        state = "PADDLE_BILLING_ENABLED is off, so events are stored and wait"
    else:
        state = _state(event)
    return Verdict(f"Not recorded yet: {came}: {state}.", next_step=step or None)


def event_ended(
    event_id: str, state: str, reason: str | None, ended_at: datetime | None
) -> Verdict:
    """Say how an event ended that was asked for."""
    when = f" on {minute(ended_at)}" if ended_at else ""
    words = {
        InboxState.PROCESSED: f"was recorded{when}",
        InboxState.STALE: f"changed nothing{when}: something newer was known already",
        InboxState.IGNORED: f"was ignored{when}: {reason or 'no reason is kept'}",
    }[InboxState(state)]
    return Verdict(f"The event {event_id} {words}.")


def _state(row: Pending) -> str:
    error = f": {row.error.rstrip('.')}" if row.error else ""
    if row.letter is not None:
        return f"it is dead, dead letter {row.letter}{error}"
    if row.error and row.next_at:
        times = "once" if row.attempts == 1 else f"{row.attempts} times"
        return f"tried {times}, again at {minute(row.next_at)}{error}"
    return NOTHING_TRIED
