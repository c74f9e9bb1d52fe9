"""The SQL by which grants are read whole and written; see ``worker/grants.py``."""

from sqlalchemy import Table, text

from models.tables.access import Grant
from worker.bulk import unnested

GRANTS: Table = Grant.__table__  # type: ignore[assignment]

_TOUCHED = """unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS touched(provider, {id})"""
# Whose it is: the user id it came with decides; else the customer's learner, or who
# that one is as well. Without a known customer nobody's; what was given already stays
# with its learner meanwhile: a refund must not wait for it.
LEARNER = """
  coalesce(CASE WHEN own.learner_id IS NOT NULL THEN
             coalesce(named.learner_id, person.merged_into, own.learner_id) END,
           given.learner_id) AS learner_id
"""
LEARNER_JOINS = """
LEFT JOIN learner_identities own
  ON own.kind = 'customer' AND own.value = s.provider || ':' || s.customer_id
LEFT JOIN learners person ON person.id = own.learner_id
LEFT JOIN learner_identities named ON named.kind = 'user' AND named.value = {user}
LEFT JOIN LATERAL (
  SELECT g.learner_id FROM grants g
  WHERE g.provider = s.provider AND g.source_id = s.id ORDER BY g.id LIMIT 1
) AS given ON true
"""
#: When a purchase was paid, which is when access begins: by the time when it happened,
#: and not by the event that tells of it. An invoice may be paid long after its issue.
PAID_AT = """
coalesce((SELECT min(captured_at) FROM payments p
          WHERE p.provider = s.provider AND p.transaction_id = s.id),
         s.billed_at, s.opened_at, s.clock_updated_at)
"""
# Only sources that can bear grants are read whole: those with money in, and those
# that have given some already. Without a learner a source can only wait; one that is
# marked may wait no longer.
PURCHASES = text(f"""
SELECT s.provider, s.id, s.status, {LEARNER}, s.waits_since, s.user_refusal, s.currency,
       {PAID_AT} AS started_at
FROM transactions s JOIN {_TOUCHED.format(id="id")} USING (provider, id)
{LEARNER_JOINS.format(user="s.user_id")}
WHERE s.status IN ('paid', 'completed') OR given.learner_id IS NOT NULL
   OR s.waits_since IS NOT NULL
""")  # noqa: S608 (constants)
# A subscription is its user's whom any of its transactions names: the token of the
# first may have run out by the time the subscription was made, and is none to wonder at.
SUBSCRIPTIONS = text(f"""
SELECT s.provider, s.id, s.status, {LEARNER}, s.waits_since, s.currency,
       CASE WHEN charged.user_id IS NULL THEN s.user_refusal END AS user_refusal,
       s.collection_mode = 'manual' AS is_manual,
       coalesce(s.collection_mode <> 'manual', true) OR EXISTS (
         SELECT FROM transactions t
         WHERE t.provider = s.provider AND t.subscription_id = s.id
           AND t.status IN ('paid', 'completed')) AS is_paid,
       coalesce(s.started_at, s.first_billed_at, s.opened_at, s.clock_updated_at)
         AS started_at,
       coalesce(s.period_starts_at, s.clock_updated_at) AS period_starts_at,
       s.scheduled_action, s.scheduled_at
FROM subscriptions s JOIN {_TOUCHED.format(id="id")} USING (provider, id)
LEFT JOIN LATERAL (
  SELECT min(t.user_id) AS user_id FROM transactions t
  WHERE t.provider = s.provider AND t.subscription_id = s.id
    AND t.status IN ('paid', 'completed')
) AS charged ON true
{LEARNER_JOINS.format(user="coalesce(s.user_id, charged.user_id)")}
WHERE s.clock_event IS NOT NULL
""")  # noqa: S608
ITEMS = text(f"""
SELECT provider, subscription_id, id, status, quantity, course,
       coalesce(named.kind, 'course') AS kind
FROM subscription_items JOIN {_TOUCHED.format(id="subscription_id")}
  USING (provider, subscription_id)
LEFT JOIN courses named ON named.key = course
ORDER BY provider, subscription_id, id
""")  # noqa: S608
# Of a long subscription only what bears on access: the current period's charges, and
# those of which something was taken back.
CHARGES = text(f"""
SELECT t.provider, t.id, t.subscription_id, t.status,
       coalesce(t.period_starts_at = s.period_starts_at, false) AS is_current
FROM subscriptions s JOIN {_TOUCHED.format(id="id")} USING (provider, id)
JOIN transactions t ON t.provider = s.provider AND t.subscription_id = s.id
WHERE t.period_starts_at = s.period_starts_at OR EXISTS (
  SELECT FROM adjustments a
  WHERE a.provider = t.provider AND a.transaction_id = t.id)
ORDER BY t.provider, t.id
""")  # noqa: S608
LINES = text(f"""
SELECT provider, transaction_id, id, price_id, recurring, prorated, total_minor, course,
       quantity, coalesce(named.kind, 'course') AS kind
FROM transaction_lines JOIN {_TOUCHED.format(id="transaction_id")}
  USING (provider, transaction_id)
LEFT JOIN courses named ON named.key = course
ORDER BY provider, transaction_id, id
""")  # noqa: S608
ADJUSTMENTS = text(f"""
SELECT a.provider, a.transaction_id, l.line_id, a.action, a.status, l.total_minor,
       coalesce(a.opened_at, a.clock_updated_at) AS opened_at
FROM adjustments a JOIN {_TOUCHED.format(id="transaction_id")}
  USING (provider, transaction_id)
JOIN adjustment_lines l ON l.provider = a.provider AND l.adjustment_id = a.id
""")  # noqa: S608
OFFERS = text(f"""
SELECT DISTINCT o.provider, o.price_id, o.course_key, o.days, o.id, c.kind
FROM offers o JOIN {_TOUCHED.format(id="price_id")} USING (provider, price_id)
LEFT JOIN courses c ON c.key = o.course_key
WHERE o.valid_until IS NULL ORDER BY o.id
""")  # noqa: S608
EXISTING = text(f"""
SELECT g.provider, g.source_id, g.line_id, g.course_key, g.learner_id, g.offer_id,
       g.state, g.cause, g.seats, g.starts_at, g.ends_at, g.ends_as, o.days, c.kind
FROM grants g JOIN {_TOUCHED.format(id="source_id")} USING (provider, source_id)
JOIN courses c ON c.key = g.course_key
LEFT JOIN offers o ON o.id = g.offer_id
ORDER BY g.id
""")  # noqa: S608
COURSES = text("""
INSERT INTO courses (key, kind, title)
SELECT key, 'course', key FROM unnest(CAST(:keys AS text[])) AS named(key)
ON CONFLICT DO NOTHING
""")
COLUMNS = (
    "source",
    "provider",
    "source_id",
    "line_id",
    "course_key",
    "learner_id",
    "offer_id",
    "state",
    "cause",
    "seats",
    "starts_at",
    "ends_at",
    "ends_as",
)
_CHANGING = COLUMNS[5:]
#: Whoever locks several grants ``g`` does so in the order in which they are written.
LOCK_ORDER = ", ".join(f'g.{name} COLLATE "C"' for name in COLUMNS[:5])
WRITE = text(f"""
INSERT INTO grants AS known ({", ".join(COLUMNS)})
SELECT {", ".join(COLUMNS)} FROM {unnested(GRANTS, COLUMNS)}
ON CONFLICT (provider, source_id, line_id, course_key) DO UPDATE SET
  {", ".join(f"{name} = excluded.{name}" for name in _CHANGING)},
  former_learners = CASE
    WHEN known.learner_id = excluded.learner_id
      OR known.former_learners @> ARRAY[known.learner_id] THEN known.former_learners
    ELSE array_append(known.former_learners, known.learner_id) END,
  changed_at = clock_timestamp()
""")  # noqa: S608 (names of ours)
TELL = text("""
INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref)
SELECT learner_id, course_key, cause_kind, cause_ref
FROM unnest(CAST(:learners AS bigint[]), CAST(:courses AS text[]),
            CAST(:kinds AS text[]), CAST(:refs AS text[]))
  AS told(learner_id, course_key, cause_kind, cause_ref)
RETURNING id
""")
