"""Why access changed, as ``enrollment_history`` names it; see ``docs/states.md``."""

from typing import NamedTuple

EVENT = "event"
RECONCILIATION = "reconciliation"
#: Between a run and the event that it brought; no id of an event has a blank.
_BROUGHT = ": "


class Cause(NamedTuple):
    """Why something changed (see ``AccessChange.cause_kind``), and which."""

    kind: str
    ref: str


def of_event(event_id: str) -> Cause:
    """Return an event that a delivery brought, as a cause."""
    return Cause(EVENT, event_id)


def of_run(run_id: int, event_id: str = "") -> Cause:
    """Return a run of reconciliation as a cause.

    Args:
        run_id: The run.
        event_id: The event that it put into the inbox; empty: it recomputed our rows.
    """
    ref = f"run {run_id}"
    return Cause(RECONCILIATION, f"{ref}{_BROUGHT}{event_id}" if event_id else ref)


def parts_of(cause: Cause) -> tuple[str, str]:
    """Return the run and the event of a cause; empty: it has none."""
    if cause.kind == EVENT:
        return "", cause.ref
    if cause.kind != RECONCILIATION:
        return "", ""
    run, _, event_id = cause.ref.partition(_BROUGHT)
    return run, event_id
