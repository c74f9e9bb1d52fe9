"""Slots: two beats are one, a missed tick is made up for, and silence is told."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

import celeryconfig
from tests.factories import one, rows
from worker import slots
from worker.alerts.overdue import Overdue
from worker.app import make_app
from worker.base_task import BaseTask
from worker.heartbeats import BEAT, WATCH, of_queue
from worker.periodic import HEADER, periods_of
from worker.pulses import QUEUES
from worker.settings import settings
from worker.slots import done, take

TASK = "parked.release"
PERIOD = timedelta(seconds=30)
LONGEST = timedelta(seconds=20)


def attempt(engine: Engine) -> bool:
    return take(engine, TASK, PERIOD, LONGEST)


def age(engine: Engine, span: str) -> None:
    """Let so much time pass."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE slots SET taken_at = taken_at - CAST(:span AS interval),"
                " held_until = held_until - CAST(:span AS interval),"
                " done_at = done_at - CAST(:span AS interval)"
            ),
            {"span": span},
        )


def test_two_beats_are_one_run(core: Engine, sessions: Callable[[], Engine]) -> None:
    assert attempt(core)
    assert not attempt(sessions())

    done(core, TASK, well=True)
    assert not attempt(core)


def test_a_tick_that_is_a_little_early_counts(core: Engine) -> None:
    attempt(core)
    done(core, TASK, well=True)
    age(core, "16 seconds")

    assert attempt(core)


@pytest.mark.parametrize(
    ("span", "free"), [("19 seconds", False), ("21 seconds", True)]
)
def test_a_run_that_was_killed_holds_its_slot_no_longer_than_it_could_last(
    core: Engine, span: str, *, free: bool
) -> None:
    attempt(core)
    age(core, span)

    assert attempt(core) == free


def test_a_slot_of_the_future_was_taken_before_the_clock_was_set_back(
    core: Engine,
) -> None:
    attempt(core)
    age(core, "-1 hour")

    assert attempt(core)


def test_of_two_that_take_it_at_once_one_has_it(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    attempt(core)
    done(core, TASK, well=True)
    age(core, "1 hour")

    assert [attempt(core), attempt(sessions())] == [True, False]


def test_only_a_good_end_is_noted(core: Engine) -> None:
    attempt(core)
    done(core, TASK, well=False)
    assert one(core, "SELECT done_at FROM slots") is None
    assert one(core, "SELECT held_until <= clock_timestamp() FROM slots")

    done(core, TASK, well=True)
    assert one(core, "SELECT done_at <= clock_timestamp() FROM slots")


def test_what_cannot_be_given_back_is_free_by_itself(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt(core)
    monkeypatch.setattr(slots, "_DONE", text("SELECT 1 / 0"))

    done(core, TASK, well=True)  # does not raise


# --- the hook -----------------------------------------------------------------------


@pytest.fixture
def ticked(core: Engine) -> Iterator[Callable[..., Any]]:
    """Return a function that runs a task as a worker does with beat's message."""
    del core
    app = make_app(settings())
    runs: list[int] = []

    @app.task(name=TASK, base=BaseTask)
    def work() -> str:
        runs.append(1)
        if len(runs) == 3:
            raise RuntimeError
        return f"run {len(runs)}"

    def tick(headers: dict[str, Any] | None, *, by_hand: bool = False) -> str:
        work.push_request(headers=headers, called_directly=by_hand)
        try:
            return str(work())
        finally:
            work.pop_request()

    yield tick
    app.close()


BEATEN = {HEADER: 30.0}


def test_a_run_that_beat_asked_for_holds_a_slot(
    core: Engine, ticked: Callable[..., str]
) -> None:
    assert ticked(BEATEN) == "run 1"
    assert one(core, "SELECT done_at IS NOT NULL FROM slots")
    assert ticked(BEATEN) == "somebody else is at it, or just was"

    age(core, "30 seconds")
    assert ticked(BEATEN) == "run 2"


def test_whoever_calls_a_task_by_hand_is_not_held_back(
    core: Engine, ticked: Callable[..., str]
) -> None:
    assert ticked(BEATEN, by_hand=True) == "run 1"
    assert ticked(None) == "run 2"
    assert rows(core, "SELECT task FROM slots") == []


def test_a_run_that_fails_gives_its_slot_back_and_has_not_ended_well(
    core: Engine, ticked: Callable[..., str]
) -> None:
    ticked(None)
    ticked(None)
    with pytest.raises(Exception, match="RuntimeError"):
        ticked(BEATEN)

    assert rows(core, "SELECT held_until < now(), done_at FROM slots") == [(True, None)]


@pytest.mark.parametrize("headers", [None, {}, {HEADER: "x"}, {HEADER: -1}, "text"])
def test_a_message_without_a_period_is_not_beats(headers: object) -> None:
    assert slots.period_in(headers) is None


def test_beat_tells_the_period_of_every_task_of_ten_seconds_and_more(
    core: Engine,
) -> None:
    schedule = make_app(settings()).conf.beat_schedule
    told = {
        entry["task"]: entry["options"]["headers"][HEADER]
        for entry in schedule.values()
        if "headers" in entry.get("options", {})
    }
    assert told == {t: p.total_seconds() for t, p in periods_of(settings()).items()}
    assert (
        told.keys()
        == {*celeryconfig.beat_schedule, "access.expire"}
        >= {entry["task"] for entry in celeryconfig.beat_schedule.values()}
    )


# --- who does not end well ------------------------------------------------------------

ALL = (WATCH, BEAT, *map(of_queue, QUEUES))


@pytest.fixture
def watched(core: Engine) -> Engine:
    """The database, watched for days, with everybody alive and all tasks done."""
    with core.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO heartbeats (name, beat_at, since)"
                " SELECT unnest(CAST(:all AS text[])), now(), now() - interval '9 days'"
            ),
            {"all": list(ALL)},
        )
        connection.execute(
            text(
                "INSERT INTO slots (task, taken_at, held_until, done_at)"
                " SELECT unnest(CAST(:tasks AS text[])), now(), now(), now()"
            ),
            {"tasks": list(periods_of(settings()))},
        )
    return core


def overdue(engine: Engine) -> set[str]:
    with engine.begin() as connection:
        found = list(Overdue().look(connection, settings()))
    return {finding.subject for finding in found}


def set_done(engine: Engine, span: str | None, task: str = TASK) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE slots SET done_at = now() - CAST(:span AS interval)"
                " WHERE task = :task"
            ),
            {"span": span, "task": task},
        )


def set_sign(engine: Engine, name: str, values: str) -> None:
    with engine.begin() as connection:
        statement = f"UPDATE heartbeats SET {values} WHERE name = :name"
        connection.execute(text(statement), {"name": name})


@pytest.mark.parametrize(
    ("task", "span", "found"),
    [
        (TASK, "119 seconds", set()),
        (TASK, "121 seconds", {TASK}),
        # Never.
        (TASK, None, {TASK}),
        ("bodies.partition", "2 hours", set()),
        ("bodies.partition", "2 hours 2 minutes", {"bodies.partition"}),
    ],
)
def test_two_periods_and_a_minute_are_too_long(
    watched: Engine, task: str, span: str | None, found: set[str]
) -> None:
    set_done(watched, span, task)

    assert overdue(watched) == found


@pytest.mark.parametrize("silent", [BEAT, of_queue("maintenance")])
def test_where_beat_or_the_queue_is_silent_that_is_the_trouble(
    watched: Engine, silent: str
) -> None:
    set_done(watched, "1 hour")
    set_sign(watched, silent, "beat_at = now() - interval '40 seconds'")

    assert overdue(watched) == set()


@pytest.mark.parametrize("name", [WATCH, BEAT, of_queue("maintenance")])
def test_what_has_just_come_back_gets_as_long_as_anybody(
    watched: Engine, name: str
) -> None:
    set_done(watched, "1 hour")
    set_sign(watched, name, "since = now() - interval '90 seconds'")

    assert overdue(watched) == set()


def test_what_was_told_of_stays_until_it_has_ended_well(watched: Engine) -> None:
    set_done(watched, "1 hour")
    with watched.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO alerts
                  (fingerprint, kind, subject, severity, summary, next_steps, since)
                VALUES ('overdue:' || :task, 'overdue', :task, 'warning', '', '{}', now())
                """),
            {"task": TASK},
        )
    set_sign(watched, BEAT, "beat_at = now() - interval '1 hour', since = now()")
    assert overdue(watched) == {TASK}

    set_done(watched, "1 second")
    assert overdue(watched) == set()
