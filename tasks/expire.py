"""``access.expire``: has the enrollments recomputed whose access the clock changes.

Adds rows to ``access_changes``. Running it twice, late or from two beats is harmless:
an enrollment whose moment has come is found as long as it was not recomputed, and one
for which a row waits already gets no second one. Sends on ``enrollments.activate``,
which decides by the grants alone. Fails when Postgres is away, and the next run finds
the same enrollments.
"""

import time

from sqlalchemy import Connection, Engine, text

from worker import database
from worker.after_commit import Rings
from worker.app import app
from worker.settings import settings
from worker.work_tables import ACCESS_CHANGES

#: Enrollments a transaction takes up; as many follow as half the soft limit allows.
ENROLLMENTS_A_BATCH = 1000

# Taken in a statement of its own: the next one sees what a rival wrote before it let go.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('access.expire', 0))")
# A place that a dead letter is about is a person's: rows would only die one by one.
_EXPIRE = text("""
INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref)
SELECT e.learner_id, e.course_key, 'clock',
       to_char(e.recheck_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM enrollments e
WHERE e.recheck_at <= now()
  AND NOT EXISTS (
    SELECT FROM access_changes c
    WHERE c.state = 'pending'
      AND c.learner_id = e.learner_id AND c.course_key = e.course_key)
  AND NOT EXISTS (
    SELECT FROM dead_letters d JOIN access_changes c ON c.id = d.row_id
    WHERE d.state = 'open' AND d.work_table = 'access_changes'
      AND c.learner_id = e.learner_id AND c.course_key = e.course_key)
ORDER BY e.recheck_at, e.id LIMIT :most
RETURNING id
""")


@app.task(name="access.expire")
def expire() -> str:
    """Have the enrollments recomputed whose moment has come."""
    stop_at = time.monotonic() + settings().soft_limit_seconds / 2
    due = 0
    while time.monotonic() < stop_at:
        batch = expire_batch(database.engine())
        due += batch
        if batch < ENROLLMENTS_A_BATCH:
            break
    return f"{due} due" if due else "nothing due"


def expire_batch(engine: Engine) -> int:
    """Take up some enrollments, longest overdue first, and return how many."""
    rings = Rings()
    with engine.begin() as connection:
        changes = apply(rings, connection)
    rings.send()
    return changes


def apply(rings: Rings, connection: Connection) -> int:
    """Add the rows inside the caller's transaction, and return how many."""
    connection.execute(_ALONE)
    changes = list(connection.execute(_EXPIRE, {"most": ENROLLMENTS_A_BATCH}).scalars())
    rings.add(ACCESS_CHANGES.task, changes)
    return len(changes)
