"""What is news to people, and over which ways they hear it: parts of SQL statements."""

from worker.notices.addresses import NUMBER
from worker.settings import Settings

#: Nothing older than this makes a message: who was not told in time has long noticed.
NEWS_DAYS = 3
_TOLD_BY = """
EXISTS (
  SELECT FROM inbox i LEFT JOIN reconciled_events r ON r.inbox_id = i.id
  WHERE i.provider = {{provider}} AND i.event_id = {{event}} AND ({condition}))
"""
#: True of an event that a backfill brought, or that is about what was there before
#: Paddlewheel.
HELD_BACK = _TOLD_BY.format(condition="NOT r.mails")
#: True of those, and of an event that is too old.
NO_NEWS = _TOLD_BY.format(
    condition=f"NOT r.mails OR i.occurred_at < now() - interval '{NEWS_DAYS} days'"
)
#: Over which channels a learner is told, and what the key of each ends with. Mail is the
#: one that everybody has.
WAYS = "(SELECT 'mail' AS channel, '' AS suffix WHERE {learner} IS NOT NULL)"
#: The same of what is told about access; ``:whatsapp`` is of ``ways_of``.
ACCESS_WAYS = rf"""
(SELECT 'mail' AS channel, '' AS suffix
 UNION ALL SELECT 'whatsapp', '\:whatsapp'
 WHERE CAST(:whatsapp AS boolean) AND {NUMBER} IS NOT NULL)
"""


def ways_of(config: Settings) -> dict[str, bool]:
    """Return the parameters of ``ACCESS_WAYS``."""
    return {"whatsapp": config.whatsapp_token is not None}
