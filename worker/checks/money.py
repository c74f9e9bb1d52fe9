"""Checks of what was paid against what was given for it."""

from models.findings import FindingKind
from worker.checks.check import Among, Check, Repair, Severity

# A grant that says `purchased` and gives nothing was edited: it counts as none.
_UNPAID_FOR = """
SELECT DISTINCT ON (subject) due.id AS subject, source, provider, due.id AS source_id,
       learner_id, course AS course_key, currency, total_minor AS amount_minor,
       jsonb_build_object('line', line_id) AS detail
FROM (
  SELECT 'purchase' AS source, t.provider, t.id, t.customer_id, t.currency,
         l.id AS line_id, l.price_id, l.course, l.total_minor
  FROM transaction_lines l
  JOIN transactions t ON t.provider = l.provider AND t.id = l.transaction_id
  LEFT JOIN grants g ON g.provider = l.provider AND g.source_id = l.transaction_id
    AND g.line_id = l.id AND (g.state = 'active' OR g.cause <> 'purchased')
  WHERE AMONG[t.provider, t.id]
    AND g.id IS NULL AND NOT l.recurring AND NOT l.prorated
    AND t.status = ANY(:live) AND t.clock_updated_at < now() - :patience
    AND coalesce((
      SELECT sum(al.total_minor) FROM adjustments a
      JOIN adjustment_lines al ON al.provider = a.provider AND al.adjustment_id = a.id
      WHERE a.provider = t.provider AND a.transaction_id = t.id
        AND a.action = 'refund' AND a.status = 'approved' AND al.line_id = l.id
    ), -1) < l.total_minor
  UNION ALL
  SELECT 'subscription', s.provider, s.id, s.customer_id, s.currency, n.id, n.id,
         n.course, NULL
  FROM subscription_items n
  JOIN subscriptions s ON s.provider = n.provider AND s.id = n.subscription_id
  LEFT JOIN grants g ON g.provider = n.provider AND g.source_id = n.subscription_id
    AND g.line_id = n.id AND (g.state = 'active' OR g.cause NOT IN ('subscribed', 'trialing'))
  WHERE AMONG[s.provider, s.id]
    AND g.id IS NULL AND n.status <> 'inactive' AND s.status IN ('active', 'trialing')
    AND s.clock_updated_at < now() - :patience
    AND (coalesce(s.collection_mode, '') <> 'manual' OR EXISTS (
      SELECT FROM transactions t
      WHERE t.provider = s.provider AND t.subscription_id = s.id
        AND t.status IN ('paid', 'completed')))
) AS due
JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = due.provider || ':' || due.customer_id
WHERE (due.course IS NOT NULL OR EXISTS (
  SELECT FROM offers o
  WHERE o.provider = due.provider AND o.price_id = due.price_id
    AND o.valid_until IS NULL AND o.valid_from < now() - :patience))
AND NOT EXISTS (
  SELECT FROM offers o
  WHERE o.provider = due.provider AND o.price_id = due.price_id
    AND o.valid_until IS NULL AND o.course_key IS NULL)
ORDER BY subject, line_id
"""
# What is not there, or was never told whole, is no proof of anything: no source.
_UNPAID = """
SELECT DISTINCT ON (g.source_id) g.source_id AS subject,
       CASE WHEN t.status IS NOT NULL THEN g.source END AS source, g.provider,
       g.source_id, g.learner_id, g.course_key, t.currency,
       NULL::bigint AS amount_minor,
       jsonb_build_object('status', coalesce(t.status, 'unknown')) AS detail
FROM grants g
LEFT JOIN transactions t ON t.provider = g.provider AND t.id = g.source_id
WHERE AMONG[g.provider, g.source_id] AND g.source = 'purchase' AND g.state = 'active'
  AND (g.ends_at IS NULL OR g.ends_at > now())
  AND (t.status = ANY(:live)) IS NOT TRUE AND g.changed_at < now() - :patience
UNION ALL
SELECT DISTINCT ON (g.source_id) g.source_id,
       CASE WHEN s.status IS NOT NULL THEN g.source END, g.provider, g.source_id,
       g.learner_id, g.course_key, s.currency, NULL,
       jsonb_build_object('status', coalesce(s.status, 'unknown'))
FROM grants g
LEFT JOIN subscriptions s ON s.provider = g.provider AND s.id = g.source_id
WHERE AMONG[g.provider, g.source_id] AND g.source = 'subscription' AND g.state = 'active'
  AND (g.ends_at IS NULL OR g.ends_at > now())
  AND (s.status = ANY(:served)) IS NOT TRUE AND g.changed_at < now() - :patience
"""
# The grants first: few of those whose money went back are live. A subscription's
# period is refunded when nothing that was paid for it is left.
_REFUNDED = """
WITH refund AS MATERIALIZED (
  SELECT provider, id, transaction_id FROM adjustments
  WHERE AMONG[provider, transaction_id] AND action = 'refund' AND status = 'approved'
  UNION
  SELECT provider, id, transaction_id FROM adjustments
  WHERE AMONG[provider, subscription_id] AND subscription_id IS NOT NULL
    AND action = 'refund' AND status = 'approved'
), refunded AS MATERIALIZED (
  SELECT a.provider, a.transaction_id, al.line_id, sum(al.total_minor) AS back
  FROM refund a
  JOIN adjustment_lines al ON al.provider = a.provider AND al.adjustment_id = a.id
  GROUP BY 1, 2, 3
), live AS MATERIALIZED (
  SELECT g.*, refunded.back FROM refunded
  JOIN grants g ON g.provider = refunded.provider
    AND g.source_id = refunded.transaction_id AND g.line_id = refunded.line_id
  WHERE g.source = 'purchase' AND g.state = 'active'
    AND (g.ends_at IS NULL OR g.ends_at > now()) AND g.changed_at < now() - :patience
)
SELECT DISTINCT ON (g.source_id) g.source_id AS subject, g.source, g.provider,
       g.source_id, g.learner_id, g.course_key, t.currency,
       g.back::bigint AS amount_minor,
       jsonb_build_object('line', g.line_id) AS detail
FROM live AS g
JOIN transactions t ON t.provider = g.provider AND t.id = g.source_id
JOIN transaction_lines l
  ON l.provider = t.provider AND l.transaction_id = t.id AND l.id = g.line_id
WHERE g.back >= l.total_minor
UNION ALL
SELECT DISTINCT ON (g.source_id) g.source_id, g.source, g.provider, g.source_id,
       g.learner_id, g.course_key, s.currency, NULL::bigint,
       jsonb_build_object('line', g.line_id)
FROM (
  SELECT DISTINCT t.provider, t.subscription_id AS id FROM refunded
  JOIN transactions t ON t.provider = refunded.provider
    AND t.id = refunded.transaction_id AND t.subscription_id IS NOT NULL
) AS candidate
JOIN subscriptions s USING (provider, id)
JOIN grants g ON g.provider = s.provider AND g.source_id = s.id
WHERE g.source = 'subscription' AND g.state = 'active'
  AND (g.ends_at IS NULL OR g.ends_at > now()) AND g.changed_at < now() - :patience
  AND (
    SELECT bool_and(coalesce(back.back, -1) >= l.total_minor)
    FROM transactions t
    JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
    LEFT JOIN refunded back ON back.provider = t.provider
      AND back.transaction_id = t.id AND back.line_id = l.id
    WHERE t.provider = s.provider AND t.subscription_id = s.id
      AND t.period_starts_at = s.period_starts_at
      AND t.status IN ('paid', 'completed')
      AND (l.recurring OR l.prorated) AND l.total_minor > 0)
"""
_UNKNOWN_PRICE = """
SELECT DISTINCT ON (source_id) source_id AS subject, source, provider, source_id,
       learner_id, course AS course_key, currency,
       sum(total_minor) OVER (PARTITION BY provider, source_id)::bigint AS amount_minor,
       jsonb_build_object('price', price_id) AS detail
FROM parked WHERE reason = 'unknown price' AND since < now() - :patience
ORDER BY source_id, line_id
"""

CHECKS = (
    Check(
        FindingKind.REFUNDED_BUT_LIVE,
        "All of the money went back, and access was still there. The source is computed"
        " again by itself.",
        Severity.GRAVE,
        _REFUNDED,
        Repair.SOURCE,
        among=Among.SOURCES,
    ),
    Check(
        FindingKind.GRANT_WITHOUT_PAYMENT,
        "A grant gives access though its purchase is not paid or its subscription does"
        " not run. It is computed again by itself; where the source is missing, run"
        " `reconcile transactions` or `reconcile subscriptions`, or take it by hand.",
        Severity.GRAVE,
        _UNPAID,
        Repair.SOURCE,
        among=Among.SOURCES,
    ),
    Check(
        FindingKind.PAID_WITHOUT_GRANT,
        "The money is in, buyer and price are known, and no access was given. The source"
        " is computed again by itself.",
        Severity.GRAVE,
        _UNPAID_FOR,
        Repair.SOURCE,
        among=Among.SOURCES,
    ),
    Check(
        FindingKind.UNKNOWN_PRICE_BOUGHT,
        "Something was bought whose price is in no catalog. Say what it gives with"
        " `catalog map PRICE COURSE`, or `PRICE --nothing`.",
        Severity.GRAVE,
        _UNKNOWN_PRICE,
    ),
)
