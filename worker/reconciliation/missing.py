"""Puts events that the provider lists, and that never came, into the inbox."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from models.inbox import InboxSource
from models.reconciliation import EventReason, RunScope
from worker.envelope import Envelope
from worker.providers.api import ListPage
from worker.reconciliation.run import Run
from worker.storing import Arrival, store

#: An event as young as that is usually being delivered; the next walk looks again.
PATIENCE = timedelta(seconds=60)
_KNOWN = text("""
SELECT now() AS now, ARRAY(
  SELECT event_id FROM inbox WHERE provider = :provider AND event_id = ANY(:ids)
) AS known
""")
# Who goes back meets what happened before Paddlewheel: not missed, and no news.
_NOTE = text("""
INSERT INTO reconciled_events (inbox_id, run_id, reason, mails)
SELECT i.id, :run, CASE WHEN was.before THEN 'backfilled' ELSE :reason END,
       :mails AND NOT was.before
FROM inbox i
CROSS JOIN LATERAL (SELECT coalesce(
  :back AND i.occurred_at < (SELECT stamped_at FROM deployment), false) AS before) was
WHERE i.id = ANY(CAST(:ids AS bigint[]))
""")


def store_missing(
    connection: Connection, run: Run, page: ListPage, events: Sequence[Envelope]
) -> list[int]:
    """Put the events of a page that are not in the inbox into it; return their rows."""
    ids = [one.event_id for one in events]
    state = connection.execute(_KNOWN, {"provider": run.provider, "ids": ids}).one()
    known = set(state.known)
    arrivals = [
        Arrival(one.event_id, one.event_type, one.occurred_at, body)
        for one, body in zip(events, page.entities, strict=True)
        if one.event_id not in known and _is_due(one, state.now)
    ]
    stored = store(connection, run.provider, InboxSource.EVENT_LIST, arrivals)
    _note(connection, run, list(stored.values()))
    return sorted(stored.values())


def _is_due(event: Envelope, now: datetime) -> bool:
    """Tell whether an event should be here by now; an odd one has no time to wait for."""
    return event.occurred_at is None or event.occurred_at <= now - PATIENCE


def _note(connection: Connection, run: Run, ids: Sequence[int]) -> None:
    is_backfill = run.scope is RunScope.BACKFILL
    reason = EventReason.BACKFILLED if is_backfill else EventReason.MISSED
    values = {
        "run": run.id,
        "reason": reason,
        "mails": run.mails,
        "ids": list(ids),
        "back": run.since is not None or run.scope is RunScope.ALL,
    }
    if ids:
        connection.execute(_NOTE, values)
