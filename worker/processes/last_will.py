"""Ends what processes of ours started in turn, when the supervisor is killed.

The kernel ends our children with us (``tied.py``), not their children. So a tiny
process of its own knows which sessions are alive, and kills them when its input ends
without a word. Run by path with ``-I -S``, as ``tied.py`` is.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

#: How long it may take to read the last lines and go.
CLOSE_SECONDS = 5


class LastWill:
    """The sessions that shall not outlive this process."""

    def __init__(self) -> None:
        """Start the process that waits for our end."""
        self._executor = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-I", "-S", str(Path(__file__))],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def add(self, session: int) -> None:
        """A session has begun."""
        self._write(f"+{session}\n")

    def remove(self, session: int) -> None:
        """A session has ended."""
        self._write(f"-{session}\n")

    def close(self) -> None:
        """Everything has ended as it should."""
        if self._executor.stdin:
            with contextlib.suppress(OSError):
                self._executor.stdin.close()
        try:
            self._executor.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._executor.kill()
            self._executor.wait()

    def _write(self, line: str) -> None:
        # Somebody may have killed it: then the kernel's tie has to be enough.
        if self._executor.stdin:
            with contextlib.suppress(OSError):
                self._executor.stdin.write(line.encode())
                self._executor.stdin.flush()


def execute(lines: TextIO) -> None:
    """Follow the sessions, and kill those that are left at the end."""
    alive: set[int] = set()
    for line in lines:
        session = int(line[1:])
        if line.startswith("+"):
            alive.add(session)
        else:
            alive.discard(session)
    for session in alive:
        with contextlib.suppress(OSError):
            os.killpg(session, signal.SIGKILL)


if __name__ == "__main__":
    execute(sys.stdin)
