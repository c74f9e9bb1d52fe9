"""Second chances: dead letters once, ignored events when a release handles them."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.factories import add_work, change, one, rows
from worker.cli.release import release
from worker.dead_letters import Burial, bury, close_letters
from worker.failures import Failure, Verdict
from worker.replay import ReplayError, discard, replay, take_up_handled
from worker.work_tables import INBOX, Claimant

SECONDS = 60


@pytest.fixture
def letter(engine: Engine) -> int:
    (row,) = add_work(engine, 1)
    change(engine, [row], "state", "dead")
    failure = Failure(Verdict.PERMANENT, "MalformedPayloadError", "data.id is missing")
    with engine.begin() as connection:
        filed = bury(connection, INBOX, Claimant("t", "w"), [Burial(row, 1, failure)])
    return filed[row]


def test_a_replay_is_the_same_row_in_another_generation(
    engine: Engine, letter: int
) -> None:
    change(engine, [one(engine, "SELECT id FROM inbox")], "last_error", "X: y")
    with engine.begin() as connection:
        replay(connection, letter)
    # Nobody has tried it again yet: it does not count as failing.
    assert rows(
        engine, "SELECT state, generation, failures, last_error FROM inbox"
    ) == [("pending", 2, 0, None)]
    assert one(engine, "SELECT state FROM dead_letters") == "replayed"
    assert rows(engine, "SELECT action, detail FROM operator_actions") == [
        (
            "dead letter replayed",
            {
                "letter": letter,
                "error": "MalformedPayloadError",
                "task": "events.record",
            },
        )
    ]


@pytest.mark.parametrize("again", [replay, discard])
def test_a_letter_is_closed_once(
    engine: Engine, letter: int, again: Callable[..., Any]
) -> None:
    with engine.begin() as connection:
        replay(connection, letter)
    with pytest.raises(ReplayError, match="was replayed already"), engine.begin() as c:
        again(c, letter)
    assert one(engine, "SELECT generation FROM inbox") == 2
    assert one(engine, "SELECT count(*) FROM operator_actions") == 1


@pytest.mark.parametrize("deed", [replay, discard])
def test_two_that_close_a_letter_at_once_close_it_once(
    engine: Engine, letter: int, deed: Callable[..., Any]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            replay(connection, letter)
            second = pool.submit(in_transaction, engine, deed, letter)
            wait_for_a_lock(engine, second)
        with pytest.raises(ReplayError, match="was replayed already"):
            second.result(SECONDS)
    assert one(engine, "SELECT generation FROM inbox") == 2
    assert one(engine, "SELECT count(*) FROM operator_actions") == 1


def test_a_replay_that_waits_for_a_task_leaves_it_the_letter(
    engine: Engine, letter: int
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            row = connection.scalar(text("SELECT id FROM inbox FOR UPDATE")) or 0
            second = pool.submit(in_transaction, engine, replay, letter)
            wait_for_a_lock(engine, second)
            connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
            close_letters(connection, INBOX, [row])
        with pytest.raises(ReplayError, match="was replayed already"):
            second.result(SECONDS)


def test_a_row_that_is_no_longer_dead_is_a_sentence(
    engine: Engine, letter: int
) -> None:
    change(engine, [one(engine, "SELECT id FROM inbox")], "state", "processed")
    with pytest.raises(ReplayError, match="is no longer dead"), engine.begin() as c:
        replay(c, letter)
    assert one(engine, "SELECT state FROM dead_letters") == "open"


def in_transaction(engine: Engine, deed: Callable[..., Any], letter: int) -> None:
    with engine.begin() as connection:
        deed(connection, letter)


def wait_for_a_lock(engine: Engine, second: Future[None]) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if one(engine, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return
        if second.done():
            second.result()
    raise AssertionError("it does not wait")


def test_an_unknown_letter_is_a_sentence(engine: Engine) -> None:
    with pytest.raises(ReplayError, match="no dead letter 7"), engine.begin() as c:
        replay(c, 7)


def test_dying_again_opens_the_same_letter(engine: Engine, letter: int) -> None:
    with engine.begin() as connection:
        replay(connection, letter)
    row = one(engine, "SELECT id FROM inbox")
    failure = Failure(Verdict.PERMANENT, "MalformedPayloadError", "still missing")
    with engine.begin() as connection:
        bury(connection, INBOX, Claimant("t2", "w"), [Burial(row, 2, failure)])
    assert rows(engine, "SELECT id, state, error FROM dead_letters") == [
        (letter, "open", "still missing")
    ]


@pytest.mark.parametrize(
    "reason",
    ["not handled yet", "unknown event type", "kept: for now", "not needed: so far"],
)
def test_events_are_taken_up_by_the_release_that_handles_them(
    engine: Engine, reason: str
) -> None:
    ids = add_work(engine, 4, state="ignored", reason=reason)
    change(engine, ids[:2], "event_type", "subscription.created")
    change(engine, ids[2:], "event_type", "payout.paid")
    change(engine, ids[1:2], "reason", "simulated")
    change(engine, ids, "last_error", "X: y")
    with engine.begin() as connection:
        assert take_up_handled(connection, "paddle", ["subscription.created"]) == 1
        assert take_up_handled(connection, "paddle", ["subscription.created"]) == 0
    assert rows(
        engine,
        "SELECT id, generation, last_error FROM inbox WHERE state = 'pending'",
    ) == [(ids[0], 2, None)]


def test_a_release_can_be_run_again(
    engine: Engine,
    configured: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured()
    ids = add_work(engine, 1, state="ignored", reason="not handled yet")
    change(engine, ids, "event_type", "transaction.completed")
    for taken in (1, 0):
        release()
        assert f"{taken} events taken up again" in capsys.readouterr().out
    assert one(engine, "SELECT environment FROM deployment") == "local"
