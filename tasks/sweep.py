"""``rows.sweep``: rings for due rows that nobody rang for, in every work table.

Changes only ``rung_until`` and leaves a heartbeat. Running it twice, or from two
beats, is harmless: a row that was rung for is not rung for again at once. It rings
for a bounded number of rows a tick, and not at all while the queue is long, so that
it can never flood what it is there to heal.
"""

from datetime import timedelta

import structlog
from celery import current_app
from sqlalchemy import Connection, text

from models.work import SCHEMA_VERSION
from worker import database
from worker.app import app
from worker.doubtful import mark_doubtful
from worker.heartbeats import beat
from worker.queues import length_of
from worker.rings import MAX_IDS, publish_ring
from worker.settings import settings
from worker.work_tables import HELD_BY_BILLING, WORK_TABLES, WorkTable

log = structlog.get_logger()

#: Messages per table and tick, at most; each drains until nothing is due anyway.
MESSAGES_A_TICK = 4
#: A queue longer than this is being worked on: more rings would not help.
LONG_QUEUE = 50
#: How long a ring is believed to be under way.
RING_GRACE = timedelta(seconds=10)

# MATERIALIZED keeps the sub-select from being run again per row, where statistics make
# a nested loop look cheap: each run would pass over the rows of the last and find more.
_DUE = """
WITH due AS MATERIALIZED (
  SELECT id FROM {table}
  WHERE state = 'pending' AND next_attempt_at <= now() AND rung_until <= now()
    AND schema_version <= :version
  ORDER BY next_attempt_at, id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {table} AS work SET rung_until = now() + :grace
FROM due WHERE work.id = due.id RETURNING work.id
"""


@app.task(name="rows.sweep")
def sweep() -> str:
    """Ring for what is due."""
    engine = database.engine()
    with engine.begin() as connection:
        beat(connection, "rows.sweep")
        doubtful = mark_doubtful(connection)
    counts = {"doubtful": doubtful} if doubtful else {}
    for table in WORK_TABLES:
        if table in HELD_BY_BILLING and not settings().paddle_billing_enabled:
            continue
        if length_of(queue_of(table)) > LONG_QUEUE:
            continue
        with engine.begin() as connection:
            ids = due(connection, table)
        if ids:
            counts[table.name] = len(ids)
            publish_ring(current_app, table.task, ids)
    if counts:
        log.info("rows_rung", **counts)
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "quiet"


def due(connection: Connection, table: WorkTable) -> list[int]:
    """Take note of due rows that nobody rang for, and return them."""
    parameters = {
        "grace": RING_GRACE,
        "version": SCHEMA_VERSION,
        "most": MESSAGES_A_TICK * MAX_IDS,
    }
    statement = text(_DUE.format(table=table.name))
    return sorted(connection.execute(statement, parameters).scalars())


def queue_of(table: WorkTable) -> str:
    """Return the queue that serves a work table."""
    return str(app.conf.task_routes[table.task]["queue"])
