"""Runs the lines of a Procfile: starts, listens, starts again, stops in order.

Honcho and its kin stop everything by SIGTERM to whole process groups, kill after five
seconds and end all when one ends. Any of the three loses a message of Celery's, so we
do it ourselves: TERM to the main process only, a wait longer than the hardest time
limit, and what died unasked is started again.

One thread does everything. It also starts the processes, because the kernel ties a
child to the thread that started it.
"""

import selectors
import signal
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from worker.processes.console import Console
from worker.processes.last_will import LastWill
from worker.processes.process import Process
from worker.processes.procfile import Line

#: First nothing comes in any more, then nothing new is rung and nobody misses it, then
#: work ends; what the workers talk to (and everything not named here) ends after them.
STOP_ORDER = (
    ("web",),
    ("beat", "watch"),
    ("worker", "fetch", "notify", "maintenance", "sweep"),
)
POLL_SECONDS = 0.1


class Supervisor:
    """The running processes of one Procfile."""

    def __init__(
        self,
        lines: Iterable[Line],
        folder: Path,
        environment: Mapping[str, str],
        console: Console,
        grace_seconds: float,
    ) -> None:
        """Prepare the processes; nothing runs yet.

        Args:
            lines: The processes.
            folder: Where they run.
            environment: All of their environment.
            console: Where what they say goes.
            grace_seconds: From TERM to KILL; longer than the hardest time limit.
        """
        self.processes = [Process(line, folder, environment) for line in lines]
        self._console = console
        self._grace_seconds = grace_seconds
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor")
        console.width = max([console.width, *(len(p.name) for p in self.processes)])

    def start(self) -> None:
        """Start all processes and return."""
        self._thread.start()

    def stop(self) -> None:
        """Stop all processes in order, and return when the last has ended."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether the processes are being looked after."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def pids(self) -> dict[str, int]:
        """Return the process ids of those that run, by name."""
        return {p.name: p.pid for p in self.processes if p.pid is not None}

    def _run(self) -> None:
        self._will = LastWill()
        while not self._stopping.is_set():
            for process in self.processes:
                if process.due_at is not None and process.due_at <= time.monotonic():
                    self._start(process)
            self._listen(POLL_SECONDS)
            for process in self.processes:
                if process.has_ended():
                    self._start_again_later(process)
        for names in stages([process.name for process in self.processes]):
            self._stop_stage([p for p in self.processes if p.name in names])
        self._selector.close()
        self._will.close()

    def _start(self, process: Process) -> None:
        self._selector.register(process.start(), selectors.EVENT_READ, process)
        self._will.add(process.pid or 0)

    def _listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if not key.data.hear(self._console.line):
                self._selector.unregister(key.fd)

    def _bury(self, process: Process) -> int:
        """Hear its last words, and bury it."""
        for key in list(self._selector.get_map().values()):
            if key.data is process:
                self._selector.unregister(key.fd)
                process.kill()
                process.hear_last_words(self._console.line)
        session = process.pid or 0
        code = process.bury()
        self._will.remove(session)
        return code

    def _start_again_later(self, process: Process) -> None:
        how = ending(self._bury(process))
        wait = process.put_off()
        self._console.line(
            process.name, f"ended unasked ({how}): starting again in {wait:g} s"
        )

    def _stop_stage(self, stage: Sequence[Process]) -> None:
        for process in stage:
            process.terminate()
        until = time.monotonic() + self._grace_seconds
        alive = [process for process in stage if process.pid is not None]
        while alive:
            self._listen(POLL_SECONDS)
            if time.monotonic() > until:
                self._kill_late(alive)
            for process in [p for p in alive if p.has_ended()]:
                how = ending(self._bury(process))
                self._console.line(process.name, f"stopped ({how})")
                alive.remove(process)

    def _kill_late(self, late: Iterable[Process]) -> None:
        for process in late:
            if not process.has_ended():
                self._console.line(process.name, "did not end in time: killed")
                process.kill()


def stages(names: Sequence[str]) -> list[list[str]]:
    """Return the names in the groups in which they are stopped."""
    named = {name for group in STOP_ORDER for name in group}
    order = [*STOP_ORDER, tuple(name for name in names if name not in named)]
    return [[name for name in group if name in names] for group in order]


def ending(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
