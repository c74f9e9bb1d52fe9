"""Asks within the budget that all of us share, while its database answers."""

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from worker.channels.deadline import Deadline
from worker.providers.api import Gate, OpenGate


class Turns:
    """The turns of another gate; without them once the database is gone.

    What was begun at the provider is put right again all the same.
    """

    def __init__(self, gate: Gate) -> None:
        """Ask this one as long as it answers."""
        self._gate = gate

    def enter(self) -> Deadline | None:
        """Take a turn.

        Raises:
            NoTurnError: There is none.
        """
        try:
            return self._gate.enter()
        except SQLAlchemyError:
            self._gate = OpenGate()
            return None

    def leave(self, error: Exception | None) -> None:
        """Tell the gate, if it hears."""
        with suppress(SQLAlchemyError):
            self._gate.leave(error)
