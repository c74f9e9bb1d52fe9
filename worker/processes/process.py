"""One line of a Procfile, as it runs: started, listened to, stopped."""

import codecs
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.processes.procfile import Line
from worker.processes.spawn import Program, signal_group, spawn

READ_BYTES = 65536
#: A program that writes no newline is still heard.
LONGEST_LINE = 16384
LAST_WORDS_SECONDS = 0.5
FIRST_RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30
#: Having run for so long, its next death counts as the first.
STEADY_SECONDS = 30


class Process:
    """A process that shall run until it is stopped."""

    def __init__(
        self, line: Line, folder: Path, environment: Mapping[str, str]
    ) -> None:
        """Prepare a process; nothing runs yet."""
        self.name = line.name
        self.restarts = 0
        self.started_at = 0.0
        #: When to start it again, on the monotonic clock; ``None`` while it runs.
        self.due_at: float | None = 0.0
        self._program = Program(line.arguments, folder, environment)
        self._popen: subprocess.Popen[bytes] | None = None
        self._deaths = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self._popen.pid if self._popen else None

    def start(self) -> int:
        """Start it, and return what its output is read from."""
        self._popen = spawn(self._program, subprocess.PIPE)
        self.started_at = time.monotonic()
        self.due_at = None
        descriptor = self._output()
        os.set_blocking(descriptor, False)
        return descriptor

    def has_ended(self) -> bool:
        """Tell whether it died, without burying it: its number stays its own."""
        if self._popen is None:
            return False
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._popen.pid, how) is not None

    def bury(self) -> int:
        """Kill what a dead process left in its session, and return its exit code."""
        if self._popen is None:
            return 0
        signal_group(self._popen, signal.SIGKILL)
        code = self._popen.wait()
        if self._popen.stdout:
            self._popen.stdout.close()
        self._popen = None
        return code

    def put_off(self) -> float:
        """Set when to start it again, and return the wait in seconds.

        0.5, 1, 2, 4 … at most 30; from the start after 30 steady seconds.
        """
        now = time.monotonic()
        self._deaths = (
            0 if now - self.started_at >= STEADY_SECONDS else self._deaths + 1
        )
        wait = FIRST_RESTART_SECONDS * 2.0 ** max(0, min(self._deaths, 16) - 1)
        wait = min(float(LONGEST_RESTART_SECONDS), wait)
        self.due_at = now + wait
        self.restarts += 1
        return wait

    def terminate(self) -> None:
        """Ask the program, and only it, to end.

        The same signal to its children would kill Celery's tasks in the middle, and
        the broker would lose their messages.
        """
        self.due_at = None
        if self._popen is not None:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it started."""
        if self._popen is not None:
            signal_group(self._popen, signal.SIGKILL)

    def hear(self, say: Callable[[str, str], None]) -> bool:
        """Pass on what it has said; tell whether there may be more to come."""
        try:
            chunk = os.read(self._output(), READ_BYTES)
        except BlockingIOError:
            return True
        text = self._rest + self._decoder.decode(chunk, final=not chunk)
        *lines, self._rest = text.split("\n")
        if self._rest and (not chunk or len(self._rest) > LONGEST_LINE):
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            say(self.name, line.rstrip("\r"))
        return bool(chunk)

    def hear_last_words(self, say: Callable[[str, str], None]) -> None:
        """Pass on what is left, without waiting for a stranger that holds the pipe."""
        until = time.monotonic() + LAST_WORDS_SECONDS
        while time.monotonic() < until and self.hear(say):
            select.select([self._output()], [], [], LAST_WORDS_SECONDS / 10)

    def _output(self) -> int:
        if self._popen is None or self._popen.stdout is None:
            message = f"{self.name} does not run"
            raise RuntimeError(message)
        return self._popen.stdout.fileno()
