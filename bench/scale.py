"""What a long past costs: a backlog beside it, and a claim beside an old snapshot.

The drains of both databases take turns, and each goes on where its last one ended: both
are as warm, and a machine that grows slower does so for both.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import psycopg
from psycopg import IsolationLevel
from sqlalchemy import Engine

from bench.arena import Arena
from bench.clock import Drained
from bench.drain import drain_more
from bench.events import EVENTS_PER_PURCHASE, Event, day_of
from bench.past import clone_past, purchases_of
from worker.database import make_engine
from worker.lifecycle import Ending, claim, finish, hold
from worker.settings import Settings, settings_of
from worker.work_tables import INBOX, Claimant

FEW = 10_000
#: Of a backlog: some seconds' work.
PURCHASES = 1_000
ROUNDS = 3
#: Ten minutes of a shop with ten events a second.
TEN_MINUTES = 6_000
CLAIMS = 300
ROWS_A_CLAIM = 10
WHO = Claimant("bench", "bench")
#: Short, so that it can be waited for that every lease lies in the past.
LIMITS = {
    "lock_timeout_seconds": 1,
    "statement_timeout_seconds": 2,
    "soft_limit_seconds": 3,
    "hard_limit_seconds": 4,
    "lease_seconds": 5,
    "batch_rows": ROWS_A_CLAIM,
}
_ARRIVE = """
INSERT INTO inbox (provider, event_id, event_type, occurred_at, digest)
SELECT 'paddle', 'evt_' || gen_random_uuid(), 'transaction.updated', now(), ''
FROM generate_series(1, %s)
"""


def measure_scale(
    arena: Arena, status: Callable[[str], None], processes: int, many: int
) -> dict[str, Any]:
    """Drain beside a short and a long past, then claim beside an old snapshot.

    Args:
        arena: Where.
        status: Is told what is being done.
        processes: Of the worker.
        many: Events in the long past.
    """
    names = {past: f"scale_{past}" for past in (FEW, many)}
    for past, name in names.items():
        status(f"a past of {past:,} events")
        clone_past(arena, name, past)
    runs: dict[int, list[Drained]] = {past: [] for past in names}
    for number, backlog in enumerate(_backlogs(), 1):
        # Who is first warms up the machine: each in turn.
        for past, name in list(names.items())[:: -1 if number % 2 else 1]:
            status(f"drain {number} of {ROUNDS} beside {past:,} events")
            welcomes = purchases_of(past) + number * PURCHASES
            more = (backlog, _next_id(arena, name))
            runs[past].append(drain_more(arena, name, more, welcomes, processes))
    status(f"claims beside {many:,} events")
    return _cost(runs) | {"claims": measure_claims(arena, names[many])}


def _backlogs() -> list[list[Event]]:
    """Return as many backlogs of whole purchases, no buyer in two of them."""
    events = day_of(ROUNDS * PURCHASES)
    buyers = list(dict.fromkeys(event.customer_id for event in events))
    begins = range(0, len(buyers), PURCHASES)
    rounds = [set(buyers[begin : begin + PURCHASES]) for begin in begins]
    backlogs = [[e for e in events if e.customer_id in some] for some in rounds]
    assert {len(one) for one in backlogs} == {PURCHASES * EVENTS_PER_PURCHASE}
    return backlogs


def _next_id(arena: Arena, database: str) -> int:
    with arena.connect(database) as connection:
        row = connection.execute("SELECT max(id) + 1 FROM inbox").fetchone()
    assert row is not None
    return int(row[0])


def _cost(runs: dict[int, list[Drained]]) -> dict[str, Any]:
    """Return what an event costs beside each past, and how the two compare."""
    costs = {
        past: [1_000_000 * one.seconds / one.events for one in drains]
        for past, drains in runs.items()
    }
    few, many = (median(each) for each in costs.values())
    return {
        "microseconds_per_event": {
            f"{past:,}": [round(one, 1) for one in each] for past, each in costs.items()
        },
        "ratio": round(many / few, 2),
        "splits": sum(one.splits for drains in runs.values() for one in drains),
    }


def measure_claims(arena: Arena, database: str) -> dict[str, dict[str, float]]:
    """Time claims without and with a snapshot that keeps ten minutes' dead versions."""
    config = settings_of(arena.environment(database, **LIMITS))
    engine = make_engine(config, "bench")
    try:
        with arena.connect(database) as connection:
            quiet = _after_ten_minutes(engine, connection, config)
            with _old_snapshot(arena, database):
                held = _after_ten_minutes(engine, connection, config)
    finally:
        engine.dispose()
    return {"no snapshot": _spread(quiet), "a snapshot of ten minutes": _spread(held)}


@contextmanager
def _old_snapshot(arena: Arena, database: str) -> Iterator[None]:
    """Keep a transaction open that has looked at the database."""
    with arena.connect(database) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            connection.execute("SELECT count(*) FROM courses")
            yield


def _after_ten_minutes(
    engine: Engine, connection: psycopg.Connection, config: Settings
) -> list[float]:
    """Work off what ten minutes bring, then time claims, in milliseconds."""
    _work(engine, connection, config, TEN_MINUTES)
    connection.execute("VACUUM inbox")
    # Index entries of claimed versions bear the end of their lease. A claim meets them
    # once that has come, as in those ten minutes nearly all would.
    time.sleep(config.lease_seconds)
    return _work(engine, connection, config, CLAIMS * ROWS_A_CLAIM)


def _work(
    engine: Engine, connection: psycopg.Connection, config: Settings, rows: int
) -> list[float]:
    """Let rows come, claim and finish them; return how long each claim took."""
    times = []
    for _ in range(rows // ROWS_A_CLAIM):
        connection.execute(_ARRIVE, [ROWS_A_CLAIM])
        began = time.perf_counter()
        lease = claim(engine, INBOX, WHO, config)
        times.append((time.perf_counter() - began) * 1000)
        assert lease is not None
        with engine.begin() as working:
            mine = hold(working, lease)
            finish(working, lease, {row: Ending("processed") for row in mine})
    return times


def _spread(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50_ms": round(median(ordered), 2),
        "p99_ms": round(ordered[math.ceil(len(ordered) * 0.99) - 1], 2),
        "max_ms": round(ordered[-1], 2),
    }
