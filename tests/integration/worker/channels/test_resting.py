"""How long a channel rests after messages whose end nobody knows."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from tests import outgoing
from worker.channels.resting import rest_of
from worker.doubtful import DIED


def add_doubts(
    connection: Connection, count: int, age: str = "0", **values: str
) -> None:
    """Add messages that became doubtful so long ago."""
    for _ in range(count):
        given = {"state": "doubtful", "reason": "no answer", **values}
        row_id = outgoing.add_notification(connection, **given)
        ended = "UPDATE notifications SET finished_at = now() - interval :age WHERE id = :id"
        statement = text(ended.replace(":age", f"'{age}'"))
        connection.execute(statement, {"id": row_id})


@pytest.mark.parametrize(
    ("doubts", "minutes"), [(0, 0), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (99, 30)]
)
def test_it_rests_the_longer_the_more_doubts_there_were(
    engine: Engine, doubts: int, minutes: int
) -> None:
    with engine.begin() as connection:
        add_doubts(connection, doubts)
        assert rest_of(connection, "mail") == timedelta(minutes=minutes)


def test_what_has_passed_of_it_counts_and_then_it_is_over(engine: Engine) -> None:
    with engine.begin() as connection:
        add_doubts(connection, 1, "40 min")
        add_doubts(connection, 1, "50 s")
        assert rest_of(connection, "mail") == timedelta(seconds=70)
        connection.execute(
            text("UPDATE notifications SET finished_at = now() - interval '2 min'")
        )
        assert rest_of(connection, "mail") == timedelta()


def test_other_channels_old_doubts_and_dead_processes_do_not_count(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        add_doubts(connection, 1, channel="whatsapp")
        add_doubts(connection, 9, "1 hour")
        add_doubts(connection, 1, reason=DIED)
        assert rest_of(connection, "mail") == timedelta()
        assert rest_of(connection, "whatsapp") == timedelta(minutes=1)
