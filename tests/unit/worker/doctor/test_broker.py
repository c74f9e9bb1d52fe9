"""What RabbitMQ's queues say, and that a broker's version is looked at."""

from collections.abc import Callable, Mapping

import pytest

from worker.doctor.broker import CHECKS, of_queues
from worker.doctor.check import Severity
from worker.doctor.scene import Scene
from worker.settings import Settings

(VERSION,) = [check for check in CHECKS if check.name == "broker version"]


@pytest.mark.parametrize(
    ("url", "said", "severity", "expected"),
    [
        ("redis://h", {"redis_version": "6.0.16"}, "broken", "Redis 6.0.16 is older"),
        ("redis://h", {"redis_version": "7.0.15"}, "look", "Redis 7.0.15 has known"),
        ("redis://h", {"redis_version": "8.8.1"}, "ok", "Redis 8.8.1"),
        (
            "redis://h",
            {"redis_version": "7.2.4", "valkey_version": "8.1.3"},
            "look",
            "Valkey 8.1.3 has known holes",
        ),
        (
            "redis://h",
            {"redis_version": "7.2.4", "valkey_version": "9.1.2-rc1"},
            "ok",
            "Valkey 9.1.2",
        ),
        ("amqp://h", {"version": "3.7.28"}, "broken", "RabbitMQ 3.7.28 knows no"),
        ("amqp://h", {"version": "4.1.8"}, "look", "RabbitMQ 4.1.8 is of a series"),
        ("amqp://h", {"version": "4.2.0"}, "ok", "RabbitMQ 4.2.0"),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else None,
)
def test_the_version_of_each_broker_is_judged(
    make_settings: Callable[..., Settings],
    url: str,
    said: Mapping[str, str],
    severity: Severity,
    expected: str,
) -> None:
    scene = Scene(make_settings(broker_url=url))
    scene.once("broker", lambda: said)

    (told,) = VERSION.look(scene)

    assert told.severity == severity
    assert told.words.startswith(expected)


@pytest.mark.parametrize(
    ("kinds", "confirming", "severity", "words"),
    [
        (
            {"a": True, "b": True},
            True,
            "ok",
            "2 quorum queues, publishing is confirmed",
        ),
        ({"a": True, "b": None}, 1, "ok", "1 quorum queue, publishing is confirmed"),
        ({"a": None}, 1, "skipped", "there is no queue yet: the workers make them"),
        ({"a": True}, 0, "look", "The broker confirms nothing"),
        ({"a": None}, 0, "look", "The broker confirms nothing"),
        ({"a": True, "b": False}, 1, "look", "No quorum queues: b."),
    ],
    ids=["all", "some", "none", "no confirms", "nothing at all", "classic"],
)
def test_only_what_was_seen_of_the_queues_is_said(
    kinds: dict[str, bool | None], confirming: int, severity: Severity, words: str
) -> None:
    (told,) = of_queues(kinds, confirms=bool(confirming))

    assert told.severity == severity
    assert told.words.startswith(words)
