"""Tells whether a person was told before the database was restored to an older moment.

What reconciliation brings back then was told of when it was delivered, and is no news.
That is so where the provider says that an event of it arrived here before we fetched it
(``Explanation.FORGOTTEN``). What the clock made due leaves no event: it was told of if
any event arrived here after that, because then somebody was at work. In doubt the person
is told: twice is better than never.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TextClause, text

from worker.errors import TransientError
from worker.providers.registry import PROVIDERS

#: How long a mail waits until it is known why no delivery brought its event.
UNTIL_EXPLAINED = timedelta(minutes=10)
A_LITTLE = timedelta(seconds=15)
#: While somebody is at work nothing is noticed as late after its time has come; the
#: longest tick is half of it.
LATE = timedelta(minutes=1)

# What happened: by which event, or when it became due by the clock; and when it was
# noticed. Of a welcome it is whether access came with the event or moved with it, from
# one account to another; after it was away, the access that the welcome is to.
_ACCESS = """
  SELECT e.learner_id, e.course_key, h.changed_at AS noticed_at,
         CASE h.cause_kind WHEN 'clock' THEN CAST(h.cause_ref AS timestamptz) END
           AS due_at,
         CASE WHEN h.cause_kind <> 'clock' THEN substring(h.cause_ref FROM '[^ ]+$') END
           AS event_id
  FROM notifications n JOIN enrollments e ON e.id = n.enrollment_id
  JOIN enrollment_history h ON h.enrollment_id = e.id
  WHERE n.id = one.id
    AND (h.version = n.version OR n.version IS NULL AND h.state = 'active')
  ORDER BY h.changed_at >= n.pending_since DESC, h.version LIMIT 1
"""
_MONEY = """
  SELECT n.created_at AS noticed_at, CAST(:due_at AS timestamptz) AS due_at,
         CASE WHEN CAST(:due_at AS timestamptz) IS NULL THEN CAST(:event AS text) END
           AS event_id
  FROM notifications n WHERE n.id = one.id
"""
# Whose events tell of it as well, since when. A purchase tells of itself in several
# events, and some may never have arrived: one that did is enough. A checkout that was
# opened gives no access.
_SOURCES = """
  SELECT g.source_id AS entity_id, g.starts_at AS since
  FROM thing JOIN cause ON true
  JOIN grants g USING (provider, learner_id, course_key) WHERE g.state = 'active'
"""
_ENTITY = """
  SELECT told.entity_id, cause.since FROM cause JOIN event_entities told USING (inbox_id)
"""
# What comparing the objects has brought, and what was noticed late, is known as soon as
# a walk of the list has ended since; where there never was one, there is none to come.
_TOLD = """
SELECT one.id, brought.is_open, brought.is_forgotten
FROM unnest(CAST(:ids AS bigint[])) AS one(id)
CROSS JOIN LATERAL (
WITH thing AS ({thing}),
cause AS (
  SELECT m.reason, m.found_at, i.provider, i.id AS inbox_id, i.occurred_at AS since
  FROM thing JOIN inbox i ON i.provider = ANY(:providers) AND i.event_id = thing.event_id
  JOIN reconciled_events m ON m.inbox_id = i.id AND m.reason IN ('missed', 'differs')
  UNION ALL
  SELECT 'late', noticed_at, NULL, NULL, due_at + CAST(:late AS interval)
  FROM thing WHERE noticed_at > due_at + CAST(:late AS interval)
), witness AS ({witness}),
missed AS (
  SELECT m.explanation FROM cause JOIN reconciled_events m USING (inbox_id)
  WHERE cause.reason = 'missed'
  UNION ALL
  SELECT m.explanation FROM cause CROSS JOIN witness
  JOIN event_entities told ON told.entity_id = witness.entity_id
  JOIN inbox i ON i.id = told.inbox_id AND i.provider = cause.provider
  JOIN reconciled_events m ON m.inbox_id = i.id AND m.reason = 'missed'
  WHERE coalesce(i.occurred_at >= witness.since, true)
  UNION ALL
  SELECT m.explanation FROM cause
  JOIN reconciled_events m ON m.reason = 'missed' AND m.found_at >= cause.since
  JOIN inbox i ON i.id = m.inbox_id
    AND i.occurred_at >= cause.since AND i.occurred_at < cause.found_at
  WHERE cause.reason = 'late'
), walked AS (
  SELECT r.finished_at FROM cause
  JOIN reconciliation_runs r ON r.provider = coalesce(cause.provider, r.provider)
  WHERE r.kind = 'events' AND r.scope = 'recent' AND r.state IN ('complete', 'partial')
  ORDER BY r.id DESC LIMIT 1
)
SELECT EXISTS (SELECT FROM missed WHERE explanation = 'forgotten') AS is_forgotten,
  found_at > now() - CAST(:patience AS interval) AND (
    EXISTS (SELECT FROM missed WHERE explanation IS NULL)
    OR reason <> 'missed' AND coalesce(
      (SELECT finished_at < found_at FROM walked), reason = 'differs')) AS is_open
FROM cause
) AS brought
"""
_TOLD_OF_WELCOME = text(_TOLD.format(thing=_ACCESS, witness=_SOURCES))
_TOLD_OF_CHANGE = text(_TOLD.format(thing=_ACCESS, witness=_ENTITY))
_TOLD_OF_MONEY = text(_TOLD.format(thing=_MONEY, witness=_ENTITY))


def welcomed_before(
    connection: Connection, ids: Sequence[int]
) -> dict[int, bool | TransientError]:
    """Tell which welcomes went out before a restore of the database.

    Returns:
        By id; an error: that is not known yet. Those that are not named did not.
    """
    return _told(connection, _TOLD_OF_WELCOME, {"ids": list(ids)})


def was_told_of_change(connection: Connection, notification_id: int) -> bool:
    """Tell whether a learner was told of a change of access before a restore.

    Raises:
        TransientError: That is not known yet.
    """
    return _was_told(connection, _TOLD_OF_CHANGE, {"ids": [notification_id]})


def was_told_of_money(
    connection: Connection,
    notification_id: int,
    event_id: str | None,
    due_at: datetime | None,
) -> bool:
    """Tell whether a buyer was told of this before a restore of the database.

    Args:
        connection: An open transaction.
        notification_id: The message.
        event_id: The event that made it due.
        due_at: When the clock made it due; None: it was the event.

    Raises:
        TransientError: That is not known yet.
    """
    given = {"ids": [notification_id], "event": event_id, "due_at": due_at}
    return _was_told(connection, _TOLD_OF_MONEY, given)


def _was_told(
    connection: Connection, statement: TextClause, given: dict[str, Any]
) -> bool:
    told = next(iter(_told(connection, statement, given).values()), False)
    if isinstance(told, TransientError):
        raise told
    return told


def _told(
    connection: Connection, statement: TextClause, given: dict[str, Any]
) -> dict[int, bool | TransientError]:
    rule = {"providers": [*PROVIDERS], "patience": UNTIL_EXPLAINED, "late": LATE}
    return {
        row.id: _unknown() if row.is_open and not row.is_forgotten else row.is_forgotten
        for row in connection.execute(statement, {**rule, **given})
    }


def _unknown() -> TransientError:
    message = "not yet known whether this was told before a restore"
    return TransientError(message, A_LITTLE)
