"""How events and what they caused are called in a time line."""

from typing import Any

from sqlalchemy import Row

from models.inbox import InboxState
from models.reconciliation import EventReason
from worker.causes import Cause, parts_of
from worker.explain.words import day
from worker.providers.contract import Ignored, StoredEvent
from worker.providers.registry import PROVIDERS

WAYS = {
    "webhook": "by webhook",
    "event_list": "out of the provider's list of events",
    "reconciliation": "by asking the provider",
}

#: How a run came by an event.
_FOUND = {
    EventReason.MISSED: "found by reconciliation {}: no delivery brought it",
    EventReason.DIFFERS: (
        "found by reconciliation {}: the provider tells what no delivery brought"
    ),
    EventReason.BACKFILLED: "taken up by backfill {}",
}


def said(row: Row[Any]) -> str:
    """Return the status that an event told, as far as it can be read."""
    if row.body is None or row.crashes or row.state == InboxState.DEAD:
        return ""
    event = StoredEvent(
        row.id, row.provider, row.event_id, row.event_type, row.occurred_at, row.body
    )
    try:
        one = PROVIDERS[row.provider].read(event)
    except Exception:  # noqa: BLE001 (a body of another release)
        return ""
    status = None if isinstance(one, Ignored) else getattr(one, "status", None)
    name = "" if isinstance(one, Ignored) else one.key.id
    return f": {name} {status} on {day(row.occurred_at)}" if status else ""


def ended(row: Row[Any]) -> str:
    """Return how the row of an event stands."""
    state = {
        InboxState.PENDING: "not recorded yet",
        InboxState.PROCESSED: "recorded",
        InboxState.STALE: "something newer was known",
        InboxState.IGNORED: "ignored",
        InboxState.DEAD: "dead",
    }[InboxState(row.state)]
    return f"{state}{after(row.reason)}"


def cause(row: Row[Any]) -> str:
    """Return why an enrollment has a version."""
    run, event_id = parts_of(Cause(row.cause_kind, row.cause_ref))
    if run:
        if not event_id:
            return f"reconciliation {run}, which recomputed our own rows"
        how = _FOUND[EventReason(row.brought or EventReason.MISSED)]
        return f"{event_id}, {how.format(run)}"
    names: dict[str, str] = {"event": "", "clock": "the clock"}
    kind = names.get(row.cause_kind, row.cause_kind)
    return " ".join(part for part in (kind, row.cause_ref) if part)


def after(why: str | None) -> str:
    """Return a reason with its comma, or nothing."""
    return f", {why}" if why else ""
