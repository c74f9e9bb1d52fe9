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

from sqlalchemy import Connection, RowMapping, TextClause, text

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
SELECT e.learner_id, e.course_key, NULL AS subject_id, h.changed_at AS noticed_at,
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
SELECT NULL AS learner_id, NULL AS course_key, subject_id, created_at AS noticed_at,
       CAST(:due_at AS timestamptz) AS due_at,
       CASE WHEN CAST(:due_at AS timestamptz) IS NULL THEN CAST(:event AS text) END
         AS event_id
FROM notifications WHERE id = one.id
"""
# What a delivery brought just before is no matter of restores; nearly all is.
_CAUSE = """
SELECT one.id, thing.learner_id, thing.course_key, thing.subject_id, thing.noticed_at,
       thing.due_at + CAST(:late AS interval) AS late_from,
       i.provider, i.id AS inbox_id, i.occurred_at, m.reason, m.found_at,
       coalesce(m.found_at, thing.noticed_at) > now() - CAST(:patience AS interval)
         AS may_wait
FROM unnest(CAST(:ids AS bigint[])) AS one(id)
CROSS JOIN LATERAL ({thing}) AS thing
LEFT JOIN inbox i ON i.provider = ANY(:providers) AND i.event_id = thing.event_id
LEFT JOIN reconciled_events m ON m.inbox_id = i.id AND m.reason IN ('missed', 'differs')
"""
_CAUSE_OF_ACCESS = text(_CAUSE.format(thing=_ACCESS))
_CAUSE_OF_MONEY = text(_CAUSE.format(thing=_MONEY))

# Which entities bear witness by their events, since when. A purchase tells of itself in
# several events, and some may never have arrived: one that did is enough. Of the events
# only those that came with the access or after it: a checkout that was opened gives none.
_SOURCES = """
SELECT source_id AS entity_id, starts_at AS since FROM grants
WHERE provider = :provider AND learner_id = :learner_id AND course_key = :course_key
  AND state = 'active'
"""
# That of the event that changed access: it is looked for among all that bear on it,
# because entities are not found by their events.
_CHANGED = """
WITH source AS (
  SELECT source_id AS id FROM grants
  WHERE provider = :provider AND learner_id = :learner_id AND course_key = :course_key
), paid AS (
  SELECT t.id FROM source JOIN transactions t USING (id) WHERE t.provider = :provider
  UNION
  SELECT t.id FROM source
  JOIN transactions t ON t.provider = :provider AND t.subscription_id = source.id
)
SELECT own.id AS entity_id, CAST(:occurred_at AS timestamptz) AS since
FROM (
  SELECT id FROM source UNION SELECT id FROM paid
  UNION
  SELECT a.id FROM paid
  JOIN adjustments a ON a.provider = :provider AND a.transaction_id = paid.id
) AS own
JOIN event_entities told ON told.entity_id = own.id AND told.inbox_id = :inbox_id
"""
_SUBJECT = """
SELECT CAST(:subject_id AS text) AS entity_id,
       CAST(:occurred_at AS timestamptz) AS since
"""
_MISSED = """
SELECT coalesce(bool_or(explanation = 'forgotten'), false) AS is_forgotten,
       coalesce(bool_or(explanation IS NULL), false) AS is_unexplained
FROM (
  SELECT explanation FROM reconciled_events
  WHERE inbox_id = :inbox_id AND reason = 'missed'
  UNION ALL
  SELECT m.explanation FROM ({witnesses}) AS witness
  JOIN event_entities told USING (entity_id)
  JOIN inbox i ON i.id = told.inbox_id AND i.provider = :provider
  JOIN reconciled_events m ON m.inbox_id = i.id AND m.reason = 'missed'
  WHERE coalesce(i.occurred_at >= witness.since, true)) AS missed
"""
_MISSED_OF_WELCOME = text(_MISSED.format(witnesses=_SOURCES))
_MISSED_OF_CHANGE = text(_MISSED.format(witnesses=_CHANGED))
_MISSED_OF_MONEY = text(_MISSED.format(witnesses=_SUBJECT))
_MEANWHILE = """
EXISTS (
  SELECT FROM reconciled_events m JOIN inbox i ON i.id = m.inbox_id
  WHERE m.reason = 'missed' AND m.found_at >= :late_from AND m.explanation {is_so}
    AND i.occurred_at >= :late_from AND i.occurred_at < :noticed_at)
"""
_MISSED_MEANWHILE = text(f"""
SELECT {_MEANWHILE.format(is_so="= 'forgotten'")} AS is_forgotten,
       {_MEANWHILE.format(is_so="IS NULL")} AS is_unexplained
""")
_LAST_WALK = text("""
SELECT finished_at FROM reconciliation_runs
WHERE provider = ANY(:providers) AND kind = 'events' AND scope = 'recent'
  AND state IN ('complete', 'partial')
ORDER BY id DESC LIMIT 1
""")


def welcomed_before(
    connection: Connection, ids: Sequence[int]
) -> dict[int, bool | TransientError]:
    """Tell which welcomes went out before a restore of the database.

    Returns:
        By id; an error: that is not known yet. Those that are not named did not.
    """
    told: dict[int, bool | TransientError] = {}
    for cause in _find(connection, _CAUSE_OF_ACCESS, {"ids": list(ids)}):
        try:
            told[cause["id"]] = _was_told(connection, cause, _MISSED_OF_WELCOME)
        except TransientError as error:
            told[cause["id"]] = error
    return told


def was_told_of_change(connection: Connection, notification_id: int) -> bool:
    """Tell whether a learner was told of a change of access before a restore.

    Raises:
        TransientError: That is not known yet.
    """
    causes = _find(connection, _CAUSE_OF_ACCESS, {"ids": [notification_id]})
    return any(_was_told(connection, cause, _MISSED_OF_CHANGE) for cause in causes)


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
    causes = _find(connection, _CAUSE_OF_MONEY, given)
    return any(_was_told(connection, cause, _MISSED_OF_MONEY) for cause in causes)


def _find(
    connection: Connection, statement: TextClause, given: dict[str, Any]
) -> Sequence[RowMapping]:
    rule = {"providers": [*PROVIDERS], "patience": UNTIL_EXPLAINED, "late": LATE}
    return connection.execute(statement, {**rule, **given}).mappings().all()


def _was_told(connection: Connection, cause: RowMapping, missed: TextClause) -> bool:
    late_from, noticed_at = cause["late_from"], cause["noticed_at"]
    if late_from is not None and noticed_at > late_from:
        missed = _MISSED_MEANWHILE
    elif cause["reason"] is None:
        return False
    found = connection.execute(missed, dict(cause)).one()
    if found.is_forgotten:
        return True
    is_open = found.is_unexplained or _awaits_walk(connection, cause)
    if cause["may_wait"] and is_open:
        message = "not yet known whether this was told before a restore"
        raise TransientError(message, A_LITTLE)
    return False


def _awaits_walk(connection: Connection, cause: RowMapping) -> bool:
    """Tell whether a walk of the list is still to say what arrived.

    It does of what comparing the objects has brought, and of what was noticed late;
    where there never was a walk, the latter waits for none.
    """
    if cause["reason"] == "missed":
        return False
    providers = [cause["provider"]] if cause["provider"] else [*PROVIDERS]
    walked_at = connection.execute(_LAST_WALK, {"providers": providers}).scalar()
    if walked_at is None:
        return cause["reason"] is not None
    return bool(walked_at < (cause["found_at"] or cause["noticed_at"]))
