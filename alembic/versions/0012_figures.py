"""The views for a shop's figures, and where each checkout stands: public contracts.

Columns may be added, never changed (docs/figures.md, docs/integrate.md). Each part of
``revenue_daily`` names its day by a plain expression on one table, so that a condition
on the day reaches that table.
"""

import sqlalchemy as sa
from alembic import op

from worker.index_building import Index, build, drop

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Money came in with the first captured payment, else when it was billed. A changed
# payment method is a transaction of nothing, and no purchase. Scalar sub-selects and no
# joins: for the days asked for they read those payments alone.
_MONEY = """t.currency, t.origin, t.total_minor, t.discount_minor, t.tax_minor,
         t.fee_minor, t.earnings_minor, t.grand_total_minor"""
_SOLD = f"""
  SELECT (p.captured_at AT TIME ZONE 'UTC')::date AS day, {_MONEY}
  FROM payments p
  JOIN transactions t ON t.provider = p.provider AND t.id = p.transaction_id
  WHERE t.status IN ('paid', 'completed') AND p.captured_at IS NOT NULL
    AND p.id = (
      SELECT e.id FROM payments e
      WHERE e.provider = p.provider AND e.transaction_id = p.transaction_id
        AND e.captured_at IS NOT NULL
      ORDER BY e.captured_at, e.id LIMIT 1)
  UNION ALL
  SELECT (coalesce(t.billed_at, t.opened_at, t.clock_updated_at)
          AT TIME ZONE 'UTC')::date AS day, {_MONEY}
  FROM transactions t
  WHERE t.status IN ('paid', 'completed')
    AND (
      SELECT min(p.captured_at) FROM payments p
      WHERE p.provider = t.provider AND p.transaction_id = t.id) IS NULL
"""  # noqa: S608 (constants)
REVENUE_DAILY = f"""
CREATE VIEW revenue_daily AS
SELECT day, currency, sum(purchases)::bigint AS purchases,
       sum(gross_minor)::bigint AS gross_minor,
       sum(discount_minor)::bigint AS discount_minor,
       sum(tax_minor)::bigint AS tax_minor,
       sum(fee_minor)::bigint AS fee_minor,
       sum(refunded_minor)::bigint AS refunded_minor,
       sum(disputed_minor)::bigint AS disputed_minor,
       sum(earnings_minor)::bigint AS earnings_minor,
       sum(paid_minor)::bigint AS paid_minor
FROM (
  SELECT day, currency,
         (origin IS DISTINCT FROM 'subscription_payment_method_change')::int
           AS purchases,
         total_minor AS gross_minor, discount_minor, tax_minor,
         coalesce(fee_minor, 0) AS fee_minor, 0 AS refunded_minor,
         0 AS disputed_minor, coalesce(earnings_minor, 0) AS earnings_minor,
         grand_total_minor AS paid_minor
  FROM ({_SOLD}) AS sold
  UNION ALL
  SELECT (clock_updated_at AT TIME ZONE 'UTC')::date, currency, 0, 0, 0, 0, 0,
         total_minor, 0, -coalesce(earnings_minor, total_minor), 0
  FROM adjustments WHERE action = 'refund' AND status = 'approved'
  UNION ALL
  SELECT (coalesce(opened_at, clock_updated_at) AT TIME ZONE 'UTC')::date, currency,
         0, 0, 0, 0, 0, 0, total_minor, -coalesce(earnings_minor, total_minor), 0
  FROM adjustments
  WHERE action IN ('chargeback', 'chargeback_warning')
    AND status IN ('approved', 'reversed')
  UNION ALL
  SELECT (coalesce(opened_at, clock_updated_at) AT TIME ZONE 'UTC')::date, currency,
         0, 0, 0, 0, 0, 0, -total_minor, coalesce(earnings_minor, total_minor), 0
  FROM adjustments
  WHERE action IN ('chargeback_reverse', 'chargeback_warning_reverse')
    AND status = 'approved'
) AS moved
GROUP BY day, currency
"""  # noqa: S608 (constants)

DISCOUNT_USE = """
CREATE VIEW discount_use AS
SELECT u.provider, u.discount_id, d.code, d.description, u.currency, u.uses,
       u.discount_minor, u.gross_minor, u.first_used_at, u.last_used_at
FROM (
  SELECT t.provider, t.discount_id, t.currency, count(*) AS uses,
         sum(t.discount_minor)::bigint AS discount_minor,
         sum(t.total_minor)::bigint AS gross_minor,
         min(coalesce(t.billed_at, t.opened_at, t.clock_updated_at)) AS first_used_at,
         max(coalesce(t.billed_at, t.opened_at, t.clock_updated_at)) AS last_used_at
  FROM transactions t
  WHERE t.discount_id IS NOT NULL AND t.status IN ('paid', 'completed')
  GROUP BY t.provider, t.discount_id, t.currency
) AS u
LEFT JOIN discounts d ON d.provider = u.provider AND d.id = u.discount_id
"""

# Whose a purchase is: as grants have it.
LEARNER_TOTALS = """
CREATE VIEW learner_totals AS
SELECT l.ref AS learner_ref, b.currency,
       count(*) FILTER (
         WHERE b.origin IS DISTINCT FROM 'subscription_payment_method_change')
         AS purchases,
       sum(b.grand_total_minor)::bigint AS paid_minor,
       sum(b.refunded_minor)::bigint AS refunded_minor,
       max(b.sold_at) AS last_purchase_at
FROM (
  SELECT coalesce(named.learner_id, person.merged_into, own.learner_id) AS learner_id,
         t.currency, t.origin, t.grand_total_minor,
         coalesce(t.billed_at, t.opened_at, t.clock_updated_at) AS sold_at,
         coalesce((
           SELECT sum(a.total_minor) FROM adjustments a
           WHERE a.provider = t.provider AND a.transaction_id = t.id
             AND a.action = 'refund' AND a.status = 'approved'), 0) AS refunded_minor
  FROM transactions t
  JOIN learner_identities own
    ON own.kind = 'customer' AND own.value = t.provider || ':' || t.customer_id
  JOIN learners person ON person.id = own.learner_id
  LEFT JOIN subscriptions s ON s.provider = t.provider AND s.id = t.subscription_id
  LEFT JOIN LATERAL (
    SELECT min(c.user_id) AS user_id FROM transactions c
    WHERE c.provider = t.provider AND c.subscription_id = t.subscription_id
  ) AS charged ON t.user_id IS NULL AND s.user_id IS NULL
  LEFT JOIN learner_identities named
    ON named.kind = 'user'
   AND named.value = coalesce(t.user_id, s.user_id, charged.user_id)
  WHERE t.status IN ('paid', 'completed')
) AS b
JOIN learners l ON l.id = b.learner_id
GROUP BY l.ref, b.currency
"""

# A checkout is what a shop or its buyer opened; an invoice has terms of its own. The
# newest attempt decides. 24 hours stand here because a view reads no settings; a shop
# with other ideas has ``changed_at`` and ``opened_at``.
PAYMENT_STATUS = """
CREATE VIEW payment_status AS
SELECT provider, reference, transaction_id, owner,
       CASE WHEN is_open AND NOT is_trying AND expires_at <= now() THEN 'expired'
            ELSE state END AS state,
       error_code, reason, currency, total_minor, opened_at,
       CASE WHEN is_open AND NOT is_trying THEN expires_at END AS expires_at,
       CASE WHEN is_open AND NOT is_trying AND expires_at <= now() THEN expires_at
            ELSE told_at END AS changed_at
FROM (
  SELECT t.provider, t.reference, t.id AS transaction_id, t.user_id AS owner,
         t.currency, t.total_minor, t.opened_at,
         t.status NOT IN ('paid', 'completed', 'canceled') AS is_open,
         coalesce(p.is_trying, false) AS is_trying,
         CASE WHEN t.status = 'completed' THEN 'completed'
              WHEN t.status = 'canceled' THEN 'canceled'
              WHEN t.status = 'paid' OR p.is_trying THEN 'processing'
              WHEN p.has_failed THEN 'failed'
              ELSE 'pending' END AS state,
         CASE WHEN t.status NOT IN ('paid', 'completed', 'canceled') AND p.has_failed
              THEN p.error_code END AS error_code,
         CASE WHEN t.status NOT IN ('paid', 'completed', 'canceled') AND p.has_failed
              THEN coalesce(p.failure, 'no reason was told') END AS reason,
         greatest(t.opened_at, p.attempted_at) + interval '24 hours' AS expires_at,
         greatest(t.clock_updated_at, p.clock_updated_at) AS told_at
  FROM transactions t
  LEFT JOIN LATERAL (
    SELECT a.error_code, a.failure, a.attempted_at, a.clock_updated_at,
           a.status IN ('error', 'canceled', 'dropped') AS has_failed,
           a.status IN ('authorized', 'authorized_flagged', 'captured',
                        'pending_no_action_required') AS is_trying
    FROM payments a
    WHERE a.provider = t.provider AND a.transaction_id = t.id
    ORDER BY a.attempted_at DESC NULLS LAST, a.clock_updated_at DESC, a.id DESC
    LIMIT 1
  ) AS p ON true
  WHERE t.origin IN ('web', 'api') AND coalesce(t.collection_mode, '') <> 'manual'
    AND t.status IS NOT NULL
) AS checkout
"""
INDEXES = (
    Index(
        "ix_payments_captured_on",
        "payments",
        [sa.text("((captured_at AT TIME ZONE 'UTC')::date)")],
        using="brin",
    ),
    Index(
        "ix_transactions_sold_on",
        "transactions",
        [
            sa.text(
                "((coalesce(billed_at, opened_at, clock_updated_at)"
                " AT TIME ZONE 'UTC')::date)"
            )
        ],
        using="brin",
    ),
)
VIEWS = {
    "revenue_daily": REVENUE_DAILY,
    "discount_use": DISCOUNT_USE,
    "learner_totals": LEARNER_TOTALS,
    "payment_status": PAYMENT_STATUS,
}


def upgrade() -> None:
    """Apply."""
    # First, because what was built stays if it stops half-way.
    build(INDEXES)
    for statement in VIEWS.values():
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    drop(INDEXES)
