"""The doctor names each of our processes that runs another release than lies here."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from prometheus_client import generate_latest
from redis import Redis
from sqlalchemy import Engine

from tests.fixtures.answering import Answering
from tests.fixtures.workers import CeleryProcess
from tests.integration.worker.doctor.conftest import Ask, Configure
from web_hook.metrics import Metrics
from worker.heartbeats import BEAT, WATCHMAN, beat
from worker.processes.ports import free_port
from worker.release_mark import release_mark

Start = Callable[..., CeleryProcess]
LONG_AGO = "UPDATE heartbeats SET beat_at = now() - interval '1 h' WHERE name = 'beat'"


@pytest.fixture
def stage(configured: Configure, engine: Engine, broker: Redis) -> Engine:
    """A deployment of which nothing runs yet."""
    configured(web_port=free_port())
    return engine


def show(engine: Engine, **releases: str | None) -> None:
    """Leave signs of life of processes that run these."""
    with engine.begin() as connection:
        for name, release in releases.items():
            beat(connection, name, release=release)


def test_where_nobody_runs_nothing_is_compared(ask: Ask, stage: Engine) -> None:
    show(stage, **{BEAT: "of_before"})
    with stage.begin() as connection:
        connection.exec_driver_sql(LONG_AGO)

    told = ask("release")

    assert told.severity("release") == "skipped"


def test_beat_and_the_watchman_are_compared(ask: Ask, stage: Engine) -> None:
    ours = release_mark()
    show(stage, **{BEAT: ours, WATCHMAN: ours})
    well = ask("release")
    show(stage, **{BEAT: "of_before", WATCHMAN: None})

    told = ask("release")

    assert well.words("release") == f"run by beat, the watchman ({ours})"
    assert told.exit_code == 1
    assert told.words("release").endswith(
        ": beat runs of_before, the watchman runs one that cannot say."
    )
    assert "start them again" in told.command("release")


@pytest.fixture
def listens(
    stage: Engine, configured: Configure, answering: Answering
) -> Callable[[str], None]:
    """Return a function that has somebody say this where the receiver would be."""
    del stage
    configured(web_port=int(answering.url.rpartition(":")[2]))

    def say(words: str) -> None:
        answering.answer = lambda request: reply_in_text(request, words)

    return say


def reply_in_text(request: BaseHTTPRequestHandler, words: str) -> None:
    request.send_response(200)
    request.send_header("content-length", str(len(words)))
    request.end_headers()
    request.wfile.write(words.encode())


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ('paddlewheel_release{release="of_before"} 1.0', "runs of_before."),
        ("paddlewheel_group_rows_count 0.0", "runs one that cannot say."),
    ],
    ids=["another", "older"],
)
def test_a_receiver_of_another_release_is_named(
    ask: Ask, listens: Callable[[str], None], numbers: str, expected: str
) -> None:
    listens(numbers)

    told = ask("release")

    assert told.exit_code == 1
    assert told.words("release").endswith(f": the receiver {expected}")


def test_what_a_receiver_of_this_release_tells_is_understood(
    ask: Ask, listens: Callable[[str], None]
) -> None:
    listens(generate_latest(Metrics().registry).decode())

    assert ask("release").words("release") == f"run by the receiver ({release_mark()})"


def test_somebody_else_s_server_is_no_receiver(
    ask: Ask, listens: Callable[[str], None]
) -> None:
    listens("hello")

    assert ask("release").severity("release") == "skipped"


@pytest.mark.drill
def test_a_worker_of_another_release_is_named(
    ask: Ask, stage: Engine, start_worker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker()
    monkeypatch.setattr("worker.doctor.releases.release_mark", lambda: "deployed")

    told = ask("release")

    assert told.exit_code == 1
    assert "the release that lies here (deployed): t" in told.words("release")
    assert "start them again" in told.command("release")
