"""What receivers write about what they counted: sums, in a few rows, none lost."""

import signal
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from bench.load import body_of, request_of, run_load
from tests.factories import one, rows
from tests.fixtures.processes import eventually
from tests.fixtures.receivers import (
    HASTY,
    PATIENT,
    SECRET,
    Running,
    StartReceiver,
    requests_of,
)
from worker.servers.postgres import Postgres

#: By outcome and reason, whatever minutes the clock has passed meanwhile.
COUNTS = """
SELECT outcome, reason, sum(deliveries)::int FROM delivery_counts
GROUP BY outcome, reason ORDER BY outcome, reason
"""
SKEW = """
SELECT skew_seconds FROM delivery_counts
WHERE outcome = :outcome AND reason = :reason AND skew_seconds IS NOT NULL
"""


@pytest.fixture
def database(own_postgres: Postgres) -> str:
    """Of a server that the test may stop."""
    return own_postgres.url


def counted(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(COUNTS).fetchall()


def end(receiver: Running) -> None:
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.process.wait(60) == 0


def test_the_counts_are_what_was_sent(receiver: Running, engine: Engine) -> None:
    forged = request_of(body_of("evt_1"), b"other")
    unsigned = forged.replace(b"Paddle-Signature", b"Other-Signature")
    late = request_of(body_of("evt_1"), SECRET, now=1)
    assert run_load(receiver.address, requests_of(["a", "b", "c"]), 3).counts == {
        200: 3
    }
    assert [receiver.post(body_of("a")) for _ in range(4)] == [200] * 4
    assert receiver.post(body_of("b", note="other")) == 200
    for request in (forged, forged, unsigned, late):
        assert receiver.ask(request).startswith(b"HTTP/1.1 400 ")
    eventually(lambda: receiver.has_counted(engine))
    assert rows(engine, COUNTS) == [
        ("duplicate", "", 4),
        ("refused", "missing_header", 1),
        ("refused", "too_old", 1),
        ("refused", "wrong_signature", 2),
        ("stored", "", 3),
        ("variant", "", 1),
    ]
    assert rows(engine, "SELECT DISTINCT provider FROM delivery_counts") == [
        ("paddle",)
    ]


def test_a_flood_of_refusals_is_a_row_a_minute(
    receiver: Running, engine: Engine
) -> None:
    forged = [request_of(body_of(f"evt_{n}"), b"other") for n in range(2000)]
    assert run_load(receiver.address, forged, 64).counts == {400: 2000}
    eventually(lambda: receiver.has_counted(engine))
    assert rows(engine, COUNTS) == [("refused", "wrong_signature", 2000)]
    minutes = one(
        engine,
        "SELECT extract(minutes FROM max(minute) - min(minute))::int"
        " FROM delivery_counts",
    )
    # Written many times, in far fewer rows: one for each minute that it took.
    assert one(engine, "SELECT count(*) FROM delivery_counts") <= minutes + 1


@pytest.mark.parametrize(
    ("drift", "outcome", "reason"),
    [
        (0, "stored", ""),
        (30, "stored", ""),
        (180, "refused", "too_old"),
        (-600, "refused", "too_new"),
    ],
)
def test_the_skew_is_how_far_our_clock_is_ahead(
    receiver: Running, engine: Engine, drift: int, outcome: str, reason: str
) -> None:
    now = one(engine, "SELECT extract(epoch FROM now())::bigint")
    receiver.ask(request_of(body_of("evt_1"), SECRET, now=now - drift))
    eventually(lambda: receiver.has_counted(engine))
    skew = one(engine, SKEW, outcome=outcome, reason=reason)
    after = one(engine, "SELECT extract(epoch FROM now())::bigint")
    # However long it was under way; both times are rounded to a second.
    assert drift - 1 <= skew <= drift + (after - now) + 1


def test_forged_times_have_no_say_in_the_skew(
    receiver: Running, engine: Engine
) -> None:
    for stamp in (1, 4_000_000_000):
        receiver.ask(request_of(body_of("evt_1"), b"other", now=stamp))
    eventually(lambda: receiver.has_counted(engine))
    assert rows(
        engine, "SELECT DISTINCT reason, skew_seconds FROM delivery_counts"
    ) == [("wrong_signature", None)]


def test_a_stopped_receiver_writes_its_last_counts_and_two_add_up(
    start_receiver: StartReceiver, engine: Engine, database_url: str
) -> None:
    both = [start_receiver(PATIENT), start_receiver(PATIENT)]
    for number, receiver in enumerate(both):
        ids = [f"evt_{number}_{n}" for n in range(20 + number)]
        assert set(run_load(receiver.address, requests_of(ids), 8).counts) == {200}
    for receiver in both:
        end(receiver)
    assert counted(database_url) == [("stored", "", 41)]


def test_counts_that_cannot_be_written_delay_no_answer_and_come_later(
    start_receiver: StartReceiver, engine: Engine, database_url: str
) -> None:
    # Patient where it answers only: the writing of counts is to be given up.
    receiver = start_receiver({**HASTY, "enqueue.ANSWER_SECONDS": 50})
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE delivery_counts IN ACCESS EXCLUSIVE MODE")
        for turn in range(3):
            ids = [f"evt_{turn}_{n}" for n in range(200)]
            result = run_load(receiver.address, requests_of(ids), 8)
            assert result.counts == {200: 200}
        eventually(lambda: "counts_not_written" in receiver.log.read_text())
        assert receiver.post(body_of("evt_last")) == 200
        connection.rollback()
    end(receiver)
    assert counted(database_url) == [("stored", "", 601)]


def test_a_stop_does_not_wait_for_counts_that_cannot_be_written(
    start_receiver: StartReceiver, engine: Engine, database_url: str
) -> None:
    receiver = start_receiver()
    assert receiver.post(body_of("evt_1")) == 200
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE delivery_counts IN ACCESS EXCLUSIVE MODE")
        end(receiver)
        connection.rollback()
    assert "counts_not_written" in receiver.log.read_text()


def test_a_database_that_was_away_misses_no_count(
    start_receiver: StartReceiver, database: str, own_postgres: Postgres
) -> None:
    receiver = start_receiver(HASTY, database_url=database)
    assert receiver.post(body_of("evt_1")) == 200
    eventually(lambda: counted(database) == [("stored", "", 1)])
    own_postgres.stop()
    forged = request_of(body_of("evt_2"), b"other")
    assert receiver.ask(forged).startswith(b"HTTP/1.1 400 ")
    assert receiver.post(body_of("evt_2")) == 503
    eventually(lambda: "counts_not_written" in receiver.log.read_text())
    # Once for the whole outage, however often it is tried.
    assert receiver.ask(forged).startswith(b"HTTP/1.1 400 ")
    own_postgres.start()
    receiver.wait_connected(database)
    assert receiver.post(body_of("evt_2")) == 200
    assert receiver.log.read_text().count("counts_not_written") == 1
    end(receiver)
    assert counted(database) == [
        ("refused", "wrong_signature", 2),
        ("stored", "", 2),
        ("unavailable", "database", 1),
    ]


def test_a_database_that_changed_hands_gets_no_counts(
    start_receiver: StartReceiver, engine: Engine, database_url: str
) -> None:
    receiver = start_receiver(HASTY)
    assert receiver.post(body_of("evt_1")) == 200
    eventually(lambda: counted(database_url) == [("stored", "", 1)])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE deployment SET environment = 'sandbox'")
    receiver.ask(request_of(body_of("evt_2"), b"other"))
    end(receiver)
    assert counted(database_url) == [("stored", "", 1)]
    assert "EnvironmentMismatchError" in receiver.log.read_text()
