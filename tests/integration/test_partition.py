"""``bodies.partition``: months ahead, made once."""

from sqlalchemy import Engine

from tasks.partition import partition
from tests.factories import one, rows
from worker.partition import MONTHS_AHEAD

PARTITIONS = """
SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'
  AND relname ~ '^inbox_bodies_[0-9]{6}$' ORDER BY relname
"""


def test_the_coming_months_are_there_after_the_migrations(core: Engine) -> None:
    assert partition() == "0 made"
    assert len(rows(core, PARTITIONS)) == MONTHS_AHEAD + 1


def test_a_missing_month_is_made_again(core: Engine) -> None:
    last = rows(core, PARTITIONS)[-1][0]
    with core.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {last}")

    assert partition() == "1 made"
    assert rows(core, PARTITIONS)[-1][0] == last


def test_a_month_whose_bodies_lie_in_the_default_stays_there(core: Engine) -> None:
    month = rows(core, PARTITIONS)[-1][0]
    with core.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {month}")
        connection.exec_driver_sql(
            "INSERT INTO inbox_bodies SELECT 1, to_date(right('"
            + month
            + "', 6), 'YYYYMM') + interval '3 days', ''"
        )

    assert partition() == "0 made"
    assert one(core, "SELECT count(*) FROM inbox_bodies_default") == 1
    with core.begin() as connection:
        connection.exec_driver_sql("DELETE FROM inbox_bodies")
    assert partition() == "1 made"
