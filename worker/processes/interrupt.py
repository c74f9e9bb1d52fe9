"""Being asked to stop: noted in a signal handler, obeyed where it is safe.

An exception thrown by a handler can land between any two steps, a fork and the note
of its process id among them. So the handler only notes, and whoever waits looks.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: The terminal's Ctrl-C, everybody else's stop, and a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.1


class StopAskedForError(BaseException):
    """Somebody asked to stop before everything ran.

    Like ``KeyboardInterrupt`` no ``Exception``: it is nobody's failure.
    """


class StopRequest:
    """Whether somebody has asked us to stop."""

    def __init__(self, again: Callable[[], None] = lambda: None) -> None:
        """Prepare; ``again`` is called for each request after the first."""
        # No threading.Event: its lock may be held by the very code that the handler
        # interrupts, and would then be waited for for ever.
        self.is_made = False
        self._again = again

    @contextmanager
    def listening(self) -> Iterator["StopRequest"]:
        """Listen to the signals; only the main thread can."""
        # Under nohup the closing of the terminal is ignored, and stays so.
        heard = [
            number
            for number in SIGNALS
            if number is not signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        ]
        before = {number: signal.signal(number, self._note) for number in heard}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Leave if a stop was asked for.

        Raises:
            StopAskedForError: It was.
        """
        if self.is_made:
            raise StopAskedForError

    def wait(self, while_true: Callable[[], bool]) -> None:
        """Return when a stop is asked for, or the condition is no longer true."""
        while not self.is_made and while_true():
            time.sleep(POLL_SECONDS)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_made:
            self._again()
        self.is_made = True
