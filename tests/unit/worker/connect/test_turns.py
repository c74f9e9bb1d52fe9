"""What is asked counts for all of us, and goes on when nobody can count."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import SQLAlchemyError

from worker.connect.turns import Turns
from worker.providers.errors import NoTurnError


class Gate:
    """Raises what it is told to."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def enter(self) -> None:
        self.asked += 1
        raise self.error

    def leave(self, _: Exception | None) -> None:
        raise self.error


def test_once_the_database_is_gone_it_is_not_waited_for() -> None:
    gate = Gate(SQLAlchemyError("gone"))
    turns = Turns(gate)

    for _ in range(2):
        turns.enter()
        turns.leave(None)

    assert gate.asked == 1


def test_a_database_that_is_gone_hides_no_answer() -> None:
    turns = Turns(Gate(SQLAlchemyError("gone")))

    turns.leave(None)

    assert turns.enter() is None


def test_where_there_is_no_turn_nobody_is_asked() -> None:
    turns = Turns(Gate(NoTurnError("is not asked now", timedelta(seconds=1))))

    with pytest.raises(NoTurnError):
        turns.enter()
