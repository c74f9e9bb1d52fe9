"""Signs of life: kept while they come, begun anew after a gap, by the database's clock."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from worker.heartbeats import beat, expect, forget, saw, signs, watching_since

WATCH = "alerts.watch"


def age(engine: Engine, name: str, beat_at: str, since: str = "1 hour") -> None:
    """Write a heartbeat of so long ago."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO heartbeats (name, beat_at, since) VALUES (:name,"
                " now() - CAST(:beat_at AS interval), now() - CAST(:since AS interval))"
            ),
            {"name": name, "beat_at": beat_at, "since": since},
        )


def times(engine: Engine, name: str) -> tuple[datetime, datetime, datetime]:
    """Return the row's ``beat_at`` and ``since``, after beating, and the clock."""
    with engine.begin() as connection:
        beat(connection, name)
        found = connection.execute(
            text("SELECT beat_at, since, now() FROM heartbeats WHERE name = :name"),
            {"name": name},
        ).one()
    return found[0], found[1], found[2]


def test_the_first_beat_begins_now(engine: Engine) -> None:
    beat_at, since, now = times(engine, "one")
    assert beat_at == since == now


@pytest.mark.parametrize(
    ("gap", "seconds"), [("0 s", 3600), ("50 s", 3600), ("61 s", 0)]
)
def test_a_gap_of_more_than_a_minute_begins_anew(
    engine: Engine, gap: str, seconds: int
) -> None:
    age(engine, "one", gap, since="1 hour")
    beat_at, since, now = times(engine, "one")
    assert beat_at == now
    assert (now - since).total_seconds() == pytest.approx(seconds, abs=9)


def test_a_beat_that_commits_late_does_not_turn_back_the_clock(engine: Engine) -> None:
    with engine.connect() as early:
        begun = early.scalar(text("SELECT now()"))
        late, _, _ = times(engine, "one")
        beat(early, "one")
        early.commit()
        assert begun < late
        assert signs(early, ["one"])["one"].beat_at == late


def test_what_never_came_counts_from_when_it_was_first_expected(engine: Engine) -> None:
    with engine.begin() as connection:
        expect(connection, ["one", "two"])
        first = signs(connection, ["one", "two", "three"])
    with engine.begin() as connection:
        expect(connection, ["two", "one"])
        assert signs(connection, ["one", "two"]) == first
    assert set(first) == {"one", "two"}


@pytest.mark.parametrize(
    ("beat_at", "seconds"), [("0 s", 3600), ("50 s", 3600), ("61 s", 0)]
)
def test_watching_counts_from_the_last_gap(
    engine: Engine, beat_at: str, seconds: int
) -> None:
    age(engine, WATCH, beat_at)
    with engine.connect() as connection:
        now = connection.execute(text("SELECT now()")).scalar_one()
        assert (now - watching_since(connection)).total_seconds() == pytest.approx(
            seconds, abs=9
        )


def test_where_nobody_has_watched_yet_it_begins_now(engine: Engine) -> None:
    with engine.connect() as connection:
        now = connection.execute(text("SELECT now()")).scalar_one()
        assert watching_since(connection) == now


def test_what_was_seen_in_the_past_never_turns_back_the_clock(engine: Engine) -> None:
    age(engine, "one", "1 hour")
    with engine.begin() as connection:
        now = connection.execute(text("SELECT now()")).scalar_one()
        seen = now - timedelta(minutes=5)
        saw(connection, "one", seen)
        saw(connection, "one", seen - timedelta(minutes=5))
        saw(connection, "nobody", seen)
        found = signs(connection, ["one", "nobody"])
    assert {name: sign.beat_at for name, sign in found.items()} == {"one": seen}


def test_who_beats_often_may_count_a_shorter_gap(engine: Engine) -> None:
    age(engine, "one", "20 s")
    with engine.begin() as connection:
        beat(connection, "one", timedelta(seconds=10))
        now = connection.execute(text("SELECT now()")).scalar_one()
        assert signs(connection, ["one"])["one"].since == now


@pytest.mark.parametrize("ahead", ["-50 s", "-70 s"])
def test_a_clock_that_was_set_back_begins_anew(engine: Engine, ahead: str) -> None:
    """Else what is dead would count as alive until the clock has caught up."""
    age(engine, "one", ahead, since=ahead)
    with engine.begin() as connection:
        expect(connection, ["one"])
        now = connection.scalar(text("SELECT now()"))
        is_reset = signs(connection, ["one"])["one"].beat_at == now
    assert is_reset == (ahead == "-70 s")


def test_a_beat_after_the_clock_was_set_back_counts_now(engine: Engine) -> None:
    age(engine, "one", "-1 hour", since="-1 hour")
    beat_at, since, now = times(engine, "one")
    assert beat_at == since == now


def test_nobody_has_watched_since_the_future(engine: Engine) -> None:
    age(engine, WATCH, "-1 hour", since="-30 minutes")
    with engine.connect() as connection:
        now = connection.scalar(text("SELECT now()"))
        assert watching_since(connection) == now


def test_expecting_what_somebody_writes_just_now_waits_for_nobody(
    engine: Engine,
) -> None:
    age(engine, "one", "5 s")
    with engine.connect() as other, engine.connect() as ours:
        beat(other, "one")
        ours.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
        expect(ours, ["one", "two"])
        ours.commit()
        assert set(signs(ours, ["one", "two"])) == {"one", "two"}


def test_what_is_forgotten_is_not_known(engine: Engine) -> None:
    age(engine, "one", "5 s")
    with engine.begin() as connection:
        forget(connection, ["one", "two"])
        assert signs(connection, ["one"]) == {}
