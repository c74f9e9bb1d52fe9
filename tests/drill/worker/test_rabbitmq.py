"""The same workers on RabbitMQ: quorum queues, garbage, and a child that is lost.

Needs ``RABBITMQ_URL``: an empty virtual host for this test alone.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pytest
from celery import Celery
from kombu import Connection
from sqlalchemy import Engine, text

import celeryconfig
from tests.factories import rows
from tests.fixtures.events import all_are_done, deliver
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from tests.opening import send_as_told
from worker.broker import quorum_queues
from worker.doctor.broker import CHECKS
from worker.doctor.scene import Scene
from worker.rings import publish_ring, ringing_app
from worker.settings import Settings

URL = os.environ.get("RABBITMQ_URL", "")
pytestmark = [
    pytest.mark.drill,
    pytest.mark.rabbitmq,
    pytest.mark.skipif(not URL, reason="RABBITMQ_URL is not set"),
]
Start = Callable[..., CeleryProcess]


@pytest.fixture
def rabbitmq() -> Iterator[Connection]:
    """A connection; the queues are deleted before and after."""
    with Connection(URL) as connection:
        _delete_queues(connection)
        yield connection
        _delete_queues(connection)


@pytest.fixture
def rings(
    rabbitmq: Connection, make_settings: Callable[..., Settings]
) -> Iterator[Celery]:
    app = ringing_app(make_settings(broker_url=URL))
    yield app
    app.close()


def _delete_queues(connection: Connection) -> None:
    channel: Any = connection.default_channel
    for queue in celeryconfig.task_queues:
        channel.queue_delete(queue.name)


def test_rings_and_the_sweep_work(
    engine: Engine, rings: Celery, start_worker: Start, start_celery: Start
) -> None:
    start_worker(processes=2, broker_url=URL, sweep_seconds=0.5)
    assert publish_ring(rings, "events.record", deliver(engine, 100))
    all_are_done(engine, 100)
    start_celery(
        "beat", "-S", "worker.beat:Scheduler", broker_url=URL, sweep_seconds=0.5
    )
    deliver(engine, 100, "evt_swept_")
    all_are_done(engine, 200)


def test_a_shop_s_own_celery_reaches_the_task_that_opens_checkouts(
    engine: Engine, rabbitmq: Connection, start_worker: Start
) -> None:
    worker = start_worker("fetch", broker_url=URL)

    send_as_told(URL)

    eventually(lambda: worker.lines("task_succeeded"), what="the task ran")
    asked = rows(engine, "SELECT owner, reference, state FROM checkouts")
    assert asked == [("user-42", "order-17", "pending")]


def test_the_doctor_tells_of_queues_what_is_there(
    rabbitmq: Connection, make_settings: Callable[..., Settings]
) -> None:
    (durable,) = (one for one in CHECKS if one.name == "broker keeps")
    scene = Scene(make_settings(broker_url=URL))
    (none,) = durable.look(scene)
    first, second, *_ = quorum_queues()
    first(rabbitmq.channel()).declare()
    (one,) = durable.look(scene)
    second.queue_arguments = {}
    second(rabbitmq.channel()).declare()
    (other,) = durable.look(scene)

    assert none.words == "there is no queue yet: the workers make them"
    assert one.words == "1 quorum queue, publishing is confirmed"
    assert other.words.startswith(f"No quorum queues: {second.name}.")


def of_another_password(url: SplitResult) -> SplitResult:
    server = url.netloc.rpartition("@")[2]
    return url._replace(netloc=f"{url.username}:another@{server}")


def of_another_host(url: SplitResult) -> SplitResult:
    return url._replace(path="/no-such-host")


@pytest.mark.parametrize(
    ("otherwise", "expected"),
    [
        (of_another_password, "does not take user and password"),
        (of_another_host, "has no virtual host"),
    ],
)
def test_the_doctor_tells_why_it_is_not_let_in(
    make_settings: Callable[..., Settings],
    otherwise: Callable[[SplitResult], SplitResult],
    expected: str,
) -> None:
    url = otherwise(urlsplit(URL)).geturl()
    (there,) = (one for one in CHECKS if one.name == "broker")

    (told,) = there.look(Scene(make_settings(broker_url=url)))

    assert told.severity == "broken"
    assert expected in told.words
    assert "BROKER_URL" in told.command


def test_garbage_is_filed_and_a_lost_child_frees_its_message(
    engine: Engine, rings: Celery, start_worker: Start, rabbitmq: Connection
) -> None:
    worker = start_worker("maintenance", broker_url=URL)
    with rabbitmq.Producer() as producer:
        options: dict[str, Any] = {"exchange": "", "routing_key": "maintenance"}
        producer.publish(b'{"a": 1}', content_type="application/json", **options)
        producer.publish(b"\x80\x04.", content_type="application/x-pickle", **options)
        producer.publish(
            b"not JSON",
            content_type="application/json",
            content_encoding="utf-8",
            headers={"task": "tests.sleep", "id": "t1"},
            **options,
        )
    rings.send_task("tests.no_such")
    rings.send_task("tests.die")
    rings.send_task("tests.sleep", args=[0])
    eventually(lambda: worker.lines("task_succeeded"), what="the good one ran")
    with engine.connect() as connection:
        query = text("SELECT error_class FROM dead_letters ORDER BY error_class")
        filed = list(connection.execute(query).scalars())
    assert filed == [
        "UndecodableMessage",
        "UnknownMessage",
        "UnknownMessage",
        "UnknownTask",
    ]
    assert worker.terminate() == 0
    channel: Any = rabbitmq.default_channel
    left = channel.queue_declare("maintenance", passive=True)
    assert left.message_count == 0
