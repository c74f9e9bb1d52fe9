"""Checks of what was given against what learners have, and of who they are."""

from models.findings import FindingKind
from worker.checks.check import Among, Check, Repair, Severity

_COLUMNS = """
       'enrollment ' || e.id AS subject, NULL AS source, NULL AS provider,
       NULL AS source_id, e.learner_id, e.course_key, NULL AS currency,
       NULL::bigint AS amount_minor"""
_PAST = f"""
SELECT {_COLUMNS}, jsonb_build_object('state', e.state) AS detail
FROM enrollments e
WHERE e.recheck_at < now() - :patience
   OR (e.state = 'active' AND e.access_until < now() - :patience)
"""  # noqa: S608 (constants)
# The union as `models/enrollment_rules.py` has it, but for the reason. Whom the clock
# is about to change is the clock's; a change under way may take its time, unless it was
# found before, for then it may not make the finding go away.
_DISAGREE = """
SELECT CASE WHEN id IS NULL THEN 'learner ' || learner_id || ' ' || course_key
            ELSE 'enrollment ' || id END AS subject,
       NULL AS source, NULL AS provider, NULL AS source_id, learner_id, course_key,
       NULL AS currency, NULL::bigint AS amount_minor,
       jsonb_build_object('has', coalesce(state, 'none'), 'given', given) AS detail
FROM (
  SELECT learner_id, course_key, e.id, e.state, e.access_until, e.recheck_at, e.seats,
         c.kind, u.until, u.seats AS given_seats,
         greatest(e.changed_at, u.changed_at) AS changed_at,
         CASE WHEN u.is_active THEN 'active' WHEN u.is_held THEN 'suspended'
              ELSE 'ended' END AS given
  FROM (
    SELECT learner_id, course_key, max(changed_at) AS changed_at,
           bool_or(state = 'active' AND (ends_at IS NULL OR ends_at > now()))
             AS is_active,
           bool_or(state = 'suspended' AND (ends_at IS NULL OR ends_at > now())
             OR state = 'active' AND ends_at <= now()
                AND ends_as IN ('past_due', 'paused')) AS is_held,
           max(coalesce(ends_at, 'infinity')) FILTER (WHERE state = 'active') AS until,
           sum(seats) FILTER (
             WHERE state = 'active' AND (ends_at IS NULL OR ends_at > now())) AS seats
    FROM grants WHERE AMONG[learner_id, course_key] GROUP BY learner_id, course_key
  ) AS u
  FULL JOIN (
    SELECT * FROM enrollments WHERE AMONG[learner_id, course_key]
  ) AS e USING (learner_id, course_key)
  LEFT JOIN courses c ON c.key = course_key
) AS place
WHERE (given <> coalesce(state, 'ended')
       OR (given = 'active' AND (
             coalesce(access_until, 'infinity') <> until
             OR seats <> CASE kind WHEN 'event' THEN given_seats ELSE 1 END)))
  AND (recheck_at <= now()) IS NOT TRUE
  AND (state = 'active' AND access_until <= now()) IS NOT TRUE
  AND changed_at < now() - :patience
  AND (NOT EXISTS (
         SELECT FROM access_changes w
         WHERE w.state = 'pending' AND w.created_at > now() - :patience
           AND w.learner_id = place.learner_id AND w.course_key = place.course_key)
       OR EXISTS (
         SELECT FROM findings f
         WHERE f.kind = 'access_disagrees' AND f.state <> 'cleared'
           AND f.subject = 'enrollment ' || place.id))
"""
# No sums by enrollment: three narrow looks take a third of the time of counting rows.
_HISTORY = f"""
SELECT DISTINCT ON (e.id) {_COLUMNS},
       jsonb_build_object('version', e.version, 'wrong', broken.wrong) AS detail
FROM (
  SELECT e.id, 'newest' AS wrong
  FROM enrollments e
  LEFT JOIN enrollment_history h ON h.enrollment_id = e.id AND h.version = e.version
  WHERE AMONG[e.id] AND h.enrollment_id IS NULL AND e.version > 0
  UNION ALL
  SELECT h.enrollment_id, 'gap'
  FROM enrollment_history h
  LEFT JOIN enrollment_history before
    ON before.enrollment_id = h.enrollment_id AND before.version = h.version - 1
  WHERE AMONG[h.enrollment_id] AND h.version > 1 AND before.enrollment_id IS NULL
  UNION ALL
  SELECT enrollment_id, 'cause' FROM enrollment_history
  WHERE AMONG[enrollment_id] AND (cause_kind = '' OR cause_ref = '')
) AS broken
JOIN enrollments e ON e.id = broken.id
WHERE e.changed_at < now() - :patience
ORDER BY e.id, broken.wrong
"""  # noqa: S608
_NOBODY = """
SELECT 'learner ' || l.id AS subject, NULL AS source, NULL AS provider,
       NULL AS source_id, l.id AS learner_id, NULL AS course_key, NULL AS currency,
       NULL::bigint AS amount_minor, '{}'::jsonb AS detail
FROM learners l
LEFT JOIN learner_identities i ON i.learner_id = l.id
WHERE AMONG[l.id] AND i.learner_id IS NULL AND l.merged_into IS NULL
  AND l.created_at < now() - :patience
  AND EXISTS (
    SELECT FROM enrollments e WHERE e.learner_id = l.id AND e.state <> 'ended')
"""

CHECKS = (
    Check(
        FindingKind.PAST_ITS_END,
        "Access should have changed by the clock and did not. It is computed again by"
        " itself; if this goes on, beat does not run `access.expire`.",
        Severity.GRAVE,
        _PAST,
        Repair.ENROLLMENT,
    ),
    Check(
        FindingKind.ACCESS_DISAGREES,
        "What a learner has is not what was given. It is computed again by itself.",
        Severity.GRAVE,
        _DISAGREE,
        Repair.ENROLLMENT,
        among=Among.PLACES,
    ),
    Check(
        FindingKind.HISTORY_INCOMPLETE,
        "Some change of an enrollment is missing from its history, or has no cause:"
        " somebody has edited rows, or a backup was mixed with newer rows.",
        Severity.LOOK,
        _HISTORY,
        among=Among.ENROLLMENTS,
    ),
    Check(
        FindingKind.LEARNER_WITHOUT_IDENTITY,
        "Somebody has access whom nothing recognises any more: no customer, address or"
        " user id leads there. Replay the customer's event in the provider's dashboard.",
        Severity.LOOK,
        _NOBODY,
        among=Among.LEARNERS,
    ),
)
