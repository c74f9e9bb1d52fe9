"""The past of a large shop, made in bulk: what its checks have to look through.

Of ten transactions one is a subscription's charge; of the rest each fifth has two lines,
one in sixteen was never paid, one in fifty was refunded and one in two hundred in part.
Of 400 learners in a thousand transactions most come back, some for a course they have.
Rows lie in the order in which they came, over 300 days.
"""

#: Statements with one hole, ``transactions``; references are not checked meanwhile.
SOLD = """
CREATE TEMPORARY TABLE sold AS
SELECT n, 'txn_' || lpad(n::text, 26, '0') AS id, 1 + (n * 7919::bigint + n / 3) % greatest({transactions} * 2 / 5, 1) AS who,
  n % 10 = 0 AS is_charge, n % 16 <> 5 OR n % 10 = 0 AS is_paid, n % 50 = 7 AS is_refunded,
  n % 200 = 13 AS is_partly,
  now() - ({transactions} - n + 1) * interval '300 days' / {transactions} AS at
FROM generate_series(1, {transactions}) AS n;
ANALYZE sold;
INSERT INTO courses SELECT 'course-' || n, 'course', 'Course ' || n FROM generate_series(0, 39) AS n;
INSERT INTO customers (provider, id, email, email_key, clock_updated_at, clock_event)
SELECT 'paddle', 'ctm_' || n, n || '@example.com', n || '@example.com', now(), 'evt'
FROM generate_series(1, {transactions} * 2 / 5) AS n;
INSERT INTO learners (id, email, created_at)
SELECT n, n || '@example.com', now() - interval '300 days'
FROM generate_series(1, {transactions} * 2 / 5) AS n;
INSERT INTO learner_identities
SELECT 'customer', 'paddle:ctm_' || id, id FROM learners;
INSERT INTO learner_identities SELECT 'email', email, id FROM learners;
INSERT INTO transactions (provider, id, status, customer_id, subscription_id, origin, currency,
  subtotal_minor, discount_minor, tax_minor, total_minor, grand_total_minor,
  period_starts_at, opened_at, billed_at, clock_updated_at, clock_occurred_at,
  clock_status, clock_terminal, clock_event)
SELECT 'paddle', id, CASE WHEN is_paid THEN 'completed' ELSE 'canceled' END,
  'ctm_' || who, CASE WHEN is_charge THEN 'sub_' || n / 10 % ({transactions} / 50) END,
  CASE WHEN is_charge THEN 'subscription_recurring' ELSE 'web' END,
  CASE n % 3 WHEN 0 THEN 'USD' ELSE 'EUR' END, 4900, 0, 0, total, total,
  CASE WHEN is_charge THEN at END, at, at, at, at, 9, 1, 'evt_' || id
FROM sold CROSS JOIN LATERAL (
  SELECT CASE WHEN n % 5 = 1 THEN 9800 ELSE 4900 END AS total) AS priced;
INSERT INTO transaction_lines (provider, transaction_id, id, price_id, product_id, quantity,
  recurring, prorated, subtotal_minor, discount_minor, tax_minor, total_minor, course)
SELECT 'paddle', id, 'txnitm_' || id || line, 'pri_' || (n + line * 7) % 40, 'pro_' || n % 40, 1,
  is_charge, false, 4900, 0, 0, 4900, 'course-' || (n + line * 7) % 40
FROM sold, generate_series(0, 1) AS line WHERE line = 0 OR n % 5 = 1;
INSERT INTO adjustments (provider, id, transaction_id, customer_id, action, kind, status,
  currency, total_minor, opened_at, clock_updated_at, clock_occurred_at, clock_event)
SELECT 'paddle', 'adj_' || id, id, 'ctm_' || who, 'refund',
  CASE WHEN is_refunded THEN 'full' ELSE 'partial' END, 'approved', 'EUR', 4900,
  at + interval '1 hour', at + interval '1 hour', at + interval '1 hour', 'evt'
FROM sold WHERE is_paid AND NOT is_charge AND (is_refunded OR is_partly);
INSERT INTO adjustment_lines (provider, adjustment_id, id, line_id, kind, total_minor)
SELECT 'paddle', 'adj_' || s.id, 'adjitm_' || l.id, l.id,
  CASE WHEN is_refunded THEN 'full' ELSE 'partial' END,
  CASE WHEN is_refunded THEN 4900 ELSE 900 END
FROM sold s JOIN transaction_lines l ON l.transaction_id = s.id
WHERE is_paid AND NOT is_charge AND (is_refunded OR is_partly);
INSERT INTO subscriptions (provider, id, status, customer_id, currency, collection_mode,
  period_starts_at, clock_updated_at, clock_occurred_at, clock_event)
SELECT DISTINCT ON (1, 2) 'paddle', 'sub_' || n / 10 % ({transactions} / 50), 'active', 'ctm_' || who,
  'EUR', 'automatic', at, at, at, 'evt'
FROM sold WHERE is_charge ORDER BY 1, 2, n DESC;
INSERT INTO subscription_items (provider, subscription_id, id, status, quantity, recurring, course)
SELECT 'paddle', id, 'pri_s', 'active', 1, true, 'course-1' FROM subscriptions;
INSERT INTO grants (source, provider, source_id, line_id, course_key, learner_id, state,
  cause, starts_at, changed_at)
SELECT 'purchase', 'paddle', s.id, l.id, l.course, who,
  CASE WHEN is_refunded THEN 'ended' ELSE 'active' END,
  CASE WHEN is_refunded THEN 'refunded' ELSE 'purchased' END, at, at
FROM sold s JOIN transaction_lines l ON l.transaction_id = s.id
WHERE is_paid AND NOT is_charge ORDER BY n;
INSERT INTO grants (source, provider, source_id, line_id, course_key, learner_id, state,
  cause, starts_at, changed_at)
SELECT 'subscription', 'paddle', id, 'pri_s', 'course-1', substr(customer_id, 5)::bigint,
  'active', 'subscribed', clock_updated_at, clock_updated_at
FROM subscriptions;
INSERT INTO enrollments (learner_id, course_key, state, reason, version, changed_at)
SELECT learner_id, course_key, CASE WHEN is_live THEN 'active' ELSE 'ended' END,
  CASE WHEN is_live THEN 'purchased' ELSE 'refunded' END,
  CASE WHEN is_live THEN 1 ELSE 2 END, changed_at
FROM (SELECT learner_id, course_key, bool_or(state = 'active') AS is_live,
             max(changed_at) AS changed_at
      FROM grants GROUP BY 1, 2) AS place
ORDER BY changed_at;
INSERT INTO enrollment_history (enrollment_id, version, state, reason, cause_kind, cause_ref,
  changed_at, paid_at)
SELECT id, n, CASE WHEN n = 1 THEN 'active' ELSE 'ended' END, 'purchased', 'event', 'evt_' || id,
  changed_at, CASE WHEN n = 1 THEN changed_at - interval '1 s' END
FROM enrollments, generate_series(1, 2) AS n WHERE n <= version ORDER BY changed_at;
INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref, state,
  next_attempt_at, pending_since, created_at, finished_at)
SELECT learner_id, course_key, 'event', 'evt_' || id, 'processed', changed_at, changed_at,
  changed_at, changed_at
FROM enrollments ORDER BY id;
INSERT INTO notifications (key, kind, learner_id, enrollment_id, state, created_at, finished_at)
SELECT 'welcome:' || id, 'welcome', learner_id, id, 'sent', changed_at, changed_at
FROM enrollments ORDER BY id;
INSERT INTO platform_deliveries (enrollment_id, version, delivered_version, state, created_at,
  finished_at)
SELECT id, version, version, 'sent', changed_at, changed_at FROM enrollments ORDER BY id;
DROP TABLE sold;
VACUUM (ANALYZE)
"""
