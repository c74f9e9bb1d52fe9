"""``schema.survey``: what is new is counted once, whoever looks and how often."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tasks.survey import survey
from tests.factories import add_event, one, rows
from tests.purchases import Body, published
from worker import drift
from worker.drift import BODIES_A_BATCH, survey_batch

COUNTS = "SELECT kind, path, value, events FROM schema_drift ORDER BY path, value"
#: Long enough ago for a look.
AGO = timedelta(minutes=10)


def event(number: int, **data: Any) -> Body:
    body = published("customer.created") | {"event_id": f"evt_{number}"}
    return body | {"data": body["data"] | data}


def add(
    engine: Engine, *bodies: Body, ago: timedelta = AGO, one_by_one: bool = True
) -> None:
    """Store events as they came, one after the other, some time ago."""
    with engine.begin() as connection:
        for number, body in enumerate(bodies):
            ms = timedelta(milliseconds=number if one_by_one else 0)
            store(connection, body, datetime.now(UTC) - ago + ms)


def store(connection: Connection, body: Body, received_at: datetime) -> None:
    row = add_event(connection, body)
    values = {"id": row, "at": received_at}
    for table, key in (("inbox", "id"), ("inbox_bodies", "inbox_id")):
        statement = f"UPDATE {table} SET received_at = :at WHERE {key} = :id"
        connection.execute(text(statement), values)


@contextmanager
def transaction_of(engine: Engine) -> Iterator[Connection]:
    """A session of somebody else's that is in the middle of something."""
    with engine.connect() as connection, connection.begin():
        yield connection


def test_what_is_new_is_counted_with_its_first_and_last_event(core: Engine) -> None:
    unknown = event(3, status="frozen") | {"event_type": "customer.frozen"}
    add(core, event(1, mood="good"), event(2, mood="bad", status="frozen"), unknown)

    assert survey() == "3 looked at"
    assert rows(core, COUNTS) == [
        ("type", "customer.frozen", "", 1),
        ("field", "customer.mood", "", 2),
        ("enum", "customer.status", "frozen", 2),
    ]
    seen = "SELECT first_seen < last_seen, event_id FROM schema_drift WHERE path = :at"
    assert rows(core, seen, at="customer.mood") == [(True, "evt_2")]
    assert rows(core, seen, at="customer.frozen") == [(False, "evt_3")]


def test_what_is_known_leaves_no_row(core: Engine) -> None:
    add(core, event(1), published("transaction.completed"))

    assert survey() == "2 looked at"
    assert rows(core, COUNTS) == []


def test_looking_again_counts_nothing_twice_and_goes_on_behind(core: Engine) -> None:
    add(core, event(1, mood="good"))
    assert survey() == "1 looked at"
    assert survey() == "0 looked at"

    add(core, event(2, mood="good"), ago=AGO / 2)
    assert survey() == "1 looked at"
    assert rows(core, COUNTS) == [("field", "customer.mood", "", 2)]


def test_more_than_a_batch_is_looked_at_in_one_go(core: Engine) -> None:
    count = 2 * BODIES_A_BATCH + 1
    bodies = [event(n, mood="good") for n in range(count)]
    # Many are received at the very same moment: a group that was stored at once.
    add(core, *bodies, one_by_one=False)

    assert survey() == f"{count} looked at"
    assert rows(core, COUNTS) == [("field", "customer.mood", "", count)]


def test_a_look_that_dies_is_made_again(core: Engine) -> None:
    add(core, event(1, mood="good"))
    with pytest.raises(ZeroDivisionError), core.begin() as connection:  # noqa: PT012
        assert survey_batch(connection) == 1
        raise ZeroDivisionError

    assert rows(core, COUNTS) == []
    assert survey() == "1 looked at"
    assert rows(core, COUNTS) == [("field", "customer.mood", "", 1)]


def test_two_at_once_count_once(core: Engine, sessions: Callable[[], Engine]) -> None:
    add(core, event(1, mood="good"))
    with core.begin() as connection:
        survey_batch(connection)
    add(core, event(2, mood="good"), ago=AGO / 2)

    with transaction_of(sessions()) as other:
        assert survey_batch(other) == 1
        assert survey() == "0 looked at; somebody else is at it"
    assert survey() == "0 looked at"
    assert rows(core, COUNTS) == [("field", "customer.mood", "", 2)]


def test_what_has_just_come_waits_until_nothing_can_come_before_it(
    core: Engine,
) -> None:
    add(core, event(1, mood="good"), ago=timedelta(seconds=1))

    assert survey() == "0 looked at"


def test_an_event_that_is_committed_late_is_not_passed_by(
    core: Engine, sessions: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "LAG", timedelta())
    with transaction_of(sessions()) as slow:
        begun = slow.execute(text("SELECT now()")).scalar_one()
        store(slow, event(1, mood="late"), begun)
        with core.begin() as connection:
            later = connection.execute(text("SELECT now()")).scalar_one()
            assert later > begun
            store(connection, event(2, mood="soon"), later)

        assert survey() == "0 looked at"
    assert survey() == "2 looked at"
    assert rows(core, COUNTS) == [("field", "customer.mood", "", 2)]


def test_bodies_that_are_odd_or_gone_are_passed_over(core: Engine) -> None:
    add(core, event(1, mood="good"), event(2, mood="good"), event(3, mood="good"))
    with core.begin() as connection:
        connection.execute(
            text("UPDATE inbox SET event_type = NULL WHERE event_id = 'evt_1'")
        )
        connection.execute(
            text("""
            DELETE FROM inbox_bodies WHERE inbox_id =
              (SELECT id FROM inbox WHERE event_id = 'evt_2')
            """)
        )

    assert survey() == "3 looked at"
    assert rows(core, COUNTS) == [("field", "customer.mood", "", 1)]


def test_a_hostile_shape_fills_so_many_rows_and_no_more(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "MOST_KEPT", 5)
    bodies = [event(n, **{f"field_{n}_{m}": 1 for m in range(3)}) for n in range(4)]
    add(core, *bodies)
    survey()
    assert one(core, "SELECT count(*) FROM schema_drift") == 6
    assert one(core, "SELECT sum(events) FROM schema_drift") == 12
    again = copy.deepcopy(bodies[0]) | {"event_id": "evt_again"}

    add(core, again, event(9, field_9=1), ago=AGO / 2)
    survey()

    assert one(core, "SELECT count(*) FROM schema_drift") == 6
    assert one(core, "SELECT sum(events) FROM schema_drift") == 16
    rest = "SELECT events FROM schema_drift WHERE path = '(more)'"
    assert one(core, rest) == 8


def test_nothing_of_a_buyer_is_kept(core: Engine) -> None:
    canary = "c4n4ry@example.com"
    add(core, event(1, **{canary: canary, "mood": canary, "status": canary}))
    survey()

    assert len(rows(core, COUNTS)) == 3
    assert canary not in str(rows(core, "SELECT * FROM schema_drift"))
