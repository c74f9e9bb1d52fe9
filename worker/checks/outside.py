"""Checks of what left the house, and of work that goes no further."""

from models.findings import FindingKind
from worker.checks.check import Among, Check, Severity
from worker.work_tables import INBOX, WORK_TABLES

_COLUMNS = """
       'enrollment ' || e.id AS subject, NULL AS source, NULL AS provider,
       NULL AS source_id, e.learner_id, e.course_key, NULL AS currency,
       NULL::bigint AS amount_minor"""
# What changed before there was a platform to tell, it need not be told.
_UNTOLD = f"""
SELECT {_COLUMNS},
       jsonb_build_object('version', e.version, 'told', coalesce(d.delivered_version, 0),
                          'state', coalesce(d.state, 'missing')) AS detail
FROM enrollments e
LEFT JOIN platform_deliveries d ON d.enrollment_id = e.id
WHERE AMONG[e.id] AND e.version > 0 AND e.changed_at < now() - :patience
  AND CASE
    WHEN d.id IS NULL THEN e.changed_at > (
      SELECT created_at FROM platform_deliveries ORDER BY id LIMIT 1)
    WHEN d.state = 'pending' THEN d.last_error IS NOT NULL
      AND d.pending_since < now() - :failing AND d.next_attempt_at > now() - :stuck
    ELSE d.state = 'dead' OR d.delivered_version < e.version END
"""  # noqa: S608 (constants)
# Who came to it from another learner was welcomed as that one.
_UNWELCOMED = f"""
SELECT {_COLUMNS}, jsonb_build_object('mail', coalesce(n.state, 'missing')) AS detail
FROM enrollments e
LEFT JOIN notifications n ON n.key = 'welcome:' || e.id
WHERE AMONG[e.id] AND e.state = 'active' AND e.changed_at < now() - :patience
  AND CASE
    WHEN n.id IS NULL THEN NOT EXISTS (
      SELECT FROM grants g
      WHERE g.learner_id = e.learner_id AND g.course_key = e.course_key
        AND g.former_learners IS NOT NULL)
    WHEN n.state = 'pending' THEN n.last_error IS NOT NULL
      AND n.pending_since < now() - :failing AND n.next_attempt_at > now() - :stuck
    ELSE n.state = 'failed' END
"""  # noqa: S608


def _stuck(table: str, state: str, since: str, where: str) -> str:
    return f"""
SELECT '{table} ' || id AS subject, NULL AS source, NULL AS provider, NULL AS source_id,
       NULL::bigint AS learner_id, NULL AS course_key, NULL AS currency,
       NULL::bigint AS amount_minor,
       jsonb_build_object('since', {since}, 'leased', lease_token IS NOT NULL) AS detail
FROM {table} WHERE state = '{state}' AND {where}
"""  # noqa: S608


# A claimed row is due at the end of its lease. What billing holds back may wait.
_DUE = """next_attempt_at < now() - :patience
  AND (lease_token IS NOT NULL OR next_attempt_at < now() - :stuck)"""
_STUCK = " UNION ALL ".join(
    [
        _stuck(
            table.name,
            "pending",
            "pending_since",
            f"{_DUE} AND :billing" if table == INBOX else _DUE,
        )
        for table in WORK_TABLES
    ]
    + [
        _stuck(
            "notifications",
            "sending",
            "leased_until",
            "leased_until < now() - :stuck",
        )
    ]
)

CHECKS = (
    Check(
        FindingKind.PLATFORM_NOT_TOLD,
        "The course platform does not know how an enrollment stands, or refuses to hear"
        " it. See `deadletters list`, and whether the platform answers.",
        Severity.GRAVE,
        _UNTOLD,
        needs_hook=True,
        among=Among.ENROLLMENTS,
    ),
    Check(
        FindingKind.NOT_WELCOMED,
        "A learner has access and got no mail that says so. Write to them, or see"
        " `deadletters list`; a mail is never made up twice by itself.",
        Severity.LOOK,
        _UNWELCOMED,
        among=Among.ENROLLMENTS,
    ),
    Check(
        FindingKind.ROWS_STUCK,
        "Work is due and nobody takes it up, or its worker has gone with it: see whether"
        " workers run.",
        Severity.GRAVE,
        _STUCK,
    ),
)
