"""The watchman's rounds: he does what nobody else does, and only that."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from tests.factories import one, rows
from tests.fixtures.processes import eventually
from worker import database
from worker import rounds as module
from worker.errors import PermanentError
from worker.heartbeats import WATCH, WATCHMAN, beat, expect
from worker.release_mark import release_mark
from worker.rounds import Rounds
from worker.settings import settings

LOOKED = "SELECT beat_at FROM heartbeats WHERE name = 'alerts.watch'"
SENT = "SELECT key FROM alert_messages WHERE state = 'sent' ORDER BY key"
#: The look comes every 5 s: three may be lost, and 10 s are of grace.
PATIENCE = 25


class Clock:
    """Seconds, as the test moves them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def connections(core: Engine) -> Iterator[None]:
    """Close the watchman's connections after the test."""
    yield
    database.engine("watchman").dispose()


@pytest.fixture
def rounds(core: Engine, clock: Clock) -> Rounds:
    """A watchman who has seen for long."""
    made = Rounds(settings(), clock)
    made.make()
    clock.now += PATIENCE + 1
    return made


def last_look(engine: Engine, seconds_ago: int) -> Any:
    """Let somebody have looked so long ago; return when."""
    statement = text(
        "UPDATE heartbeats SET beat_at = now() - :ago * interval '1 s'"
        " WHERE name = 'alerts.watch' RETURNING beat_at"
    )
    with engine.begin() as connection:
        return connection.execute(statement, {"ago": seconds_ago}).scalar_one()


def add_message(engine: Engine, key: str, due_seconds_ago: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO alert_messages
              (key, kind, severity, title, body, next_attempt_at)
            VALUES (:key, 'digest', 'info', 'A day', 'went by',
                    now() - :ago * interval '1 s')
            """),
            {"key": key, "ago": due_seconds_ago},
        )


def test_while_others_look_he_only_shows_himself(core: Engine, rounds: Rounds) -> None:
    at = last_look(core, PATIENCE - 5)
    release = one(core, f"SELECT release FROM heartbeats WHERE name = '{WATCHMAN}'")
    assert release == release_mark()
    before = one(core, f"SELECT beat_at FROM heartbeats WHERE name = '{WATCHMAN}'")
    rounds.make()
    assert one(core, LOOKED) == at
    after = one(core, f"SELECT beat_at FROM heartbeats WHERE name = '{WATCHMAN}'")
    assert after > before


def test_when_nobody_looks_he_does_until_somebody_else_has(
    core: Engine, rounds: Rounds
) -> None:
    with capture_logs() as logs:
        seen = [last_look(core, PATIENCE + 5)]
        for _ in range(3):
            rounds.make()
            seen.append(one(core, LOOKED))
        assert seen == sorted(set(seen))
        with core.begin() as connection:
            beat(connection, WATCH)
        others = one(core, LOOKED)
        rounds.make()
        assert one(core, LOOKED) == others
    assert [line["event"] for line in logs] == [
        "watchman_stands_in",
        "watchman_stands_down",
    ]


def test_who_has_just_begun_cannot_know_that_nobody_looks(
    core: Engine, clock: Clock
) -> None:
    fresh = Rounds(settings(), clock)
    fresh.make()
    at = last_look(core, 86_400)
    clock.now += PATIENCE - 1
    fresh.make()
    assert one(core, LOOKED) == at
    clock.now += 2
    fresh.make()
    assert one(core, LOOKED) > at


def test_nor_can_who_was_blind(
    core: Engine, rounds: Rounds, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = last_look(core, 86_400)
    with monkeypatch.context() as blind:
        blind.setattr(module, "beat", refuse)
        with pytest.raises(PermanentError):
            rounds.make()
    rounds.make()
    assert one(core, LOOKED) == at


def refuse(*_: object) -> None:
    message = "it does not work"
    raise PermanentError(message)


def test_he_sends_only_what_others_should_have_sent_long_ago(
    core: Engine, rounds: Rounds
) -> None:
    last_look(core, 0)
    add_message(core, "a", due_seconds_ago=20)
    rounds.make()
    assert rows(core, SENT) == []
    add_message(core, "b", due_seconds_ago=31)
    rounds.make()
    assert rows(core, SENT) == [("a",), ("b",)]


def test_a_message_of_a_newer_release_is_left_to_it(
    core: Engine, rounds: Rounds
) -> None:
    last_look(core, 0)
    add_message(core, "a", due_seconds_ago=60)
    with core.begin() as connection:
        connection.execute(text("UPDATE alert_messages SET schema_version = 99"))
    with capture_logs() as logs:
        rounds.make()
    assert logs == []


def test_at_the_very_first_start_he_and_the_watch_wait_for_each_other_in_turn(
    core: Engine, clock: Clock, sessions: Callable[[], Engine]
) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as pool:
        with sessions().begin() as looking:
            beat(looking, WATCH)
            round_ = pool.submit(Rounds(settings(), clock).make)
            eventually(lambda: one(core, waiting), what="he waits for the look")
            expect(looking, [WATCHMAN])
        round_.result(timeout=10)
    names = [WATCH, WATCHMAN]
    found = rows(core, "SELECT name FROM heartbeats ORDER BY name")
    assert [name for (name,) in found if name in names] == names


@pytest.mark.parametrize("look", [None, refuse])
def test_while_he_looks_himself_nobody_rings_so_he_sends_at_once(
    look: Callable[..., None] | None,
    core: Engine,
    rounds: Rounds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last_look(core, PATIENCE + 5)
    rounds.make()
    add_message(core, "a", due_seconds_ago=0)
    if look is not None:
        # Also while the look itself is broken.
        monkeypatch.setattr(module, "watch", look)
        with pytest.raises(PermanentError):
            rounds.make()
    else:
        rounds.make()
    assert rows(core, SENT) == [("a",)]
    assert not rounds.is_sending
