"""What waits is marked, and ``parked`` reads only what is marked.

Before, the view went through everything that was ever paid. ``since`` in it is now when
the money came in: an invoice that is paid late has not waited since it was made out.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WAITING_LINES = """
  AND NOT l.recurring AND NOT l.prorated
  {mapping}
  AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = t.provider AND g.source_id = t.id AND g.line_id = l.id)
  AND coalesce((
    SELECT sum(al.total_minor) FROM adjustments a
    JOIN adjustment_lines al ON al.provider = a.provider AND al.adjustment_id = a.id
    WHERE a.provider = t.provider AND a.transaction_id = t.id
      AND a.action = 'refund' AND a.status = 'approved' AND al.line_id = l.id
  ), -1) < l.total_minor
"""
_MAPPING = """AND (i.learner_id IS NULL
       OR (l.course IS NULL AND NOT EXISTS (
             SELECT FROM offers o
             WHERE o.provider = l.provider AND o.price_id = l.price_id
               AND o.valid_until IS NULL)))"""
_PARKED = """
CREATE OR REPLACE VIEW parked AS
SELECT t.provider, t.id AS transaction_id, l.id AS line_id, l.price_id, t.customer_id,
       CASE WHEN i.learner_id IS NULL THEN 'unknown learner' ELSE 'unknown price' END
         AS reason,
       i.learner_id, l.course, l.total_minor, t.currency, {since} AS since
FROM transactions t
JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
LEFT JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = t.provider || ':' || t.customer_id
WHERE t.status IN ('paid', 'completed') {marked}
"""
# Locked in the order in which tasks lock them.
_BACKFILL = """
WITH waiting AS (
  SELECT t.provider, t.id,
         coalesce((SELECT min(captured_at) FROM payments p
                   WHERE p.provider = t.provider AND p.transaction_id = t.id),
                  t.billed_at, t.opened_at, t.clock_updated_at) AS since
  FROM transactions t
  WHERE t.status IN ('paid', 'completed') AND EXISTS (
    SELECT FROM transaction_lines l
    WHERE l.provider = t.provider AND l.transaction_id = t.id {lines})
  ORDER BY t.provider, t.id FOR UPDATE OF t
)
UPDATE transactions AS t SET waits_since = waiting.since
FROM waiting WHERE t.provider = waiting.provider AND t.id = waiting.id
"""


def upgrade() -> None:
    """Apply."""
    # Everything that was ever paid is read, this once.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(_BACKFILL.format(lines=_WAITING_LINES.format(mapping="")))
    _replace_view(since="t.waits_since", marked="AND t.waits_since IS NOT NULL")


def downgrade() -> None:
    """Take back. The marks stay until their column goes."""
    _replace_view(since="coalesce(t.billed_at, t.clock_updated_at)", marked="")


def _replace_view(since: str, marked: str) -> None:
    lines = _WAITING_LINES.format(mapping=_MAPPING)
    op.execute(_PARKED.format(since=since, marked=marked) + lines)
