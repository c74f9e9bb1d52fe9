"""Which versions of a broker have a known hole, and what RabbitMQ's queues say."""

import pytest

from worker.doctor.broker import has_hole, of_queues
from worker.doctor.check import Severity


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("redis", (6, 2, 19)),
        ("redis", (7, 0, 15)),
        ("redis", (7, 2, 10)),
        ("redis", (8, 2, 1)),
        ("valkey", (8, 0, 5)),
    ],
)
def test_before_its_line_was_mended_a_release_has_the_hole(
    kind: str, version: tuple[int, ...]
) -> None:
    assert has_hole(kind, version)


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("redis", (6, 2, 20)),
        ("redis", (7, 2, 11)),
        ("redis", (8, 2, 2)),
        ("redis", (8, 4, 0)),
        ("valkey", (8, 1, 4)),
        ("valkey", (9, 0, 0)),
    ],
)
def test_from_then_on_none_has_it(kind: str, version: tuple[int, ...]) -> None:
    assert not has_hole(kind, version)


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
