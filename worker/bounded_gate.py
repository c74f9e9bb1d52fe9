"""A gate that ends all requests of one row by one moment, however many there are."""

from worker.channels.deadline import Deadline
from worker.providers.api import Gate
from worker.providers.errors import ApiBusyError, ApiDownError


class BoundedGate:
    """Passes another gate; see ``worker.providers.api.Gate``."""

    def __init__(self, gate: Gate) -> None:
        """Bound what passes this gate."""
        self._gate = gate
        #: How many have passed.
        self.requests = 0
        #: By when all of them must be over; set anew for each row.
        self.deadline: Deadline | None = None
        #: Whether one of them was answered, well or not.
        self.is_answered = False

    def begin(self, deadline: Deadline) -> None:
        """Let the next row begin."""
        self.deadline = deadline
        self.is_answered = False

    def enter(self) -> Deadline | None:
        """Ask the gate."""
        self._gate.enter()
        self.requests += 1
        return self.deadline

    def leave(self, error: Exception | None) -> None:
        """Tell the gate."""
        self.is_answered |= not isinstance(error, ApiBusyError | ApiDownError)
        self._gate.leave(error)
