"""Whatever dies or freezes: what was answered 200 is on disk, and answers come in time."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest

from bench.load import LoadResult, body_of, run_load
from tests.fixtures.receivers import (
    HASTY,
    PATIENT,
    Running,
    StartReceiver,
    requests_of,
    stored_ids,
)
from worker.servers.postgres import Postgres
from worker.servers.valkey import Valkey

pytestmark = pytest.mark.drill

#: When the sender gives up. Of that 2 s are the request's; a busy machine may add as
#: much again.
IN_TIME_SECONDS = 5
#: A load is signed before it begins; on a busy machine its end is a minute away.
LONG = {"paddle_tolerance_seconds": 300}


@pytest.fixture
def database(own_postgres: Postgres) -> str:
    """Of a server that the test may hurt."""
    return own_postgres.url


class Load:
    """A load that runs beside the test."""

    def __init__(self, receiver: Running, count: int, connections: int = 32) -> None:
        self.ids = [f"evt_{number:06}" for number in range(count)]
        self._requests = requests_of(self.ids, size_bytes=1500)
        self._pool = ThreadPoolExecutor(1)
        self._future: Future[LoadResult] = self._pool.submit(
            run_load, receiver.address, self._requests, connections, 150
        )

    def result(self) -> LoadResult:
        """Wait for the end."""
        result = self._future.result(160)
        self._pool.shutdown()
        return result

    def acknowledged(self) -> set[str]:
        """Return the ids that were answered 200."""
        statuses = zip(self.ids, self.result().statuses, strict=True)
        return {event_id for event_id, status in statuses if status == 200}


@pytest.fixture
def frozen() -> Iterator[Callable[[int], None]]:
    """A function that freezes a process and its children until the test ends."""
    pids: list[int] = []

    def freeze(pid: int) -> None:
        found = [pid, *children_of(pid)]
        pids.extend(found)
        for each in found:
            os.kill(each, signal.SIGSTOP)

    yield freeze
    thaw(pids)


def thaw(pids: list[int]) -> None:
    for pid in reversed(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
        return [int(child) for child in file.read().split()]


def wait_for(receiver: Running, acknowledged: int) -> None:
    until = time.monotonic() + 60
    line = "paddlewheel_acknowledgement_seconds_count"
    while receiver.metric(line) < acknowledged:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_receiver_has_stored_all_that_it_acknowledged(
    start_receiver: StartReceiver, database: str
) -> None:
    receiver = start_receiver(PATIENT, **LONG, database_url=database)
    load = Load(receiver, 8000)
    wait_for(receiver, 1000)
    receiver.process.kill()
    acknowledged = load.acknowledged()
    assert 1000 <= len(acknowledged) < 8000
    stored = stored_ids(database)
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_receiver_ends_well_and_answers_what_it_took(
    start_receiver: StartReceiver, database: str, number: signal.Signals
) -> None:
    receiver = start_receiver(PATIENT, **LONG, database_url=database)
    load = Load(receiver, 8000)
    wait_for(receiver, 1000)
    receiver.process.send_signal(number)
    assert receiver.process.wait(60) == 0
    stored = set(stored_ids(database))
    acknowledged = load.acknowledged()
    # Nothing is stored that was not answered: all that was taken was finished.
    assert acknowledged == stored
    assert 1000 <= len(acknowledged) < 8000
    assert set(load.result().counts) <= {200, None}


def test_a_restarted_database_loses_nothing_that_was_acknowledged(
    start_receiver: StartReceiver, database: str, own_postgres: Postgres
) -> None:
    receiver = start_receiver(**LONG, database_url=database)
    load = Load(receiver, 12000)
    wait_for(receiver, 1000)
    own_postgres.kill()
    own_postgres.restart()
    acknowledged = load.acknowledged()
    assert load.result().latency_ms(1) < IN_TIME_SECONDS * 1000
    assert set(load.result().counts) <= {200, 503}
    receiver.wait_connected(database)
    assert receiver.post(body_of("evt_after")) == 200
    stored = stored_ids(database)
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))


def test_a_frozen_database_is_a_503_in_time_and_passes(
    start_receiver: StartReceiver,
    database: str,
    own_postgres: Postgres,
    frozen: Callable[[int], None],
) -> None:
    receiver = start_receiver(database_url=database)
    assert receiver.post(body_of("evt_before")) == 200
    pid = own_postgres.pid
    assert pid is not None
    stopped = [pid, *children_of(pid)]
    frozen(pid)
    result = run_load(
        receiver.address, requests_of([f"evt_{n}" for n in range(64)]), 32
    )
    assert result.counts == {503: 64}
    assert result.latency_ms(1) < IN_TIME_SECONDS * 1000
    assert receiver.get("/health")[0] == 200
    assert receiver.get("/ready") == (503, "the database cannot be reached\n")
    thaw(stopped)
    receiver.wait_connected(database)
    began = time.monotonic()
    assert receiver.post(body_of("evt_after")) == 200
    assert time.monotonic() - began < IN_TIME_SECONDS
    assert {"evt_before", "evt_after"} <= set(stored_ids(database))


def test_a_frozen_database_holds_up_no_stop(
    start_receiver: StartReceiver,
    database: str,
    own_postgres: Postgres,
    frozen: Callable[[int], None],
) -> None:
    receiver = start_receiver(HASTY, database_url=database)
    assert receiver.post(body_of("evt_1")) == 200
    assert own_postgres.pid is not None
    frozen(own_postgres.pid)
    assert receiver.post(body_of("evt_2")) == 503
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.process.wait(60) == 0


def test_without_a_database_it_starts_and_answers_503_until_it_comes(
    start_receiver: StartReceiver, database: str, own_postgres: Postgres
) -> None:
    start_receiver(database_url=database).process.kill()
    own_postgres.stop()
    receiver = start_receiver(database_url=database, path="/health")
    began = time.monotonic()
    assert b"retry-after" in receiver.ask(requests_of(["evt_1"])[0])
    assert time.monotonic() - began < IN_TIME_SECONDS
    own_postgres.start()
    receiver.wait_connected(database)
    assert receiver.post(body_of("evt_1")) == 200


def test_a_frozen_broker_delays_no_answer(
    start_receiver: StartReceiver,
    database: str,
    own_valkey: Valkey,
    frozen: Callable[[int], None],
) -> None:
    receiver = start_receiver(PATIENT, database_url=database, broker_url=own_valkey.url)
    assert receiver.post(body_of("evt_warm")) == 200
    assert own_valkey.pid is not None
    frozen(own_valkey.pid)
    result = run_load(
        receiver.address, requests_of([f"evt_{n}" for n in range(500)]), 8
    )
    assert result.counts == {200: 500}
    # Who waited for the broker would wait for its time-out of 1 s, in every group.
    assert result.latency_ms(0.5) < 1000
    assert len(stored_ids(database)) == 501


def test_a_broker_that_is_away_delays_no_answer(
    start_receiver: StartReceiver, database: str
) -> None:
    away = "redis://127.0.0.1:9/0"
    receiver = start_receiver(PATIENT, database_url=database, broker_url=away)
    result = run_load(
        receiver.address, requests_of([f"evt_{n}" for n in range(500)]), 8
    )
    assert result.counts == {200: 500}
    assert result.latency_ms(0.5) < 1000
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.process.wait(60) == 0


def test_rows_locked_by_others_are_a_503_in_time(
    start_receiver: StartReceiver, database: str
) -> None:
    import psycopg  # noqa: PLC0415

    receiver = start_receiver(database_url=database)
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert receiver.post(body_of("evt_1")) == 503
        assert time.monotonic() - began < IN_TIME_SECONDS
        connection.rollback()
    receiver.wait_connected(database)
    assert receiver.post(body_of("evt_1")) == 200
