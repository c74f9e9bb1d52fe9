"""The SQL by which enrollments are locked, read and written; see ``tasks/activate.py``."""

from sqlalchemy import text

from worker.notices.access_changes import AS_TOLD, OFF
from worker.notices.news import ACCESS_WAYS
from worker.notices.turns import NO_ACCESS, TOLD_BEFORE

CHANGES = text("""
SELECT id, learner_id, course_key, cause_kind, cause_ref FROM access_changes
WHERE id = ANY(:ids) ORDER BY id
""")
_PLACES = """
unnest(CAST(:learners AS bigint[]), CAST(:courses AS text[]))
  AS place(learner_id, course_key)
"""
ENSURE = text(f"""
INSERT INTO enrollments (learner_id, course_key, state, reason, version)
SELECT learner_id, course_key, 'ended', 'new', 0 FROM {_PLACES}
ON CONFLICT DO NOTHING
""")  # noqa: S608 (a constant)
LOCK = text(f"""
SELECT e.id, e.learner_id, e.course_key, e.state, e.reason, e.access_until, e.seats,
       e.version, e.recheck_at, c.kind, now() AS now,
       e.state = 'active' AND (e.access_until IS NULL OR e.access_until > now()) AS is_on
FROM enrollments e JOIN {_PLACES} USING (learner_id, course_key)
JOIN courses c ON c.key = e.course_key
ORDER BY e.learner_id, e.course_key FOR UPDATE OF e
""")  # noqa: S608
# A statement of its own, after the lock: what a rival wrote before it let go is seen.
GRANTS = text(f"""
SELECT g.learner_id, g.course_key, g.source, g.provider, g.source_id, g.line_id,
       g.state, g.cause, g.starts_at, g.ends_at, g.ends_as, g.seats,
       g.former_learners IS NOT NULL AS is_moved
FROM grants g JOIN {_PLACES} USING (learner_id, course_key)
ORDER BY g.id
""")  # noqa: S608
# What a source was told by that learners are not told of: a backfill, an old object.
# OFFSET keeps it a look-up for each grant: as a join, under statistics of tables that
# were nearly empty, all three tables were read anew for each row.
_HELD_BACK = """
EXISTS (
  SELECT FROM event_entities told
  JOIN reconciled_events r ON r.inbox_id = told.inbox_id AND NOT r.mails
  JOIN inbox i ON i.id = told.inbox_id AND i.provider = g.provider
  WHERE told.entity_id = g.source_id OFFSET 0)
"""
_LIVE = "g.state = 'active' AND (g.ends_at IS NULL OR g.ends_at > now())"
# Paid is what came in since access was last turned on: a purchase that gave access
# before, and gives it again after a dispute, has not been waited for since its payment.
# Nobody waited for what a backfill brought.
WRITE = text(f"""
WITH told AS (
  SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]),
    CAST(:reasons AS text[]), CAST(:untils AS timestamptz[]), CAST(:seats AS bigint[]),
    CAST(:versions AS bigint[]), CAST(:kinds AS text[]), CAST(:refs AS text[]),
    CAST(:bought AS boolean[]))
    AS told(id, state, reason, access_until, seats, version, cause_kind, cause_ref,
            bought)
), written AS (
  UPDATE enrollments AS e SET state = told.state, reason = told.reason,
    access_until = told.access_until, seats = told.seats, version = told.version,
    changed_at = clock_timestamp()
  FROM told WHERE e.id = told.id
)
INSERT INTO enrollment_history
  (enrollment_id, state, reason, access_until, seats, version, cause_kind, cause_ref,
   paid_at)
SELECT id, state, reason, access_until, seats, version, cause_kind, cause_ref,
       CASE WHEN bought THEN (
         SELECT min(g.starts_at) FROM enrollments e
         JOIN grants g USING (learner_id, course_key)
         WHERE e.id = told.id AND {_LIVE}
           AND g.source IN ('purchase', 'subscription') AND NOT {_HELD_BACK}
           AND g.starts_at > coalesce((
             SELECT max(h.changed_at) FROM enrollment_history h
             WHERE h.enrollment_id = told.id AND h.state = 'active'), '-infinity'))
       END
FROM told
""")  # noqa: S608
# Somebody gave access of whom learners are told.
_NEWS = f"""
EXISTS (
  SELECT FROM grants g
  WHERE g.learner_id = e.learner_id AND g.course_key = e.course_key AND {_LIVE}
    AND NOT {_HELD_BACK})
"""
# Access that was away, and is there again since a message about it ended.
_BACK = """
EXISTS (
  SELECT FROM enrollment_history back
  JOIN enrollment_history away
    ON away.enrollment_id = back.enrollment_id AND away.version = back.version - 1
  WHERE back.enrollment_id = known.enrollment_id AND back.state = 'active'
    AND away.state <> 'active' AND back.changed_at > known.finished_at)
"""
# Who was welcomed to what is another learner's by now is not welcomed again. Who was
# not, because access was away when the mail's turn came, is welcomed when it is back;
# so is, when access comes anew, whom the mail did not reach. What a backfill brought is held back for good, whoever has it by then and whatever
# its later events do; not what it gives anew by an event that was delivered, or should
# have been, nor another purchase. Where welcomes are off one is noted all the same, as
# skipped: switching them on greets nobody who has had access for long; nor does a number
# that comes later.
WELCOME = text(f"""
INSERT INTO notifications AS known
  (key, kind, channel, learner_id, enrollment_id, state, reason, finished_at)
SELECT 'welcome:' || e.id || way.suffix, 'welcome', way.channel, e.learner_id, e.id,
       CASE WHEN held.back IS NULL THEN 'pending' ELSE 'skipped' END, held.back,
       CASE WHEN held.back IS NOT NULL THEN now() END
FROM enrollments e
CROSS JOIN LATERAL {ACCESS_WAYS.format(learner="e.learner_id")} AS way
CROSS JOIN LATERAL (SELECT CASE WHEN NOT {_NEWS} AND NOT EXISTS (
  SELECT FROM enrollment_history h
  JOIN grants g ON g.learner_id = e.learner_id AND g.course_key = e.course_key
  JOIN inbox i ON i.provider = g.provider
    AND i.event_id = substring(h.cause_ref FROM '[^ ]+$')
  JOIN event_entities told ON told.inbox_id = i.id AND told.entity_id = g.source_id
  LEFT JOIN reconciled_events r ON r.inbox_id = i.id
  WHERE h.enrollment_id = e.id AND h.version = e.version
    AND h.cause_kind IN ('event', 'reconciliation')
    AND (r.inbox_id IS NULL OR r.mails AND r.reason = 'missed')
    AND g.former_learners IS NULL
) THEN 'backfill' WHEN NOT :is_on THEN '{OFF}' END AS back) held
WHERE e.id = ANY(:ids) AND NOT EXISTS (
  SELECT FROM grants g
  JOIN enrollments before
    ON before.learner_id = ANY(g.former_learners) AND before.course_key = g.course_key
  JOIN notifications told
    ON told.key = 'welcome:' || before.id || way.suffix
    AND told.state IN ('sent', 'doubtful')
  WHERE g.learner_id = e.learner_id AND g.course_key = e.course_key
    AND g.former_learners IS NOT NULL)
  AND (way.channel = 'mail'
    OR NOT EXISTS (
      SELECT FROM notifications mailed WHERE mailed.key = 'welcome:' || e.id)
    OR EXISTS (
      SELECT FROM notifications before
      WHERE before.key = 'welcome:' || e.id || way.suffix))
ORDER BY e.id, way.channel
ON CONFLICT (key) DO UPDATE SET
  state = 'pending', reason = NULL, last_error = NULL, finished_at = NULL,
  failures = 0, crashes = 0,
  pending_since = now(), next_attempt_at = now(), rung_until = excluded.rung_until
WHERE excluded.state = 'pending' AND known.state IN ('skipped', 'failed') AND CASE
  WHEN known.reason = 'backfill' THEN EXISTS (
    SELECT FROM enrollments e WHERE e.id = known.enrollment_id AND {_NEWS})
  WHEN known.reason = '{NO_ACCESS.reason}' THEN true
  WHEN known.reason = '{TOLD_BEFORE.reason}' OR {AS_TOLD.format(row="known")} THEN false
  ELSE {_BACK} END
RETURNING id, attempts > 0 AS was_tried
""")  # noqa: S608
# A newer version replaces one that was not delivered; a lease that is running stays,
# and its holder finds the version changed when it finishes.
TELL = text("""
INSERT INTO platform_deliveries AS known (enrollment_id, version)
SELECT id, version
FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[])) AS told(id, version)
ORDER BY id
ON CONFLICT (enrollment_id) DO UPDATE SET
  version = excluded.version, state = 'pending', failures = 0, crashes = 0,
  finished_at = NULL,
  pending_since = CASE known.state WHEN 'pending' THEN known.pending_since
                                   ELSE now() END,
  last_error = CASE known.state WHEN 'pending' THEN known.last_error END,
  next_attempt_at = CASE WHEN known.lease_token IS NULL THEN now()
                         ELSE known.next_attempt_at END,
  rung_until = excluded.rung_until
RETURNING id
""")
RECHECK = text("""
UPDATE enrollments AS e SET recheck_at = told.recheck_at
FROM unnest(CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[]))
  AS told(id, recheck_at)
WHERE e.id = told.id
""")
