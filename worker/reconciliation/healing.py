"""Looks whether what a run has put into the inbox has made things right."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from models.findings import FindingKind
from models.reconciliation import RunKind, RunScope
from models.snapshot import Snapshot
from worker import findings
from worker.differences import differences, snapshot_of
from worker.errors import MalformedPayloadError
from worker.providers.contract import SyntheticEvent
from worker.reconciliation.comparing import KINDS
from worker.reconciliation.confirming import confirm
from worker.reconciliation.inside import close_repaired, is_under_way
from worker.reconciliation.run import Run

PAUSE = timedelta(seconds=2)
AT_ONCE = timedelta(milliseconds=1)
#: An event that takes longer (it backs off) holds no run up; and of events, whose next
#: walk must not wait, one that was tried in vain does not at all.
PATIENCE = timedelta(minutes=10)
#: Events that are looked at in one step: well within a task's time.
A_STEP = 500
#: Runs of events in which what has healed since they ended is counted: about two hours.
LATELY = 100

_UNDER_WAY = text("""
SELECT EXISTS (
  SELECT FROM reconciled_events e JOIN inbox i ON i.id = e.inbox_id
  WHERE e.run_id = :run AND i.state = 'pending' AND e.found_at > now() - :patience
    AND (:failed OR i.last_error IS NULL))
""")
_DONE = text("""
UPDATE reconciliation_runs r SET healed = (
  SELECT count(*) FROM reconciled_events e JOIN inbox i ON i.id = e.inbox_id
  WHERE e.run_id = r.id AND i.state IN ('processed', 'stale', 'ignored'))
WHERE r.id = ANY(:runs)
""")
# Runs of events end while an event of theirs backs off.
_UNHEALED = text("""
SELECT id FROM (
  SELECT id, healed, found FROM reconciliation_runs
  WHERE provider = :provider AND kind = :kind AND scope = :scope AND id < :run
  ORDER BY id DESC LIMIT :most) AS lately
WHERE healed < found
""")
_NEXT = text("""
SELECT e.inbox_id, i.event_id, i.event_type, i.occurred_at, b.body, e.subject
FROM reconciled_events e
JOIN inbox i ON i.id = e.inbox_id
LEFT JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE e.run_id = :run AND e.inbox_id > :after
ORDER BY e.inbox_id LIMIT :most
""")
_HEALED = text("""
UPDATE reconciliation_runs SET healed = healed + :healed, position = :position
WHERE id = :run
""")


def waiting(connection: Connection, run: Run) -> timedelta | None:
    """Return how long a run has to wait before it can end; None: it can.

    A run that has put in more than one step can look at looks at some of it here, and
    notes in its position how far it is.
    """
    if run.kind is RunKind.ACCESS:
        return PAUSE if is_under_way(connection, run) else None
    is_held_up = run.kind is not RunKind.EVENTS
    given = {"run": run.id, "patience": PATIENCE, "failed": is_held_up}
    if connection.scalar(_UNDER_WAY, given):
        return PAUSE
    if _looks_again(run):
        events = _next(connection, run, A_STEP + 1)
        if len(events) > A_STEP:
            _look_again(connection, run, events[:A_STEP])
            return AT_ONCE
    return None


def close_healed(connection: Connection, run: Run) -> None:
    """Write how much of what a run has found is right by now."""
    if run.kind is RunKind.ACCESS:
        close_repaired(connection, run)
    elif _looks_again(run):
        _look_again(connection, run, _next(connection, run, A_STEP))
    else:
        connection.execute(_DONE, {"runs": [run.id, *_unhealed(connection, run)]})


def _unhealed(connection: Connection, run: Run) -> Sequence[int]:
    """Return the last runs of events that ended before all of theirs were right."""
    if run.kind is not RunKind.EVENTS:
        return ()
    what = {"provider": run.provider, "kind": run.kind, "scope": run.scope}
    given = {**what, "run": run.id, "most": LATELY}
    return connection.scalars(_UNHEALED, given).all()


def _looks_again(run: Run) -> bool:
    """Tell whether rows are compared once more: a backfill has no findings to close."""
    return run.kind in KINDS and run.scope is not RunScope.BACKFILL


def _next(connection: Connection, run: Run, most: int) -> Sequence[Row[Any]]:
    given = {"run": run.id, "after": int(run.position or 0), "most": most}
    return connection.execute(_NEXT, given).all()


def _look_again(connection: Connection, run: Run, events: Sequence[Row[Any]]) -> None:
    """Compare our rows with what the provider said, and close what is right by now."""
    if not events:
        return
    told = [one for event in events if (one := _told(run, event)) is not None]
    known = differences(connection, told)
    pairs = [(one, known[one.key]) for one in told if one.key in known]
    same = {one.key.id: mine.clock.event for one, mine in pairs if not mine.fields}
    # Or what came after it has made it old.
    newer = {one.key.id for one, mine in pairs if one.clock[:3] < mine.clock[:3]}
    right = newer | same.keys()
    findings.note(connection, right, (FindingKind.DIFFERS_FROM_PROVIDER,), ())
    confirm(connection, run, same)
    healed = {"healed": len(right), "position": str(events[-1].inbox_id)}
    connection.execute(_HEALED, {"run": run.id, **healed})


def _told(run: Run, event: Row[Any]) -> Snapshot | None:
    if event.body is None:
        return None
    parts = (event.event_id, event.event_type, event.occurred_at, event.body)
    made = SyntheticEvent(*parts, event.subject, None)
    try:
        return snapshot_of(run.provider, made)
    except MalformedPayloadError:
        return None
