"""What it costs to look whether all is well, beside a million events.

Three situations: everything is done; nothing is done yet; everything fails. The look is
the whole of ``alerts.watch`` but the task around it: all conditions, alerts, messages.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import Engine

from bench.arena import Arena
from bench.past import clone_past, run
from worker.alerts.watch import watch
from worker.database import make_engine
from worker.settings import Settings, settings_of

DATABASE = "watched"
DEAD_LETTERS = 1_000
LOOKS = 40

#: What else there is to look at.
_TROUBLE = """
INSERT INTO heartbeats VALUES ('alerts.watch', now(), now() - interval '9 days');
INSERT INTO dead_letters (subject, work_table, row_id, task, error_class, error, place)
SELECT 'inbox:' || n, 'inbox', n, 'events.record', 'MalformedPayloadError', 'x', 'y:1'
FROM generate_series(1, {dead}) AS n;
INSERT INTO delivery_counts (minute, provider, outcome, reason, deliveries)
SELECT date_trunc('minute', now()) - n * interval '1 min', 'paddle', outcome, '', 9
FROM generate_series(0, 100000) AS n, (VALUES ('stored'), ('duplicate')) AS o(outcome);
"""
_SITUATIONS = {
    "all done": "",
    "all waiting": """
UPDATE inbox SET state = 'pending', finished_at = NULL,
  next_attempt_at = received_at, pending_since = received_at;""",
    "all failing": """
UPDATE inbox SET last_error = 'X: y';
UPDATE notifications SET state = 'pending', last_error = 'X: y',
  pending_since = now() - interval '1 h';
UPDATE platform_deliveries SET state = 'pending', last_error = 'X: y',
  pending_since = now() - interval '1 h';""",
}


def measure_watch(
    arena: Arena, status: Callable[[str], None], events: int
) -> dict[str, Any]:
    """Look many times in each situation, beside so many events; milliseconds."""
    status(f"a past of {events:,} events")
    clone_past(arena, DATABASE, events)
    config = settings_of(arena.environment(DATABASE))
    with arena.connect(DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")
        run(connection, _TROUBLE.format(dead=DEAD_LETTERS))
        return {
            name: _situation(connection, change, config, status, name)
            for name, change in _SITUATIONS.items()
        }


def _situation(
    connection: psycopg.Connection,
    change: str,
    config: Settings,
    status: Callable[[str], None],
    name: str,
) -> dict[str, float]:
    status(f"looking while {name}")
    if change:
        run(connection, change)
    connection.execute("VACUUM (ANALYZE)")
    engine = make_engine(config, "bench")
    try:
        times = sorted(_milliseconds(engine, config) for _ in range(LOOKS))
    finally:
        engine.dispose()
    return {
        "p50_ms": round(median(times), 1),
        "max_ms": round(times[-1], 1),
    }


def _milliseconds(engine: Engine, config: Settings) -> float:
    began = time.perf_counter()
    watch(engine, config)
    return (time.perf_counter() - began) * 1000
