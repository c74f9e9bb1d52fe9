"""The SQL of the digest: what there is most of is found by an index.

What has no index that fits has a BRIN one (migration 0005): a few pages for a table of
millions, because rows of one time lie together. Refunds, and what was dead or alerted
that day, are looked for in the whole of their tables, once a day: there are few of them
beside the purchases.
"""

from sqlalchemy import text

# A purchase belongs to the day its money came in: its first captured payment, else (it
# cost nothing) its billing. That is also when its access begins, see the grants.
# A transaction that only changes how a subscription is paid buys nothing.
PURCHASES = text("""
SELECT t.currency, count(*) AS number,
       coalesce(sum(coalesce(t.grand_total_minor, t.total_minor)), 0) AS minor
FROM (
  SELECT provider, transaction_id AS id FROM payments
  WHERE captured_at >= :begin AND captured_at < :end
  UNION
  SELECT provider, id FROM transactions WHERE billed_at >= :begin AND billed_at < :end
) AS candidate
JOIN transactions t USING (provider, id)
LEFT JOIN LATERAL (
  SELECT min(captured_at) AS at FROM payments p
  WHERE p.provider = t.provider AND p.transaction_id = t.id
) AS captured ON true
WHERE t.status IN ('paid', 'completed')
  AND t.origin IS DISTINCT FROM 'subscription_payment_method_change'
  AND coalesce(captured.at, t.billed_at) >= :begin
  AND coalesce(captured.at, t.billed_at) < :end
GROUP BY t.currency
""")
# The last thing that happens to a refund is that it is approved.
REFUNDS = text("""
SELECT currency, count(*) AS number, coalesce(sum(total_minor), 0) AS minor
FROM adjustments
WHERE action = 'refund' AND status = 'approved'
  AND clock_updated_at >= :begin AND clock_updated_at < :end
GROUP BY currency
""")
# What a checkout is, and whether it is paid, is the view's business (migration 0020).
CHECKOUTS = text("""
SELECT count(DISTINCT (provider, transaction_id)) AS opened,
       count(DISTINCT (provider, transaction_id)) FILTER (WHERE is_paid) AS paid
FROM checkout_lines
WHERE opened_at >= :begin AND opened_at < :end
""")
# The same, by what was to be bought; a checkout counts for each price on it. Of the
# prices that are too many to be named it tells how many they are.
CHECKOUTS_BY_PRICE = text("""
SELECT l.provider, l.price_id, coalesce(p.name, '') AS name,
       count(DISTINCT l.transaction_id) AS opened,
       count(DISTINCT l.transaction_id) FILTER (WHERE l.is_paid) AS paid,
       count(*) OVER () AS prices
FROM checkout_lines l
LEFT JOIN prices p ON p.provider = l.provider AND p.id = l.price_id
WHERE l.opened_at >= :begin AND l.opened_at < :end AND l.price_id IS NOT NULL
GROUP BY l.provider, l.price_id, p.name
ORDER BY opened DESC, l.provider, l.price_id LIMIT 10
""")
FAILED_PAYMENTS = text("""
SELECT provider, coalesce(error_code, '') AS error_code, count(*) AS number
FROM payments
WHERE status = 'error' AND attempted_at >= :begin AND attempted_at < :end
GROUP BY provider, error_code
""")
# Access that is on or off after a change and was not so before it.
ENROLLMENTS = text("""
SELECT count(*) FILTER (WHERE is_on AND NOT was_on) AS given,
       count(*) FILTER (WHERE was_on AND NOT is_on) AS ended
FROM (
  SELECT h.state = 'active' AND (h.access_until IS NULL
           OR h.access_until > h.changed_at) AS is_on,
         coalesce(b.state = 'active' AND (b.access_until IS NULL
           OR b.access_until > h.changed_at), false) AS was_on
  FROM enrollment_history h
  LEFT JOIN enrollment_history b
    ON b.enrollment_id = h.enrollment_id AND b.version = h.version - 1
  WHERE h.changed_at >= :begin AND h.changed_at < :end
) AS change
""")
PARKED = text("""
SELECT currency, count(*) AS number, coalesce(sum(total_minor), 0) AS minor
FROM parked GROUP BY currency
""")
MESSAGES = text("""
SELECT state, count(*) AS number FROM notifications
WHERE finished_at >= :begin AND finished_at < :end GROUP BY state
""")
SINGLE = text("""
SELECT
  (SELECT count(*) FROM dead_letters WHERE state = 'open') AS dead_now,
  (SELECT count(*) FROM dead_letters
   WHERE created_at >= :begin AND created_at < :end) AS dead_new,
  (SELECT count(*) FROM dead_letters
   WHERE state = 'replayed' AND closed_at >= :begin AND closed_at < :end) AS replayed,
  (SELECT count(*) FROM access_changes
   WHERE cause_kind = 'catalog' AND state = 'processed'
     AND finished_at >= :begin AND finished_at < :end) AS released,
  (SELECT count(*) FROM alerts
   WHERE opened_at >= :begin AND opened_at < :end) AS alerts_opened,
  (SELECT count(*) FROM alerts
   WHERE resolved_at >= :begin AND resolved_at < :end) AS alerts_resolved,
  (SELECT count(*) FROM alerts WHERE state = 'open') AS alerts_open_now
""")
