"""Four worker processes and one budget, measured where the requests arrive."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine, text

from local_paddle.guard import Limit
from local_paddle.server import Options, running
from models.reconciliation import RunScope
from tests.factories import make_due, one
from tests.fetching import let_ask
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess, starting
from worker.budget import BURST_SHARE, REFILL_SHARE
from worker.reconciliation import plan
from worker.rings import publish_ring, ringing_app
from worker.settings import Settings
from worker.work_tables import CUSTOMER_FETCHES, RUNS

pytestmark = pytest.mark.drill

KEY = "pdl_local_apikey_for_tests"
SECRET = "pdl_ntfset_01gkpjp8bkm3tm53kdgkx6sms7_6h3qd3uFSi9YCD3OLYAShQI90XTI5vEI"
WORKERS = 4
#: As Paddle has it: 30 lie ready, and 3.25 flow in each second.
A_MINUTE = 240
BURST, A_SECOND = A_MINUTE * BURST_SHARE, A_MINUTE * REFILL_SHARE / 60
#: More than lie ready; with what the runs ask the bucket is empty twice over.
CUSTOMERS = 54
#: Longer than anybody looks.
LONG_SECONDS = 600
QUEUES = ("fetch", "reconcile")
ASKED_FOR = "SELECT count(*) FROM customer_fetches WHERE state = 'fetched'"
WALKING = """
SELECT count(*) FROM reconciliation_runs WHERE stage = 'walk' AND state = 'pending'
"""
PAUSED_SINCE = """
SELECT extract(epoch FROM paused_until)::float - :seconds FROM provider_budgets
"""
#: Who has been told that nobody is asked now.
TOLD = """
SELECT count(DISTINCT worker) FROM attempts WHERE error LIKE '%left alone%'
"""


@dataclass
class Meter(Limit):
    """Paddle's limit, and when each request arrived."""

    arrived: list[float] = field(default_factory=list)
    #: What the next one is told to wait.
    wait_once: float | None = None

    def take(self, address: str) -> float | None:
        """Note a request; see ``Limit``."""
        self.arrived.append(time.time())
        wait, self.wait_once = self.wait_once, None
        return wait if wait is not None else super().take(address)


@dataclass
class Four:
    """The workers, and the local Paddle that they ask."""

    workers: list[CeleryProcess]
    meter: Meter
    customers: list[str]
    app: Celery

    def ring(self) -> None:
        """Let every worker look for something to do."""
        for task in (CUSTOMER_FETCHES.task, RUNS.task):
            for _ in range(WORKERS):
                publish_ring(self.app, task, [1])

    def ended(self) -> list[str]:
        """Return what the tasks that do not ask anybody came to."""
        lines = [line for w in self.workers for line in w.lines("task_succeeded")]
        return [str(one["outcome"]) for one in lines if one["task"] == "tests.sleep"]


@pytest.fixture(scope="module")
def four(
    process_env: Callable[..., dict[str, str]],
    make_settings: Callable[..., Settings],
    database_url: str,
    broker_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Four]:
    """Four workers with one child each, for what asks the provider."""
    with Redis.from_url(broker_url) as broker:
        broker.flushall()
    servers = {"database_url": database_url, "broker_url": broker_url}
    app = ringing_app(make_settings(**servers))
    folder = tmp_path_factory.mktemp("four")
    # Nobody listens there: this one only answers.
    options = Options(folder, KEY, SECRET, "http://127.0.0.1:9/")
    with running(options) as (paddle, url), starting(process_env, folder) as start:
        customers = _customers(url)
        asking = {
            "paddle_api_url": url,
            "paddle_api_key": KEY,
            "paddle_requests_per_minute": A_MINUTE,
            # A few at a time, so that there is something for all four.
            "batch_rows": 3,
            "retry_first_seconds": 0.05,
        }
        workers = [
            start(
                *("worker", "-Q", ",".join(QUEUES), "-c", "1", "-n", f"w{n}@here"),
                *("--without-gossip", "--without-mingle", "-I", "misbehaving"),
                **asking,
            )
            for n in range(WORKERS)
        ]
        eventually(lambda: all(map(_is_ready, workers)), what="all are ready")
        yield Four(workers, _measured(paddle.limit), customers, app)
    app.close()


def _customers(url: str) -> list[str]:
    with httpx.Client(base_url=url) as api:
        api.headers["Authorization"] = f"Bearer {KEY}"
        made = [
            api.post("/customers", json={"email": f"learner{n}@example.com"}).json()
            for n in range(CUSTOMERS)
        ]
    return [one["data"]["id"] for one in made]


def _is_ready(worker: CeleryProcess) -> bool:
    assert worker.popen.poll() is None, worker.log.read_text(errors="replace")
    return any(str(line["event"]).endswith("ready.") for line in worker.lines())


def _measured(limit: Limit) -> Meter:
    """Put a meter in the place of what the server has."""
    meter = Meter(A_MINUTE)
    limit.take = meter.take  # type: ignore[method-assign]
    return meter


@pytest.fixture
def asking(four: Four, engine: Engine, broker_url: str) -> Iterator[Four]:
    """The four, with customers to fetch and runs to make, and nobody asked yet."""
    four.meter.arrived.clear()
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO customer_fetches (provider, customer_id)"
                " SELECT 'paddle', unnest(CAST(:ids AS text[]))"
            ),
            {"ids": four.customers},
        )
        for kind in plan.OBJECTS:
            plan.start(connection, "paddle", kind, RunScope.ALL, asked_by="ada")
    yield four
    four.meter.wait_once = None
    let_ask(engine)
    # Whoever still works does so before the tables are emptied.
    with Redis.from_url(broker_url) as broker:
        for queue in QUEUES:
            broker.delete(queue)
        eventually(lambda: broker.hlen("unacked") == 0)


def most_in(window: float) -> float:
    """How many may arrive within so many seconds.

    What lies ready and what flows in, and one for each child: it may have had its turn
    just before. However slow the machine is, no child asks twice at a time.
    """
    return BURST + A_SECOND * window + WORKERS


def test_four_workers_never_exceed_the_budget(asking: Four, engine: Engine) -> None:
    def is_done() -> bool:
        asking.ring()
        time.sleep(0.2)
        return (one(engine, ASKED_FOR), one(engine, WALKING)) == (CUSTOMERS, 0)

    eventually(is_done, what="all were asked for")

    arrived = sorted(asking.meter.arrived)
    assert len(arrived) >= CUSTOMERS + len(plan.OBJECTS)
    assert len(arrived) > most_in(0), "or the budget would never have been used up"
    for first, begin in enumerate(arrived):
        for last in range(first, len(arrived)):
            assert last - first + 1 <= most_in(arrived[last] - begin)
    # Each of them had a part in it, and Paddle complained to none.
    assert all(worker.lines("customer_asked_for") for worker in asking.workers)
    assert one(engine, "SELECT count(*) FROM attempts WHERE error LIKE '%429%'") == 0


def test_a_pause_that_one_is_told_of_pauses_all_four_and_parks_none(
    asking: Four, engine: Engine
) -> None:
    asking.meter.wait_once = LONG_SECONDS

    def are_told() -> bool:
        for table in (CUSTOMER_FETCHES, RUNS):
            make_due(engine, table)
        asking.ring()
        time.sleep(0.2)
        return bool(one(engine, TOLD) == WORKERS)

    eventually(are_told, what="all four came for a turn and got none")
    since = one(engine, PAUSED_SINCE, seconds=LONG_SECONDS)
    # Who had a turn before the pause was written down may still have been on the way.
    late = [at for at in asking.meter.arrived if at > since]
    assert len(late) < WORKERS

    # Their children are free for whatever else is on their queue.
    for _ in range(2 * WORKERS):
        asking.app.send_task("tests.sleep", args=[0.3], queue="fetch")
    eventually(lambda: len(asking.ended()) == 2 * WORKERS, what="others ran")
    assert one(engine, ASKED_FOR) < CUSTOMERS

    let_ask(engine)
    before = len(asking.meter.arrived)

    def is_asked_again() -> bool:
        make_due(engine, CUSTOMER_FETCHES)
        asking.ring()
        time.sleep(0.2)
        return len(asking.meter.arrived) > before

    eventually(is_asked_again, what="they ask again")
