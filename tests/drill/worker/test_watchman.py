"""Beat, broker, workers or the database die, and the watchman stands by."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tests.factories import rows
from tests.fixtures.frozen import frozen
from tests.fixtures.platform import Platform, reply
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from worker.heartbeats import BEAT, WATCH, WATCHMAN, of_queue
from worker.processes.spawn import Program, spawn
from worker.pulses import QUEUES
from worker.servers.postgres import Postgres
from worker.servers.valkey import Valkey
from worker.settings import ROOT

pytestmark = pytest.mark.drill
Start = Callable[..., CeleryProcess]

#: A silence longer than a busy machine takes to start a process.
SHORT = {
    "alert_silent_seconds": 12,
    "alert_watch_seconds": 0.5,
    # Until all queues have followed the first that came back.
    "alert_calm_seconds": 6,
    "sweep_seconds": 0.5,
}
EVERYBODY = {BEAT, WATCH, WATCHMAN, *map(of_queue, QUEUES)}


@pytest.fixture
def start_watchman(
    process_env: Callable[..., dict[str, str]], tmp_path: Path
) -> Iterator[Start]:
    """Return a function that starts a watchman; settings are overrides."""
    started: list[CeleryProcess] = []

    def start(**overrides: object) -> CeleryProcess:
        command = (sys.executable, "-m", "worker.watchman")
        given = {"log_level": "INFO", "log_format": "json", **SHORT, **overrides}
        log = tmp_path / f"watchman-{len(started)}.log"
        with log.open("wb") as output:
            popen = spawn(Program(command, ROOT, process_env(**given)), output)
        started.append(CeleryProcess(popen, log))
        return started[-1]

    yield start
    for process in started:
        process.kill_all()


def living(engine: Engine) -> set[str]:
    """Who has shown himself more than once; nobody while the database is away.

    The first row may only say that somebody waits for him.
    """
    query = "SELECT name FROM heartbeats WHERE beat_at > since"
    try:
        return {name for (name,) in rows(engine, query)}
    except OperationalError:
        return set()


def states(engine: Engine) -> dict[str, str]:
    """Each alert's state by its fingerprint."""
    return dict(rows(engine, "SELECT fingerprint, state FROM alerts ORDER BY id"))


def titles(service: Platform) -> list[str]:
    return [json.loads(hook.body)["title"] for hook in service.hooks]


def here(service: Platform) -> str:
    return f"json://127.0.0.1:{service.port}/alerts"


@pytest.fixture
def start_everybody(
    engine: Engine,
    platform: Platform,
    start_celery: Start,
    start_worker: Start,
    start_watchman: Start,
) -> Callable[..., tuple[CeleryProcess, CeleryProcess]]:
    """Return a function that starts all and waits; it returns beat and watchman."""

    def start(**overrides: object) -> tuple[CeleryProcess, CeleryProcess]:
        given = {**SHORT, "alert_urls": here(platform), **overrides}
        beat = start_celery("beat", "-S", "worker.beat:Scheduler", **given)
        start_worker(processes=2, **given)
        watchman = start_watchman(**given)
        eventually(lambda: living(engine) >= EVERYBODY, what="all live")
        return beat, watchman

    return start


def test_the_death_of_beat_is_told_by_the_watchman(
    broker: Redis,
    engine: Engine,
    platform: Platform,
    start_everybody: Callable[..., tuple[CeleryProcess, CeleryProcess]],
) -> None:
    beat, watchman = start_everybody()

    beat.kill_all()

    eventually(lambda: titles(platform), what="it is told")
    assert states(engine) == {"silent:beat": "open"}
    assert "Beat is silent" in titles(platform)[0]
    assert len(watchman.lines("watchman_stands_in")) == 1


def test_the_death_of_the_broker_is_told_by_the_watchman_alone(
    own_valkey: Valkey,
    engine: Engine,
    platform: Platform,
    start_everybody: Callable[..., tuple[CeleryProcess, CeleryProcess]],
) -> None:
    _, watchman = start_everybody(broker_url=own_valkey.url)

    own_valkey.kill()

    eventually(lambda: watchman.lines("watchman_sent"), what="he has sent something")
    assert states(engine) == {"silent:broker": "open"}
    (title,) = titles(platform)
    assert "Nothing comes out of any queue" in title

    own_valkey.start()
    over = {"silent:broker": "resolved"}
    eventually(lambda: states(engine) == over, what="it is over")
    eventually(lambda: len(titles(platform)) == 2, what="that it is over is told")
    assert "OVER" in titles(platform)[1]
    eventually(lambda: watchman.lines("watchman_stands_down"), what="others watch")


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_database_that_is_away_is_told_of_once_and_outlived(
    how: str, own_postgres: Postgres, own_engine: Engine, start_watchman: Start
) -> None:
    watchman = start_watchman(database_url=own_postgres.url)
    eventually(lambda: WATCHMAN in living(own_engine), what="he lives")
    own_engine.dispose()

    def blind() -> list[dict[str, object]]:
        return watchman.lines("watchman_blind")

    if how == "killed":
        own_postgres.kill()
        eventually(blind, what="he says that he is blind")
        own_postgres.start()
    else:
        with frozen(own_postgres):
            eventually(blind, what="he says that he is blind")
    eventually(lambda: watchman.lines("watchman_sees_again"), what="he sees again")

    assert [line["level"] for line in blind()] == ["error"]
    assert watchman.popen.poll() is None
    assert watchman.terminate() == 0
    assert watchman.lines("watchman_stopped")


def test_he_can_be_stopped_while_the_database_is_frozen(
    own_postgres: Postgres, own_engine: Engine, start_watchman: Start
) -> None:
    watchman = start_watchman(database_url=own_postgres.url)
    eventually(lambda: WATCHMAN in living(own_engine), what="he lives")
    own_engine.dispose()
    with frozen(own_postgres):
        eventually(lambda: watchman.lines("watchman_blind"), what="he hangs")
        assert watchman.terminate() == 0


def test_a_message_on_its_way_is_sent_to_its_end_when_he_is_stopped(
    engine: Engine, platform: Platform, start_watchman: Start
) -> None:
    def slowly(request: BaseHTTPRequestHandler) -> None:
        time.sleep(2)  # longer than an idle watchman takes to end
        reply(request, 204)

    platform.answer = slowly
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO alert_messages
              (key, kind, severity, title, body, next_attempt_at)
            VALUES ('digest:x', 'digest', 'info', 'A day', 'went by',
                    now() - interval '31 s')
            """)
        )
    watchman = start_watchman(alert_urls=here(platform))
    eventually(lambda: platform.hooks, what="it is on its way")

    assert watchman.terminate() == 0

    assert rows(engine, "SELECT state FROM alert_messages") == [("sent",)]
    assert titles(platform) == ["A day"]


def test_he_refuses_the_database_of_another_environment(
    engine: Engine, start_watchman: Start
) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO deployment VALUES (1, 'production')"))
    watchman = start_watchman()
    assert watchman.popen.wait(60) == 1
    assert "belongs to the production environment" in watchman.log.read_text()
