"""Tasks that take their process with them: the worker lives, the rows are free."""

import os
import signal
import time
from collections.abc import Callable

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine, text

from tests.fixtures.processes import eventually
from tests.fixtures.workers import CANARY, CeleryProcess
from worker.quarantine import SPOOL_KEY

pytestmark = pytest.mark.drill
WISH = {
    "prices": ["pri_01jd0pyth0nbas1cs0000000a1"],
    "learner_ref": "user-42",
    "reference": "order-17",
    "email": "ada@example.com",
}
Start = Callable[..., CeleryProcess]


def put_in_inbox(engine: Engine, event_id: str = "evt_1") -> None:
    with engine.begin() as connection:
        insert = "INSERT INTO inbox (provider, event_id, digest)"
        values = {"id": event_id}
        connection.execute(text(f"{insert} VALUES ('paddle', :id, 'x')"), values)


def letters(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM dead_letters")) or 0)


@pytest.mark.parametrize("task", ["tests.memory_error", "tests.fail"])
def test_an_error_in_a_task_does_not_end_the_worker(
    task: str, broker: Redis, engine: Engine, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance")
    sender.send_task(task)
    sender.send_task("tests.sleep", args=[0])
    eventually(lambda: worker.lines("task_succeeded"), what="the next one ran")
    assert worker.popen.poll() is None
    assert len(worker.lines("task_failed")) == 1
    assert CANARY not in worker.log.read_text()
    eventually(lambda: broker.hlen("unacked") == 0, what="all were acknowledged")
    # Nothing is lost with it: there are no rows, and its arguments were right.
    assert letters(engine) == 0


@pytest.mark.parametrize("task", ["tests.exit", "tests.die"])
def test_a_task_that_ends_its_process_is_not_run_again(
    task: str, broker: Redis, engine: Engine, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance")
    sender.send_task(task)
    sender.send_task("tests.sleep", args=[0])
    eventually(lambda: worker.lines("task_succeeded"), what="the next one ran")
    eventually(lambda: worker.lines("child_lost"), what="the parent saw it")
    assert worker.popen.poll() is None
    eventually(lambda: broker.hlen("unacked") == 0, what="all were acknowledged")
    assert broker.llen("maintenance") == 0
    assert letters(engine) == 0


def test_the_rows_of_a_lost_child_are_due_at_once_and_its_crash_is_counted(
    engine: Engine, sender: Celery, start_worker: Start
) -> None:
    put_in_inbox(engine)
    worker = start_worker("maintenance")
    sender.send_task("tests.vanish_with_rows")
    line = eventually(lambda: worker.lines("child_lost"), what="the parent saw it")[0]
    assert line["rows_freed"] == 1
    sender.send_task("tests.one_of_each")
    eventually(lambda: worker.lines("task_succeeded"), what="the rows were worked on")
    with engine.connect() as connection:
        row = connection.execute(text("SELECT state, crashes FROM inbox")).one()
    assert tuple(row) == ("processed", 1)


def test_a_task_past_its_hard_limit_frees_its_rows_and_files_nothing(
    engine: Engine, sender: Celery, start_worker: Start
) -> None:
    put_in_inbox(engine)
    limits = {
        "lock_timeout_seconds": 1,
        "statement_timeout_seconds": 2,
        "soft_limit_seconds": 4,
        "hard_limit_seconds": 5,
    }
    worker = start_worker("maintenance", **limits)
    sender.send_task("tests.hang_with_rows")
    eventually(
        lambda: 1 in [line["rows_freed"] for line in worker.lines("child_lost")],
        what="the parent killed it and freed its row",
    )
    sender.send_task("tests.one_of_each")
    eventually(lambda: worker.lines("task_succeeded"), what="the rows were worked on")
    assert letters(engine) == 0


def test_the_wish_of_a_child_that_was_killed_before_its_row_is_noted(
    broker: Redis, engine: Engine, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("fetch,maintenance")
    with engine.begin() as connection:
        # Neither the child nor the parent can write it down.
        connection.exec_driver_sql("LOCK TABLE checkouts")
        sender.send_task("checkouts.create", kwargs=WISH, queue="fetch")
        child = eventually(lambda: waiting(engine), what="the child wants to note it")
        assert child == 1
        for pid in worker.children():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: broker.llen(SPOOL_KEY), what="the parent kept it aside")
    sender.send_task("quarantine.move")

    known = eventually(lambda: wishes(engine), what="it is noted")
    assert known == [("order-17", "user-42", "ada@example.com")]
    assert letters(engine) == 0


def waiting(engine: Engine) -> int:
    """How many sessions wait for the table of checkouts."""
    with engine.connect() as connection:
        return int(
            connection.scalar(
                text(
                    "SELECT count(*) FROM pg_locks"
                    " WHERE relation = 'checkouts'::regclass AND NOT granted"
                )
            )
            or 0
        )


def wishes(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT reference, owner, email FROM checkouts")
        )
        return [tuple(row) for row in found]


def test_a_child_never_shares_its_parents_connection(
    engine: Engine, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance", processes=1)
    for task in ("tests.pid", "tests.die"):
        sender.send_task(task)
    eventually(lambda: worker.lines("child_lost"), what="the parent wrote about it")
    sender.send_task("tests.pid")
    done = eventually(
        lambda: worker.lines("task_succeeded")[1:], what="a new child ran"
    )
    first = worker.lines("task_succeeded")[0]["outcome"]
    assert first.startswith("backend ")
    assert done[0]["outcome"] != first


def test_a_warm_shutdown_ends_what_runs_and_leaves_nothing_unacknowledged(
    broker: Redis, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance", processes=2)
    for _ in range(6):
        sender.send_task("tests.sleep", args=[3])
    eventually(lambda: broker.hlen("unacked") >= 2, what="two are taken")
    # Well into their time: the parent has heard from the children that they run.
    time.sleep(1.5)
    assert worker.terminate() == 0
    done = len(worker.lines("task_succeeded"))
    assert done >= 2
    assert broker.hlen("unacked") == 0
    assert broker.llen("maintenance") == 6 - done


def test_a_shutdown_at_the_very_start_of_a_task_is_quick_and_loses_nothing(
    broker: Redis, sender: Celery, start_worker: Start
) -> None:
    """The parent may not know yet what its children run: then it comes again."""
    worker = start_worker("maintenance", processes=2)
    for _ in range(6):
        sender.send_task("tests.sleep", args=[1])
    eventually(lambda: broker.hlen("unacked") >= 2, what="two are taken")
    assert worker.terminate() == 0
    assert broker.hlen("unacked") == 0
    assert broker.llen("maintenance") >= 6 - len(worker.lines("task_succeeded"))
