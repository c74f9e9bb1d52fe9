"""The doctor names queues that nobody serves, workers of two releases, and Flower."""

from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import Engine

from tests.fixtures.answering import Answering, reply
from tests.fixtures.workers import QUEUES, CeleryProcess
from tests.integration.worker.doctor.conftest import Ask, Configure, beat
from worker.processes.ports import free_port

Start = Callable[..., CeleryProcess]


@pytest.fixture
def stage(configured: Configure, engine: Engine, broker: Redis) -> Engine:
    """A deployment whose broker and database are the session's."""
    configured()
    return engine


def test_without_workers_nobody_serves_anything(ask: Ask, stage: Engine) -> None:
    told = ask("queues", "release")

    assert told.exit_code == 2
    assert told.words("queues").startswith("No worker answers: Nobody serves critical")
    assert "of the Procfile" in told.command("queues")
    assert told.severity("release") == "skipped"


def test_a_queue_that_was_served_a_moment_ago_is_only_looked_at(
    ask: Ask, stage: Engine
) -> None:
    beat(stage, *(f"queue:{queue}" for queue in QUEUES.split(",")))

    told = ask("queues")

    assert told.exit_code == 1
    assert told.words("queues").startswith("Served lately, and no worker answers")


@pytest.mark.drill
def test_workers_of_this_release_serve_all_or_are_missed(
    ask: Ask, stage: Engine, start_worker: Start
) -> None:
    worker = start_worker()
    well = ask("queues", "release", "connections")
    worker.terminate()
    start_worker(queues=QUEUES.replace("critical,", "").replace("notify,", ""))

    told = ask("queues")

    assert well.exit_code == 0
    assert well.words("queues") == "7 queues, 1 worker"
    assert well.words("connections").startswith("1 worker and the others may need 16")
    assert told.exit_code == 2
    assert told.words("queues") == "Nobody serves critical and notify."
    assert told.command("queues").startswith("start worker and notify of the Procfile")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, (0, "answers at http://127.0.0.1:")),
        (401, (1, "Flower does not take FLOWER_BASIC_AUTH")),
        (503, (1, "Flower answers 503.")),
    ],
    ids=["well", "another password", "trouble"],
)
def test_what_flower_answers_is_told(
    ask: Ask,
    configured: Configure,
    answering: Answering,
    status: int,
    expected: tuple[int, str],
) -> None:
    port = int(answering.url.rpartition(":")[2])
    configured(flower_basic_auth="operator:secret", flower_port=port)
    answering.answer = lambda request: reply(request, status)

    told = ask("flower")

    assert told.exit_code == expected[0]
    assert told.words("flower").startswith(expected[1])


def test_a_flower_that_is_away_is_told(ask: Ask, configured: Configure) -> None:
    configured(flower_basic_auth="operator:secret", flower_port=free_port())

    told = ask("flower")

    assert told.exit_code == 1
    assert "Flower does not answer" in told.words("flower")
    assert "secret" not in told.words("flower")
