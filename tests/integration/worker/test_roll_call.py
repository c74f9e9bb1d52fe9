"""Workers are asked until all queues are served; who cannot be asked is a sentence."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from kombu import Connection
from kombu.pidbox import Mailbox
from redis import Redis

from tests.fixtures.processes import eventually
from worker import roll_call
from worker.doctor.scene import Scene
from worker.doctor.workers import About, abouts
from worker.processes.ports import free_port
from worker.pulses import QUEUES
from worker.release_mark import ABOUT
from worker.roll_call import BrokerAwayError, served
from worker.settings import Settings

Configure = Callable[..., Settings]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as a busy machine needs to answer."""
    monkeypatch.setattr(roll_call, "SILENCE_SECONDS", 1)
    monkeypatch.setattr(roll_call, "PATIENCE_SECONDS", 3)


@contextmanager
def worker(
    broker: Redis, url: str, name: str, *answers: Any, question: str = "active_queues"
) -> Iterator[list[str]]:
    """Answer as a worker does, the last answer again and again; return what was asked.

    An answer that is an exception is what a worker says that cannot tell.
    """
    asked: list[str] = []
    over = threading.Event()

    def reply(_state: object, **_: object) -> Any:
        answer = answers[min(len(asked), len(answers) - 1)]
        asked.append(name)
        if isinstance(answer, Exception):
            raise answer
        return answer if question == ABOUT else [{"name": queue} for queue in answer]

    before = listeners(broker)
    handlers = {question: reply}
    thread = threading.Thread(target=listen, args=(url, name, handlers, over))
    thread.start()
    try:
        eventually(lambda: listeners(broker) > before, what="it listens")
        yield asked
    finally:
        over.set()
        thread.join()


def listen(
    url: str, name: str, handlers: dict[str, Any], over: threading.Event
) -> None:
    with Connection(url) as connection:
        mailbox = Mailbox("celery", "fanout", connection, serializer="json")
        node = mailbox.Node(name, handlers=handlers)
        node.channel = connection.default_channel
        with node.listen(callback=node.handle_message):
            while not over.is_set():
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.05)


def listeners(broker: Redis) -> int:
    listed: Sequence[dict[str, str]] = broker.client_list()
    return sum(one["sub"] != "0" or one["psub"] != "0" for one in listed)


def test_once_all_queues_are_served_nobody_is_asked_again(
    broker: Redis, broker_url: str, configured: Configure
) -> None:
    with (
        worker(broker, broker_url, "w1@host", QUEUES[:3]) as first,
        worker(broker, broker_url, "w2@host", QUEUES[3:]) as second,
    ):
        found = served(configured())

    assert found == {"w1@host": frozenset(QUEUES[:3]), "w2@host": frozenset(QUEUES[3:])}
    assert (len(first), len(second)) == (1, 1)


def test_while_a_queue_is_not_served_all_are_asked_once_more(
    broker: Redis, broker_url: str, configured: Configure
) -> None:
    busy = RuntimeError("busy")
    with (
        worker(broker, broker_url, "w1@host", QUEUES[:3]) as first,
        worker(broker, broker_url, "w2@host", busy, QUEUES[3:]) as second,
    ):
        found = served(configured())

    assert found == {"w1@host": frozenset(QUEUES[:3]), "w2@host": frozenset(QUEUES[3:])}
    assert (len(first), len(second)) == (2, 2)


def test_the_doctor_asks_each_worker_for_its_release_again(
    broker: Redis, broker_url: str, configured: Configure
) -> None:
    scene = Scene(configured())
    told = [{"release": name, "processes": 1} for name in ("new", "old")]
    with (
        worker(broker, broker_url, "w1@host", told[0], question=ABOUT) as first,
        worker(
            *(broker, broker_url, "w2@host", RuntimeError("busy"), told[1]),
            question=ABOUT,
        ) as second,
    ):
        found = abouts(scene)

    assert found == {"w1@host": About("new", 1), "w2@host": About("old", 1)}
    assert (len(first), len(second)) == (2, 2)


def test_where_nobody_answers_there_is_nobody(
    broker: Redis, configured: Configure
) -> None:
    assert served(configured()) == {}


def test_a_broker_that_is_away_is_no_lack_of_workers(configured: Configure) -> None:
    config = configured(broker_url=f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(BrokerAwayError):
        served(config)
