"""What the processes say, each line with the name of the one who says it."""

import os
import sys
import threading
from contextlib import suppress
from typing import TextIO

COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


class Console:
    """Writes prefixed lines to one stream, from any thread, never in the middle."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to a stream; standard output by default."""
        self._stream = stream or sys.stdout
        self._colored = self._stream.isatty() and os.name == "posix"
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        self.width = 11

    def say(self, text: str = "") -> None:
        """Write a line of our own, without a prefix."""
        self._write(f"{text}\n")

    def line(self, name: str, text: str) -> None:
        """Write a line that a process said."""
        number = self._numbers.setdefault(name, len(self._numbers))
        prefix = f"{name:{self.width}} | "
        if self._colored:
            prefix = f"\x1b[{COLORS[number % len(COLORS)]}m{prefix}\x1b[0m"
        self._write(f"{prefix}{text}\n")

    def _write(self, text: str) -> None:
        # Whoever read it may be gone (a closed terminal): the work goes on, and above
        # all the stopping does.
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
