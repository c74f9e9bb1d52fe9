"""The database goes away under workers that are busy: put off, never lost, never dead."""

import os
import time
from collections.abc import Callable

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from tests.factories import add_events, one, rows
from tests.fixtures.frozen import frozen
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from tests.purchases import purchase, renamed
from worker.rings import publish_ring
from worker.servers.postgres import Postgres

pytestmark = pytest.mark.drill
Start = Callable[..., CeleryProcess]

QUEUES = "critical,access,maintenance,sweep"
PURCHASES = 150
#: Many small batches, so that an outage falls into the middle.
CALM = {
    "batch_rows": 5,
    "lock_timeout_seconds": 0.5,
    "statement_timeout_seconds": 1,
    "soft_limit_seconds": 3,
    "hard_limit_seconds": 4,
    "lease_seconds": 5,
    "sweep_seconds": 0.5,
    "retry_first_seconds": 0.2,
}


@pytest.fixture
def busy(
    own_postgres: Postgres,
    own_engine: Engine,
    start_celery: Start,
    broker: Redis,
    sender: Celery,
) -> list[CeleryProcess]:
    """Start a worker and beat on a backlog, and wait until some of it is done."""
    del broker
    overrides = {**CALM, "database_url": own_postgres.url}
    name = f"w{os.urandom(4).hex()}@here"
    processes = [
        start_celery(
            *("worker", "-Q", QUEUES, "-c", "2", "-n", name),
            *("--without-gossip", "--without-mingle"),
            **overrides,
        ),
        start_celery("beat", "-S", "worker.beat:Scheduler", **overrides),
    ]
    bodies = [renamed(body, str(n)) for n in range(PURCHASES) for body in purchase()]
    ids = add_events(own_engine, bodies)
    publish_ring(sender, "events.record", ids)
    eventually(lambda: pending(own_engine) < len(ids), what="work has begun")
    assert pending(own_engine) > 0
    return processes


def pending(engine: Engine) -> int:
    try:
        return int(
            one(
                engine,
                "SELECT (SELECT count(*) FROM inbox WHERE state = 'pending')"
                " + (SELECT count(*) FROM access_changes WHERE state = 'pending')",
            )
        )
    except OperationalError:
        return -1


def assert_whole(engine: Engine, processes: list[CeleryProcess]) -> None:
    eventually(lambda: pending(engine) == 0, what="all rows ended")
    counts = ("enrollments", "enrollment_history", "grants", "notifications")
    for table in counts:
        assert one(engine, f"SELECT count(*) FROM {table}") == PURCHASES, table
    assert rows(engine, "SELECT error_class, error FROM dead_letters") == []
    assert all(process.popen.poll() is None for process in processes)


def test_restarts_under_load_cost_nothing(
    own_postgres: Postgres, own_engine: Engine, busy: list[CeleryProcess]
) -> None:
    for _ in range(3):
        own_postgres.kill()
        own_postgres.start()
        time.sleep(0.3)
    # In the middle of a batch, or of a claim.
    hit = ("machinery_failed", "task_ended_without_verdict")
    eventually(
        lambda: any(process.lines(event) for process in busy for event in hit),
        what="somebody was hit",
    )
    assert_whole(own_engine, busy)


def test_a_frozen_database_is_waited_for(
    own_postgres: Postgres, own_engine: Engine, busy: list[CeleryProcess]
) -> None:
    with frozen(own_postgres):
        time.sleep(3)
    assert pending(own_engine) > 0
    assert_whole(own_engine, busy)
