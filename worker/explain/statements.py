"""The SQL of ``explain``: each question is answered by an index."""

from sqlalchemy import text

from worker.work_tables import ACCESS_CHANGES, INBOX

PURCHASED = text("""
SELECT provider, id FROM transactions WHERE provider = ANY(:providers) AND id = :id
UNION
SELECT provider, transaction_id FROM adjustments
WHERE provider = ANY(:providers) AND id = :id AND transaction_id IS NOT NULL
""")
# Of a user or a shop's reference that has only been to a checkout, the last one.
CHECKOUT = text("""
SELECT provider, id FROM transactions
WHERE provider = ANY(:providers) AND (user_id = :id OR reference = :id)
ORDER BY opened_at DESC NULLS LAST, id DESC LIMIT 1
""")
SUBSCRIBED = text("""
SELECT provider, id FROM subscriptions WHERE provider = ANY(:providers) AND id = :id
""")
CUSTOMER = text("""
SELECT provider, id FROM customers WHERE provider = ANY(:providers) AND id = :id
""")
EVENT = text("""
SELECT id FROM inbox WHERE provider = ANY(:providers) AND event_id = :id
UNION SELECT id FROM inbox WHERE id = :number
""")
ENROLLMENT = text("SELECT learner_id, course_key FROM enrollments WHERE id = :id")
TOLD_BY = text("""
SELECT i.provider, e.entity_id AS id FROM event_entities e
JOIN inbox i ON i.id = e.inbox_id WHERE e.inbox_id = :id
""")
# Of an entity that is itself or belongs to one: whose it is.
PERSONS = text("""
SELECT l.id, l.ref, l.email, l.name, l.merged_into, m.ref AS merged_ref
FROM learners l LEFT JOIN learners m ON m.id = l.merged_into
WHERE l.id = ANY(:learners) OR l.merged_into = ANY(:learners)
""")
CUSTOMERS_OF = text("""
SELECT split_part(value, ':', 1) AS provider,
       substr(value, strpos(value, ':') + 1) AS id
FROM learner_identities WHERE kind = 'customer' AND learner_id = ANY(:learners)
""")
LEARNERS_OF = text("""
SELECT learner_id FROM learner_identities
WHERE kind = 'customer' AND value = ANY(:customers)
""")
# Grants of learners, or of sources.
_GRANT = """
SELECT id, source, provider, source_id, line_id, course_key, learner_id, state, cause,
       starts_at, ends_at, ends_as, changed_at
FROM grants
"""
GRANTS_OF_LEARNERS = text(f"{_GRANT} WHERE learner_id = ANY(:learners) ORDER BY id")
GRANTS_OF_SOURCES = text(f"""{_GRANT} JOIN
unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS asked(provider, source_id)
  USING (provider, source_id)
ORDER BY id
""")
ENROLLMENTS = text("""
SELECT id, learner_id, course_key, state, reason, access_until, version, changed_at
FROM enrollments WHERE learner_id = ANY(:learners) AND version > 0 ORDER BY course_key
""")
_ASKED = """
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS asked(provider, {id})
  USING (provider, {id})
"""
BOUGHT = """
SELECT provider, id FROM {table}
""" + _ASKED.format(id="customer_id")
OF_SUBSCRIPTIONS = text(f"""
SELECT provider, id FROM transactions {_ASKED.format(id="subscription_id")}
ORDER BY opened_at DESC NULLS LAST LIMIT :most
""")  # noqa: S608 (constants)
# Prices that give nothing on purpose give no access either.
_GIVES = """NOT EXISTS (
  SELECT FROM offers o
  WHERE o.provider = line.provider AND o.price_id = {price}
    AND o.valid_until IS NULL AND o.course_key IS NULL)"""
TRANSACTIONS = text(f"""
SELECT t.provider, t.id, t.status, t.customer_id, t.subscription_id, t.clock_event,
       t.opened_at,
       coalesce(paid.at, t.billed_at, t.opened_at, t.clock_updated_at) AS started_at,
       own.lines > 0 AS has_own_lines, own.lines > 0 AND own.open = 0 AS is_refunded,
       failed.failure, failed.error_code, failed.attempted_at AS failed_at
FROM transactions t {_ASKED.format(id="id")}
CROSS JOIN LATERAL (
  SELECT min(captured_at) AS at FROM payments p
  WHERE p.provider = t.provider AND p.transaction_id = t.id
) AS paid
CROSS JOIN LATERAL (
  SELECT count(*) AS lines, count(*) FILTER (WHERE coalesce((
    SELECT sum(al.total_minor) FROM adjustments a
    JOIN adjustment_lines al ON al.provider = a.provider AND al.adjustment_id = a.id
    WHERE a.provider = t.provider AND a.transaction_id = t.id AND al.line_id = line.id
      AND a.action = 'refund' AND a.status = 'approved'), -1) < line.total_minor) AS open
  FROM transaction_lines line
  WHERE line.provider = t.provider AND line.transaction_id = t.id
    AND NOT line.recurring AND NOT line.prorated
    AND {_GIVES.format(price="line.price_id")}
) AS own
LEFT JOIN LATERAL (
  SELECT failure, error_code, attempted_at FROM payments p
  WHERE p.provider = t.provider AND p.transaction_id = t.id AND error_code IS NOT NULL
  ORDER BY attempted_at DESC NULLS LAST LIMIT 1
) AS failed ON paid.at IS NULL
""")  # noqa: S608
SUBSCRIPTIONS = text(f"""
SELECT s.provider, s.id, s.status, s.customer_id, s.clock_event, s.period_ends_at,
       s.collection_mode = 'manual' AS is_manual,
       s.next_billed_at, s.scheduled_at, s.scheduled_resume_at, s.paused_at,
       s.canceled_at, s.first_transaction_id,
       coalesce(s.started_at, s.first_billed_at, s.opened_at, s.clock_updated_at)
         AS started_at, EXISTS (
           SELECT FROM subscription_items line
           WHERE line.provider = s.provider AND line.subscription_id = s.id
             AND {_GIVES.format(price="line.id")}) AS has_own_lines,
       false AS is_refunded
FROM subscriptions s {_ASKED.format(id="id")}
""")  # noqa: S608
ADJUSTMENTS = text(f"""
SELECT provider, id, transaction_id, subscription_id, action, status, clock_event,
       coalesce(opened_at, clock_updated_at) AS opened_at
FROM adjustments {_ASKED.format(id="transaction_id")}
ORDER BY opened_at, id
""")  # noqa: S608
CUSTOMERS = text(f"""
SELECT provider, id, clock_event FROM customers {_ASKED.format(id="id")}
""")  # noqa: S608
PAYMENTS = text(f"""
SELECT provider, transaction_id, status, amount_minor, error_code, failure, method,
       attempted_at, captured_at
FROM payments {_ASKED.format(id="transaction_id")}
""")  # noqa: S608
PARKED = text("""
SELECT DISTINCT provider, source_id, reason, price_id FROM parked
WHERE provider = ANY(:providers) AND source_id = ANY(:ids) ORDER BY price_id
""")
DEEDS = text("""
SELECT id, actor, action, target, detail, done_at FROM operator_actions
WHERE id = ANY(:numbers) OR target = ANY(:targets) ORDER BY id
""")
EVENTS_OF = text("""
SELECT i.id FROM event_entities e JOIN inbox i ON i.id = e.inbox_id
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS asked(provider, id)
  ON i.provider = asked.provider AND e.entity_id = asked.id
UNION
SELECT i.id FROM inbox i
WHERE i.provider = ANY(:every) AND i.event_id = ANY(:events)
ORDER BY id DESC LIMIT :most
""")
EVENTS = text("""
SELECT i.id, i.provider, i.event_id, i.event_type, i.occurred_at, i.received_at,
       i.state, i.source, i.generation, i.reason, i.attempts, i.last_error,
       i.next_attempt_at, i.finished_at, i.crashes, b.body
FROM inbox i
LEFT JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE i.id = ANY(:ids) ORDER BY i.received_at, i.id
""")
# Two branches, each by its index; of a body that processes died of nothing is read.
UNSETTLED = text(f"""
(SELECT id FROM {INBOX.name} WHERE state = 'pending'
 ORDER BY next_attempt_at DESC, id DESC LIMIT :most)
UNION ALL
(SELECT row_id FROM dead_letters
 WHERE state = 'open' AND work_table = '{INBOX.name}' ORDER BY id DESC LIMIT :most)
""")  # noqa: S608
BODIES = text("""
SELECT i.id, i.provider, i.event_id, i.event_type, i.occurred_at, b.body
FROM inbox i
JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE i.id = ANY(:ids) AND i.crashes = 0 ORDER BY i.id
""")
CHANGES = text(f"""
SELECT id, learner_id, course_key, pending_since, attempts, next_attempt_at, last_error,
       NULL AS letter
FROM {ACCESS_CHANGES.name}
WHERE state = 'pending' AND learner_id = ANY(:learners)
UNION ALL
SELECT c.id, c.learner_id, c.course_key, c.pending_since, c.attempts,
       c.next_attempt_at, d.error, d.id
FROM dead_letters d JOIN {ACCESS_CHANGES.name} c ON c.id = d.row_id
WHERE d.state = 'open' AND d.work_table = '{ACCESS_CHANGES.name}'
  AND c.learner_id = ANY(:learners)
""")  # noqa: S608
HISTORY = text("""
SELECT h.enrollment_id, e.course_key, h.version, h.state, h.reason, h.access_until,
       h.cause_kind, h.cause_ref, h.changed_at, h.told_at, brought.reason AS brought
FROM enrollment_history h JOIN enrollments e ON e.id = h.enrollment_id
LEFT JOIN LATERAL (
  SELECT r.reason FROM inbox i JOIN reconciled_events r ON r.inbox_id = i.id
  WHERE h.cause_kind = 'reconciliation' AND i.provider = ANY(:every)
    AND i.event_id = split_part(h.cause_ref, ': ', 2)
  LIMIT 1) AS brought ON true
WHERE h.enrollment_id = ANY(:enrollments)
""")
CAUSES = text("""
SELECT clock_event FROM payments WHERE provider = ANY(:providers)
  AND transaction_id = ANY(:ids)
UNION
SELECT CASE cause_kind WHEN 'event' THEN cause_ref
                       ELSE split_part(cause_ref, ': ', 2) END
FROM enrollment_history
WHERE enrollment_id = ANY(:enrollments)
  AND cause_kind IN ('event', 'reconciliation')
""")
MAILS = text("""
SELECT n.id, n.kind, n.channel, n.state, n.reason, n.last_error, n.created_at,
       n.finished_at, n.enrollment_id, n.attempts
FROM notifications n WHERE n.learner_id = ANY(:learners)
""")
TELLINGS = text("""
SELECT d.id, d.enrollment_id, d.state, d.version, d.delivered_version, d.created_at,
       d.last_error, d.attempts
FROM platform_deliveries d WHERE d.enrollment_id = ANY(:enrollments)
""")
ATTEMPTS = text("""
SELECT a.work_table, a.row_id, a.number, a.task_id, a.worker, a.error_class, a.error,
       a.failed_at
FROM attempts a
JOIN unnest(CAST(:tables AS text[]), CAST(:rows AS bigint[])) AS asked(work_table, row_id)
  USING (work_table, row_id)
""")
LETTERS = text("""
SELECT id, state, subject, work_table, row_id, task_id, error_class, error, created_at,
       closed_at
FROM dead_letters WHERE subject = ANY(:subjects)
""")
FINDINGS = text("""
SELECT kind, state, subject, currency, amount_minor, found_at, closed_at FROM findings
WHERE subject = ANY(:subjects)
""")
VARIANTS = text("""
SELECT id, inbox_id, state, received_at FROM inbox_variants WHERE inbox_id = ANY(:ids)
""")
