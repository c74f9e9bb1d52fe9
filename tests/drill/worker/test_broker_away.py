"""The broker forgets, dies, freezes; rings get lost: the rows are worked on all the same.

The rows are events of a type that is not handled, so that each ends by one claim.
"""

import json
import os
import signal
import time
from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from tests.fixtures.events import all_are_done, deliver
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from worker.rings import publish_ring, ringing_app
from worker.servers.valkey import Valkey
from worker.settings import Settings

pytestmark = pytest.mark.drill
Start = Callable[..., CeleryProcess]


@pytest.fixture
def start_engine_room(
    start_celery: Start, start_worker: Start
) -> Callable[..., CeleryProcess]:
    """Start a worker for all queues and a beat; return the worker."""

    def start(beats: int = 1, **overrides: object) -> CeleryProcess:
        given = {"sweep_seconds": 0.5} | overrides
        worker = start_worker(processes=2, **given)
        for _ in range(beats):
            start_celery("beat", "-S", "worker.beat:Scheduler", **given)
        return worker

    return start


def test_rows_that_nobody_rang_for_are_swept(
    broker: Redis, engine: Engine, start_engine_room: Start
) -> None:
    deliver(engine, 250)
    start_engine_room()
    all_are_done(engine, 250)


def test_two_beats_do_the_work_once(
    broker: Redis, engine: Engine, start_engine_room: Start
) -> None:
    deliver(engine, 250)
    start_engine_room(beats=2)
    all_are_done(engine, 250)
    time.sleep(1)
    with engine.connect() as connection:
        claims = connection.scalar(text("SELECT max(attempts) FROM inbox"))
    assert claims == 1
    eventually(lambda: broker.llen("sweep") <= 2, what="no ticks pile up")


def test_a_broker_that_forgot_everything_costs_nothing(
    own_valkey: Valkey,
    engine: Engine,
    make_settings: Callable[..., Settings],
    start_engine_room: Start,
) -> None:
    worker = start_engine_room(broker_url=own_valkey.url)
    os.killpg(worker.pid, signal.SIGSTOP)
    ids = deliver(engine, 250)
    rings = ringing_app(make_settings(broker_url=own_valkey.url))
    eventually(lambda: publish_ring(rings, "events.record", ids), what="it is rung")
    rings.close()
    with Redis.from_url(own_valkey.url) as client:
        # One may be on its way to the frozen worker, which is as good as lost.
        assert client.llen("critical") >= 1
        client.flushall()
    os.killpg(worker.pid, signal.SIGCONT)
    all_are_done(engine, 250)


def test_a_broker_that_is_killed_and_started_again_is_found_again(
    own_valkey: Valkey, engine: Engine, start_engine_room: Start
) -> None:
    worker = start_engine_room(broker_url=own_valkey.url)
    own_valkey.kill()
    deliver(engine, 250)
    time.sleep(1)
    own_valkey.start()
    all_are_done(engine, 250)
    assert worker.popen.poll() is None


def test_a_worker_in_the_middle_of_a_task_outlives_the_broker(
    own_valkey: Valkey,
    engine: Engine,
    make_settings: Callable[..., Settings],
    start_worker: Start,
) -> None:
    # With a process to spare: it waits for the next message when the broker goes.
    queues = "critical,maintenance"
    worker = start_worker(queues, processes=2, broker_url=own_valkey.url)
    rings = ringing_app(make_settings(broker_url=own_valkey.url))
    rings.send_task("tests.sleep", args=[2])
    with Redis.from_url(own_valkey.url) as client:
        eventually(lambda: client.hlen("unacked") == 1, what="it is being worked on")
    own_valkey.kill()
    lost = "Connection to broker lost"
    eventually(
        lambda: any(lost in str(line["event"]) for line in worker.lines()),
        what="the worker has noticed",
    )
    own_valkey.start()

    ids = deliver(engine, 3)
    eventually(lambda: publish_ring(rings, "events.record", ids), what="it is rung")
    all_are_done(engine, 3)
    assert worker.popen.poll() is None
    rings.close()


def test_a_broker_that_froze_goes_on(
    own_valkey: Valkey, engine: Engine, start_engine_room: Start
) -> None:
    worker = start_engine_room(broker_url=own_valkey.url)
    assert own_valkey.pid is not None
    os.kill(own_valkey.pid, signal.SIGSTOP)
    deliver(engine, 250)
    time.sleep(5)
    os.kill(own_valkey.pid, signal.SIGCONT)
    all_are_done(engine, 250)
    assert worker.popen.poll() is None


def test_a_message_that_died_with_its_worker_is_not_needed(
    broker: Redis, engine: Engine, start_engine_room: Start, start_worker: Start
) -> None:
    # Redis' own gap: popped, and not yet written down by a worker that is killed.
    frozen = start_worker("critical")
    os.killpg(frozen.pid, signal.SIGSTOP)
    ids = deliver(engine, 3)
    broker.lpush("critical", json.dumps({"ids": ids}))
    frozen.kill_all()
    start_engine_room()
    all_are_done(engine, 3)
