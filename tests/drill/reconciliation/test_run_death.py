"""A worker that is killed in the middle of a run: another ends it, nothing doubled."""

import os
import signal
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from celery import Celery
from celery.exceptions import Retry
from redis import Redis
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope
from tests.crooked import Door, Page
from tests.factories import one, rows
from tests.fetching import customer, let_ask, tell
from tests.fixtures.answering import KEY, Answering
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from tests.purchases import renamed, transaction
from tests.reconciling import cursor, event, place_cursor
from tests.reconciling_objects import Shelf
from worker.providers.api import ApiList
from worker.reconciliation import plan
from worker.rings import publish_ring
from worker.settings import Settings

pytestmark = pytest.mark.drill

BUYERS = 4
RUN = "SELECT state, stage, position, seen, found FROM reconciliation_runs"
STORED = "SELECT count(*) FROM inbox WHERE source = 'event_list'"
#: By when its worker dies: what it was about to say to the database.
STATEMENTS = {
    "page asked, not written": "UPDATE reconciliation_runs SET position",
    "found, not healed": "SELECT FROM reconciled_events e JOIN inbox",
}


class Drill:
    """A list of events of which nothing was delivered, and one run over it."""

    def __init__(
        self, engine: Engine, answering: Answering, start: Callable[..., CeleryProcess]
    ) -> None:
        self.engine, self._start = engine, start
        shelf = Shelf()
        shelf.page_size = 2
        bodies = [
            renamed(transaction("transaction.completed"), str(number))
            for number in range(1, BUYERS + 1)
        ]
        listed = [event(n, 60 - n, body) for n, body in enumerate(bodies, 1)]
        shelf.entities[ApiList.EVENTS] = {
            one["event_id"]: one for one in [event(0, 60), *listed]
        }
        self.door = Door(shelf, "events", "evt_0000")
        answering.answer = self.door
        place_cursor(engine, "evt_0000")
        with engine.begin() as connection:
            what = ("paddle", RunKind.EVENTS, RunScope.RECENT)
            plan.start(connection, *what, asked_by="ada")

    def start(self, sender: Celery, **overrides: object) -> CeleryProcess:
        """Start a worker, and let it begin with the run."""
        worker = self._start(
            *("worker", "-Q", "reconcile", "-c", "1", "-n", f"w{os.getpid()}@here"),
            *("--without-gossip", "--without-mingle", "-I", "dying"),
            **overrides,
        )
        publish_ring(sender, "reconciliation.run", [1])
        return worker

    def is_stored(self) -> int:
        """Return how many events were put into the inbox."""
        return int(one(self.engine, STORED))

    def end_with_another(self) -> None:
        """Let the dead one's lease end, and another worker go on."""
        from tasks.activate import activate  # noqa: PLC0415 (after the settings)
        from tasks.reconcile import reconcile  # noqa: PLC0415
        from tasks.record import record  # noqa: PLC0415

        for _ in range(20):
            if one(self.engine, "SELECT state FROM reconciliation_runs") != "pending":
                break
            let_ask(self.engine)
            with self.engine.begin() as connection:
                connection.execute(
                    text(
                        "UPDATE reconciliation_runs SET next_attempt_at = now(),"
                        " leased_until = least(leased_until, now())"
                    )
                )
            try:
                reconcile([], 1)
            except Retry:
                continue
            record([], 1)
            activate([], 1)


@pytest.fixture
def asking(
    core: Engine,
    configured: Callable[..., Settings],
    answering: Answering,
    tmp_path: Path,
) -> dict[str, object]:
    """Settings of workers that can ask, and that die once."""
    del core
    flag = tmp_path / "once"
    flag.touch()
    given = {"paddle_api_url": answering.url, "paddle_api_key": KEY}
    configured(**given)
    return {**given, "die_flag": flag, "die_how": "worker"}


@pytest.fixture
def drill(
    core: Engine,
    answering: Answering,
    asking: dict[str, object],
    start_celery: Callable[..., CeleryProcess],
    broker: Redis,
) -> Drill:
    del broker
    for number in range(1, BUYERS + 1):
        # From before the cursor.
        tell(core, customer(number) | {"event_id": f"evt_0000_{number}"})

    def start(*arguments: str, **overrides: object) -> CeleryProcess:
        return start_celery(*arguments, **asking, **overrides)

    return Drill(core, answering, start)


def assert_whole(drill: Drill) -> None:
    """Every event came in once and did its work once; the cursor is at the last."""
    engine = drill.engine
    assert rows(engine, RUN) == [("complete", "heal", *_end(engine), BUYERS, BUYERS)]
    assert one(engine, "SELECT healed FROM reconciliation_runs") == BUYERS
    assert drill.is_stored() == BUYERS
    assert rows(
        engine,
        "SELECT count(*), count(DISTINCT learner_id), max(version) FROM enrollments",
    ) == [(BUYERS, BUYERS, 1)]
    assert one(engine, "SELECT count(*) FROM enrollment_history") == BUYERS
    assert one(engine, "SELECT count(*) FROM reconciled_events") == BUYERS
    assert one(engine, "SELECT count(*) FROM dead_letters") == 0
    assert cursor(engine) == f"evt_{BUYERS:04}"


def _end(engine: Engine) -> tuple[str]:
    return (one(engine, "SELECT position FROM reconciliation_runs"),)


@pytest.mark.parametrize("where", STATEMENTS)
def test_a_worker_killed_at_a_step_leaves_it_to_another(
    drill: Drill, sender: Celery, where: str
) -> None:
    worker = drill.start(sender, die_at=STATEMENTS[where])
    eventually(lambda: worker.popen.poll() is not None)

    if where == "found, not healed":
        ((state, stage, _, seen, found),) = rows(drill.engine, RUN)
        assert (state, stage, seen, found) == ("pending", "heal", BUYERS, BUYERS)
        assert drill.is_stored() == BUYERS
    else:
        walk = ("pending", "walk", "evt_0000", 0, 0)
        assert rows(drill.engine, RUN) == [walk]
        assert drill.is_stored() == 0
        assert drill.door.asked["/events"] == 1
        assert cursor(drill.engine) == "evt_0000"

    drill.end_with_another()
    assert_whole(drill)


def test_a_worker_killed_between_two_pages_leaves_the_rest_to_another(
    drill: Drill, sender: Celery
) -> None:
    has_come, may_go = threading.Event(), threading.Event()

    def hold(request: BaseHTTPRequestHandler, page: Page) -> None:
        has_come.set()
        may_go.wait(60)
        # Who asked is dead.
        request.close_connection = True
        del page

    drill.door.crooked = hold
    worker = drill.start(sender)
    assert has_come.wait(60)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.popen.wait()
    may_go.set()
    assert rows(drill.engine, RUN) == [("pending", "walk", "evt_0002", 2, 2)]
    assert drill.is_stored() == 2
    assert cursor(drill.engine) == "evt_0002"

    drill.door.crooked = None
    drill.end_with_another()
    assert_whole(drill)
    # The first page was not asked for again.
    assert drill.door.asked["/events"] == 3
