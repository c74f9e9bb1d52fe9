"""Processes that die or freeze in the middle of a batch: nothing lost, nothing twice."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine

from tests.factories import add_events, one, rows
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from tests.purchases import COURSE, purchase, renamed
from worker.rings import publish_ring

pytestmark = pytest.mark.drill
Start = Callable[..., CeleryProcess]

PURCHASES = 14
#: Leases short enough to wait for, and long enough for a batch on a busy machine.
SHORT = {
    "lock_timeout_seconds": 1,
    "statement_timeout_seconds": 3,
    "soft_limit_seconds": 5,
    "hard_limit_seconds": 6,
    "lease_seconds": 7,
    "sweep_seconds": 0.5,
}
STATEMENTS = {
    "after the claim": "SELECT i.id, i.provider",
    "while locking": "INSERT INTO transactions",
    "ledger written": "INSERT INTO grants",
    "before the commit": "UPDATE inbox AS work SET state",
    "while activating": "INSERT INTO enrollment_history",
}


@pytest.fixture
def events(engine: Engine) -> list[int]:
    bodies = [renamed(body, str(n)) for n in range(PURCHASES) for body in purchase()]
    return add_events(engine, bodies)


@pytest.fixture
def start(start_celery: Start, engine: Engine, broker: Redis, tmp_path: Path) -> Start:
    """Start a worker for everything, with beat's sweep beside it."""
    del engine, broker
    flag = tmp_path / "once"
    flag.touch()

    def started(**overrides: Any) -> CeleryProcess:
        queues = "critical,access,maintenance,sweep"
        worker = start_celery(
            *("worker", "-Q", queues, "-c", "2", "-n", f"w{os.urandom(4).hex()}@here"),
            *("--without-gossip", "--without-mingle", "-I", "dying"),
            **{**SHORT, "die_flag": flag, **overrides},
        )
        eventually(lambda: any("ready." in str(e["event"]) for e in worker.lines()))
        return worker

    return started


@pytest.fixture
def beat(start_celery: Start, engine: Engine, broker: Redis) -> CeleryProcess:
    del engine, broker
    return start_celery("beat", "-S", "worker.beat:Scheduler", **SHORT)


def done(engine: Engine) -> bool:
    pending = one(
        engine,
        "SELECT (SELECT count(*) FROM inbox WHERE state = 'pending')"
        " + (SELECT count(*) FROM access_changes WHERE state = 'pending')",
    )
    return bool(pending == 0)


def assert_whole(engine: Engine, purchases: int = PURCHASES) -> None:
    """Each purchase has had its effect, exactly once."""
    assert rows(
        engine,
        "SELECT count(*), count(DISTINCT learner_id), min(version), max(version)"
        " FROM enrollments WHERE course_key = :course AND state = 'active'",
        course=COURSE,
    ) == [(purchases, purchases, 1, 1)]
    assert one(engine, "SELECT count(*) FROM enrollment_history") == purchases
    assert one(engine, "SELECT count(*) FROM grants") == purchases
    assert one(engine, "SELECT count(*) FROM notifications") == purchases
    assert one(engine, "SELECT count(*) FROM transactions") == purchases


@pytest.mark.parametrize("where", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_child_killed_in_the_middle_of_a_batch_costs_nothing(
    where: str, engine: Engine, events: list[int], start: Start, sender: Celery
) -> None:
    worker = start(die_at=where, die_how="child")
    publish_ring(sender, "events.record", events)
    eventually(lambda: worker.lines("child_lost"), what="a child was killed")
    publish_ring(sender, "events.record", events[:1])
    publish_ring(sender, "enrollments.activate", [1])
    eventually(lambda: done(engine), what="all rows ended")
    assert_whole(engine)
    assert one(engine, "SELECT count(*) FROM dead_letters") == 0


def test_a_worker_killed_with_all_its_children_costs_a_lease(
    engine: Engine,
    events: list[int],
    start: Start,
    beat: CeleryProcess,
    sender: Celery,
) -> None:
    first = start(die_at=STATEMENTS["before the commit"], die_how="worker")
    publish_ring(sender, "events.record", events)
    eventually(lambda: first.popen.poll() is not None, what="the worker was killed")
    start()
    eventually(lambda: done(engine), what="the sweep found the rows")
    assert_whole(engine)
    assert one(engine, "SELECT max(crashes) FROM inbox") == 1
    assert beat.popen.poll() is None


def test_a_worker_frozen_past_its_lease_changes_nothing_when_it_wakes(
    engine: Engine,
    events: list[int],
    start: Start,
    beat: CeleryProcess,
    sender: Celery,
) -> None:
    frozen = start(die_at=STATEMENTS["before the commit"], die_how="freeze")
    publish_ring(sender, "events.record", events)
    eventually(lambda: is_frozen(frozen.pid), what="the worker is frozen")
    start()
    eventually(lambda: done(engine), what="another worker took over")
    before = rows(engine, "SELECT id, state, finished_at FROM inbox ORDER BY id")
    os.killpg(frozen.pid, signal.SIGCONT)
    # Which bound strikes first is chance: the lease, the database's patience, the soft
    # limit or the hard one.
    eventually(
        lambda: (
            frozen.lines("lease_lost")
            or frozen.lines("machinery_failed")
            or frozen.lines("task_ended_without_verdict")
            or frozen.lines("child_lost")
        ),
        what="the sleeper found out",
    )
    assert (
        rows(engine, "SELECT id, state, finished_at FROM inbox ORDER BY id") == before
    )
    assert_whole(engine)
    assert beat.popen.poll() is None


def is_frozen(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return state[0] == "T"


def test_a_poison_that_kills_its_process_dies_alone_among_many(
    engine: Engine, start: Start, beat: CeleryProcess, sender: Celery
) -> None:
    bodies = [renamed(body, str(n)) for n in range(PURCHASES) for body in purchase()]
    poison = renamed(purchase()[0], "999")["event_id"]
    ids = add_events(engine, [*bodies, renamed(purchase()[0], "999")])
    worker = start(poison=poison)
    publish_ring(sender, "events.record", ids)
    eventually(lambda: done(engine), what="all rows ended")
    states = dict(rows(engine, "SELECT state, count(*) FROM inbox GROUP BY state"))
    assert states["dead"] == 1
    assert sum(states.values()) == len(ids)
    assert rows(engine, "SELECT error_class, row_id FROM dead_letters") == [
        ("Poison", ids[-1])
    ]
    assert one(engine, "SELECT state FROM inbox WHERE id = :id", id=ids[-1]) == "dead"
    assert_whole(engine)
    assert worker.popen.poll() is None
    assert beat.popen.poll() is None
