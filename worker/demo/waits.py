"""Waiting within the demo: for as long as something is left, and not for ever."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.progress import Progress

from worker.processes.stack import Stack

POLL_SECONDS = 0.3

#: Says what is left; nothing: it is over.
Left = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits beside what runs, and shows for what."""

    stack: Stack
    progress: Progress

    def until(self, goal: str, left: Left, seconds: float) -> bool:
        """Wait until nothing is left; the servers are looked after meanwhile.

        Args:
            goal: What it is called while nothing is known, and at the end.
            left: Says what is left.
            seconds: For how long at most.

        Returns:
            Whether nothing is left.

        Raises:
            StopAskedForError: Somebody wants to end it.
        """
        task = self.progress.add_task(goal, total=None)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.stack.mend()
            self.stack.wanted.stop.check()
            words = left()
            if not words:
                self.progress.update(task, description=goal, total=1, completed=1)
                return True
            self.progress.update(task, description=words)
            time.sleep(POLL_SECONDS)
        return False
