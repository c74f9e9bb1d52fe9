"""Tells whether a learner was told before the database was restored to an older moment.

What reconciliation brings back then was told of when it was delivered, and is no news.
That is so where the provider says that an event of it arrived here before we fetched it
(``Explanation.FORGOTTEN``). In doubt the learner is told: twice is better than never.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from worker.errors import TransientError
from worker.providers.registry import PROVIDERS

#: How long a mail waits until it is known why no delivery brought its event.
UNTIL_EXPLAINED = timedelta(minutes=10)
A_LITTLE = timedelta(seconds=15)

# Whether access came with the event or moved with it, from one account to another.
# A purchase tells of itself in several events, and some may never have arrived: one that
# did is enough. They are found by their entity; so is what comparing the objects has
# brought, as soon as a walk of the list has ended since. Of the events only those
# that came with the access or after it: a checkout that was opened gives none.
_BROUGHT = text("""
WITH cause AS (
  SELECT m.reason, m.explanation, m.found_at, i.provider, e.learner_id, e.course_key
  FROM notifications n JOIN enrollments e ON e.id = n.enrollment_id
  JOIN enrollment_history h ON h.enrollment_id = e.id
  JOIN inbox i ON i.provider = ANY(:providers)
    AND i.event_id = substring(h.cause_ref FROM '[^ ]+$')
  JOIN reconciled_events m ON m.inbox_id = i.id AND m.reason IN ('missed', 'differs')
  WHERE n.id = :id AND h.state = 'active'
  ORDER BY h.version LIMIT 1
), missed AS (
  SELECT explanation FROM cause WHERE reason = 'missed'
  UNION ALL
  SELECT m.explanation FROM cause
  JOIN grants g USING (provider, learner_id, course_key)
  JOIN event_entities told ON told.entity_id = g.source_id
  JOIN inbox i ON i.id = told.inbox_id AND i.provider = g.provider
  JOIN reconciled_events m ON m.inbox_id = i.id AND m.reason = 'missed'
  WHERE g.state = 'active' AND coalesce(i.occurred_at >= g.starts_at, true)
), walked AS (
  SELECT r.finished_at FROM cause JOIN reconciliation_runs r USING (provider)
  WHERE r.kind = 'events' AND r.scope = 'recent' AND r.state IN ('complete', 'partial')
  ORDER BY r.id DESC LIMIT 1
)
SELECT EXISTS (SELECT FROM missed WHERE explanation = 'forgotten') AS is_forgotten,
  found_at > now() - CAST(:patience AS interval) AND (
    EXISTS (SELECT FROM missed WHERE explanation IS NULL)
    OR reason = 'differs' AND NOT EXISTS (
      SELECT FROM walked WHERE finished_at >= found_at)) AS is_open
FROM cause
""")


def was_told_before(connection: Connection, notification_id: int) -> bool:
    """Tell whether a learner was told of this before a restore of the database.

    Raises:
        TransientError: That is not known yet.
    """
    given = {
        "id": notification_id,
        "providers": [*PROVIDERS],
        "patience": UNTIL_EXPLAINED,
    }
    brought = connection.execute(_BROUGHT, given).one_or_none()
    if brought is None:
        return False
    if brought.is_open and not brought.is_forgotten:
        raise TransientError("not yet known why its event was missed", A_LITTLE)
    return bool(brought.is_forgotten)
