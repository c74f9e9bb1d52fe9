"""What a look at recent changes looks at: what those touched, and what was wrong before.

By the clocks that we and the provider write. So a row that somebody edits by hand, and
one that is deleted, is found by a look at everything.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from worker.checks.check import Among, Check
from worker.providers.registry import PROVIDERS

#: Where more is touched, reading everything is quicker.
MOST = 20_000

_KNOWN = "FROM findings f WHERE f.kind = :kind AND f.state <> 'cleared'"
# A charge or a refund touches its subscription as well; what waits does so until
# something happens to its price or its buyer.
_SOURCES = f"""
SELECT provider, id FROM transactions WHERE clock_updated_at >= :since
UNION
SELECT provider, id FROM transactions WHERE waits_since IS NOT NULL
UNION
SELECT provider, subscription_id FROM transactions
WHERE clock_updated_at >= :since AND subscription_id IS NOT NULL
UNION
SELECT provider, id FROM subscriptions
WHERE clock_updated_at >= :since OR waits_since IS NOT NULL
UNION
SELECT provider, told FROM adjustments, unnest(ARRAY[transaction_id, subscription_id]) AS told
WHERE clock_updated_at >= :since AND told IS NOT NULL
UNION
SELECT provider, source_id FROM grants WHERE changed_at >= :since
UNION
SELECT provider, subject FROM (SELECT f.subject {_KNOWN}) AS known,
  unnest(CAST(:providers AS text[])) AS provider
"""  # noqa: S608 (constants)
_PLACES = f"""
SELECT learner_id, course_key FROM grants WHERE changed_at >= :since
UNION
SELECT learner_id, course_key FROM enrollments WHERE changed_at >= :since
UNION
SELECT learner_id, course_key FROM grants
WHERE learner_id IN (SELECT f.learner_id {_KNOWN})
UNION
SELECT learner_id, course_key FROM enrollments
WHERE learner_id IN (SELECT f.learner_id {_KNOWN})
"""  # noqa: S608
_LEARNERS = f"""
SELECT learner_id FROM enrollments WHERE changed_at >= :since
UNION
SELECT f.learner_id {_KNOWN}
"""  # noqa: S608
# A message may fail for long after the change it tells of.
_FAILED = """
UNION
SELECT w.enrollment_id FROM {table} w
WHERE w.state = 'pending' AND w.last_error IS NOT NULL
UNION
SELECT w.enrollment_id FROM dead_letters d JOIN {table} w ON w.id = d.row_id
WHERE d.state = 'open' AND d.work_table = '{table}' AND d.created_at >= :since
"""
_ENROLLMENTS = f"""
SELECT id FROM enrollments WHERE changed_at >= :since
{_FAILED.format(table="notifications")}
{_FAILED.format(table="platform_deliveries")}
UNION
SELECT CAST(substr(f.subject, length('enrollment ') + 1) AS bigint) {_KNOWN}
"""  # noqa: S608
_DAYS = f"""
SELECT (coalesce(billed_at, opened_at, clock_updated_at) AT TIME ZONE 'UTC')::date
FROM transactions WHERE clock_updated_at >= :since
UNION
SELECT CAST(split_part(f.subject, ' ', 2) AS date) {_KNOWN}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Keys:
    """How the keys of what was touched are found, and their columns' types."""

    query: str
    types: tuple[str, ...]


_KEYS = {
    Among.SOURCES: _Keys(_SOURCES, ("text", "text")),
    Among.PLACES: _Keys(_PLACES, ("bigint", "text")),
    Among.LEARNERS: _Keys(_LEARNERS, ("bigint",)),
    Among.ENROLLMENTS: _Keys(_ENROLLMENTS, ("bigint",)),
    Among.DAYS: _Keys(_DAYS, ("date",)),
}


def condition(among: Among) -> str:
    """Return what the columns of ``AMONG`` are in: ``:keys_0`` and so on."""
    arrays = ", ".join(
        f"CAST(:keys_{number} AS {type_}[])"
        for number, type_ in enumerate(_KEYS[among].types)
    )
    return f"IN (SELECT * FROM unnest({arrays}))"  # noqa: S608 (types)


def touched(
    connection: Connection, check: Check, since: datetime
) -> dict[str, Any] | None:
    """Return what was touched since then, as ``condition`` names it; None: too much."""
    if check.among is None:
        return None
    keys = _KEYS[check.among]
    given = {"since": since, "kind": check.kind.value, "providers": [*PROVIDERS]}
    found = text(f"{keys.query} LIMIT {MOST + 1}")
    rows = connection.execute(found, given).all()
    if len(rows) > MOST:
        return None
    return {
        f"keys_{number}": [row[number] for row in rows]
        for number in range(len(keys.types))
    }
