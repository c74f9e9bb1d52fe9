"""Rows are counted that are new, other or gone, and nothing that is bookkeeping."""

import pytest
from sqlalchemy import Engine, text

from worker.demo.all_rows import Rows, changed, read_all

CUSTOMER = (
    "INSERT INTO customers (provider, id, clock_event) VALUES ('paddle', :id, 'e')"
)
FINDING = "INSERT INTO findings (kind, subject) VALUES ('partial_refund', 'txn_1')"


@pytest.fixture
def before(core: Engine) -> Rows:
    with core.begin() as connection:
        for id_ in ("ctm_1", "ctm_2"):
            connection.execute(text(CUSTOMER), {"id": id_})
        connection.execute(text(FINDING))
        return read_all(connection)


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("UPDATE customers SET name = 'Ada' WHERE id = 'ctm_1'", "customers"),
        ("DELETE FROM customers WHERE id = 'ctm_1'", "customers"),
        ("UPDATE findings SET state = 'cleared'", "findings"),
        (CUSTOMER.replace(":id", "'ctm_3'"), "customers"),
    ],
)
def test_what_a_run_changes_is_counted(
    core: Engine, before: Rows, sql: str, table: str
) -> None:
    with core.begin() as connection:
        connection.execute(text(sql))
        assert changed(before, read_all(connection)) == {table: 1}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE customers SET confirmed_at = now()",
        "UPDATE findings SET seen_at = now() + interval '1 day', times = times + 1",
        "INSERT INTO cursors (name, position) VALUES ('events:paddle', 'evt_1')",
        "UPDATE slots SET done_at = now()",
    ],
)
def test_that_something_was_looked_at_again_is_not(
    core: Engine, before: Rows, sql: str
) -> None:
    with core.begin() as connection:
        connection.execute(text(sql))
        assert changed(before, read_all(connection)) == {}
