"""Notes what the course platform must hear of purchases: completed ones, failed attempts.

What is told is what ``payment_status`` lists, checkouts: a shop's cart knows of no
renewal and no invoice.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from models.key import Key
from worker.after_commit import Rings
from worker.bulk import keys_of
from worker.grant_statements import PAID_AT
from worker.notices.news import NEWS_DAYS
from worker.settings import Settings
from worker.work_tables import PLATFORM_DELIVERIES

# By the time when it happened and not by the event that tells of it: later events of an
# old purchase are no news. For the same reason what a backfill has brought is held back
# for good, though not what happened to it afterwards.
_NOTE = text(f"""
WITH checkout AS (
  SELECT s.provider, s.id, s.status, {PAID_AT} AS paid_at
  FROM transactions s
  JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS touched(provider, id)
    USING (provider, id)
  WHERE s.origin IN ('web', 'api') AND coalesce(s.collection_mode, '') <> 'manual'
), happened AS (
  SELECT 'order.completed' AS kind, provider, id AS subject_id,
         id AS transaction_id, paid_at AS at
  FROM checkout WHERE status = 'completed'
  UNION ALL
  SELECT 'payment.failed', p.provider, p.transaction_id || '/' || p.id,
         p.transaction_id, coalesce(p.attempted_at, p.clock_updated_at)
  FROM checkout c JOIN payments p ON p.provider = c.provider AND p.transaction_id = c.id
  WHERE p.status IN ('error', 'canceled', 'dropped')
)
INSERT INTO platform_deliveries (kind, provider, subject_id, version)
SELECT h.kind, h.provider, h.subject_id, 1 FROM happened h
WHERE h.at > now() - interval '{NEWS_DAYS} days' AND NOT EXISTS (
  SELECT FROM event_entities told
  JOIN reconciled_events r ON r.inbox_id = told.inbox_id AND NOT r.mails
  JOIN inbox i ON i.id = told.inbox_id AND i.provider = h.provider
  WHERE told.entity_id = h.transaction_id AND i.occurred_at >= h.at)
ORDER BY h.kind, h.provider, h.subject_id
ON CONFLICT DO NOTHING
RETURNING id
""")  # noqa: S608 (constants)


def note_orders(
    connection: Connection, purchases: Iterable[Key], rings: Rings, config: Settings
) -> None:
    """Note what has happened to purchases, once each; ring for it.

    Args:
        connection: The transaction that holds them locked and has written them.
        purchases: Transactions that the batch told of.
        rings: Rung after the commit.
        config: Says whether there is a platform to tell.
    """
    touched = sorted(purchases)
    if touched and config.platform_hook_url:
        noted = connection.execute(_NOTE, keys_of(touched)).scalars()
        rings.add(PLATFORM_DELIVERIES.task, list(noted))
