"""What a dead letter keeps: where the error arose, for rows; nothing for messages."""

from sqlalchemy import Engine

from tests.factories import add_work, one, rows
from worker.dead_letters import Burial, StrayMessage, bury, file_message
from worker.failures import Failure, Verdict
from worker.work_tables import INBOX, Claimant


def died(engine: Engine, row: int, place: str) -> None:
    failure = Failure(Verdict.PERMANENT, "OddError", "odd", place=place)
    with engine.begin() as connection:
        bury(connection, INBOX, Claimant("t", "w"), [Burial(row, 1, failure)])


def test_a_letter_names_the_place_of_the_last_death(engine: Engine) -> None:
    (row,) = add_work(engine, 1)

    died(engine, row, "worker/ledger.py:12 write")
    died(engine, row, "worker/grants.py:7 recompute")

    assert rows(engine, "SELECT place FROM dead_letters") == [
        ("worker/grants.py:7 recompute",)
    ]


def test_a_message_without_a_row_has_no_place(engine: Engine) -> None:
    stray = StrayMessage("ab", b"{}", "x", None, "w", "UnknownTask", "no such task")
    with engine.begin() as connection:
        file_message(connection, stray)

    assert one(engine, "SELECT place FROM dead_letters") == ""
