"""Garbage in the queue: filed as dead letters, and the worker takes the next message."""

import base64
import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine, text

from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess

pytestmark = pytest.mark.drill

CANARY = "ada@example.com"
Start = Callable[..., CeleryProcess]


def frame(body: object, **changes: Any) -> dict[str, Any]:
    """Return a message as kombu writes it into a Redis list."""
    headers = {
        "lang": "py",
        "task": "tests.sleep",
        "id": str(uuid.uuid4()),
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": "()",
        "kwargsrepr": "{}",
    }
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    made: dict[str, Any] = {
        "body": base64.b64encode(raw).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers | changes.pop("headers", {}),
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": "maintenance"},
            "delivery_mode": 2,
            "delivery_tag": str(uuid.uuid4()),
            "priority": 0,
        },
    }
    return made | changes


RIGHT = [[0], {}, {}]
#: Message, and the class of the dead letter that it becomes.
GARBAGE = {
    "no 3-list": (frame({"a": CANARY}), "InvalidMessage"),
    "a number": (frame(5), "InvalidMessage"),
    "list of two": (frame([[0], {}]), "InvalidMessage"),
    "arguments no list": (frame([5, {}, {}]), "InvalidMessage"),
    "no JSON": (frame(b"\x00{" + CANARY.encode()), "UndecodableMessage"),
    "not Unicode": (frame(b"\xff\xfe[]"), "UndecodableMessage"),
    "nested deep": (frame(b"[" * 200_000), "UndecodableMessage"),
    "pickle": (
        frame(b"cos\nsystem\n", **{"content-type": "application/x-python-serialize"}),
        "ContentRefused",
    ),
    "unknown type": (frame(RIGHT, **{"content-type": "text/odd"}), "ContentRefused"),
    "compressed": (
        frame(RIGHT, headers={"compression": "application/x-gzip"}),
        "UndecodableMessage",
    ),
    "unknown task": (frame(RIGHT, headers={"task": "no.such"}), "UnknownTask"),
    "task is a list": (frame(RIGHT, headers={"task": ["x"]}), "UnknownMessage"),
    "no task": (frame(RIGHT, headers={"task": None}), "UnknownMessage"),
    "no headers": (frame(RIGHT, headers={}) | {"headers": {}}, "UnknownMessage"),
    "no id": (frame(RIGHT, headers={"id": None}), "InvalidMessage"),
    "NUL in the id": (frame({}, headers={"id": "a\x00\n\u202eb"}), "InvalidMessage"),
    "bad ETA": (frame(RIGHT, headers={"eta": "tomorrow"}), "InvalidMessage"),
    "bad limits": (frame(RIGHT, headers={"timelimit": ["a", "b"]}), "InvalidMessage"),
    "wrong arguments": (frame([[1, 2, 3, 4], {}, {}]), "WrongArguments"),
}


#: Items of the list that kombu cannot even take for a message.
NO_MESSAGES = [
    b"no JSON at all",
    b"\xff\xfe",
    b"[1, 2]",
    b"null",
    b"{}",
    b'{"properties": 5}',
    json.dumps(frame(RIGHT) | {"headers": 5}).encode(),
    json.dumps(frame(RIGHT) | {"body": "not base 64!"}).encode(),
]


def succeeded_at_least(worker: CeleryProcess, count: int) -> bool:
    return len(worker.lines("task_succeeded")) >= count


def letters(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        query = text("SELECT error_class FROM dead_letters ORDER BY id")
        return list(connection.execute(query).scalars())


def test_every_kind_of_garbage_is_filed_and_the_worker_lives(
    broker: Redis, engine: Engine, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance")
    for message, _ in GARBAGE.values():
        broker.lpush("maintenance", json.dumps(message))
    sender.send_task("tests.sleep", args=[0])
    eventually(lambda: worker.lines("task_succeeded"), what="the good one ran")
    eventually(lambda: len(letters(engine)) == len(GARBAGE), what="all were filed")
    assert sorted(letters(engine)) == sorted(kind for _, kind in GARBAGE.values())
    assert worker.popen.poll() is None
    eventually(lambda: broker.hlen("unacked") == 0, what="nothing is left behind")
    assert CANARY not in worker.log.read_text()


def test_items_that_are_no_messages_cost_reconnects_at_most(
    broker: Redis, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance")
    for number, item in enumerate(NO_MESSAGES, start=1):
        broker.lpush("maintenance", item)
        sender.send_task("tests.sleep", args=[0])
        done = partial(succeeded_at_least, worker, number)
        eventually(done, what=f"the good one after {item!r} ran")
    assert worker.popen.poll() is None
    assert worker.lines("broker_item_lost")


def test_the_same_garbage_twice_is_one_letter(
    broker: Redis, engine: Engine, sender: Celery, start_worker: Start
) -> None:
    worker = start_worker("maintenance")
    for _ in range(2):
        broker.lpush("maintenance", json.dumps(GARBAGE["no 3-list"][0]))
    sender.send_task("tests.sleep", args=[0])
    eventually(lambda: worker.lines("task_succeeded"), what="the good one ran")
    eventually(lambda: broker.hlen("unacked") == 0, what="both were filed")
    assert letters(engine) == ["InvalidMessage"]
