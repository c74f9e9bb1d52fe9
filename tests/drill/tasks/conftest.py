"""Processes that send what is due, without an import each: they are forked.

To import the tasks takes seconds. One process does it for the whole session and makes
the senders, each with an environment of its own.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.fixtures.processes import WAIT_SECONDS
from worker.settings import ROOT

#: Each line is the environment of a sender, or empty: then it tells how the last ended.
FORKING = """
import json, os, sys
from tasks.send import send
from worker.settings import settings
for line in sys.stdin:
    if line.strip():
        pid = os.fork()
        if not pid:
            os.dup2(2, 1)
            os.environ.update(json.loads(line))
            settings.cache_clear()
            send.apply(args=([], 1))
            os._exit(0)
        print(pid, flush=True)
    else:
        print(os.waitpid(pid, 0)[1], flush=True)
"""


@dataclass
class Forker:
    """The process that makes senders."""

    popen: subprocess.Popen[str]

    def ask(self, line: str) -> int:
        """Return the number that it answers a line with."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()
        return int(self.popen.stdout.readline())


@dataclass
class Sender:
    """A process that sends what is due, once."""

    forker: Forker
    pid: int
    status: int | None = None

    def wait(self) -> int:
        """Return its exit status, as ``waitpid`` has it; what hangs is killed."""
        if self.status is None:
            end = threading.Timer(WAIT_SECONDS, os.kill, (self.pid, signal.SIGKILL))
            end.start()
            self.status = self.forker.ask("")
            end.cancel()
            end.join()
        return self.status

    def kill(self) -> None:
        """Kill it, unless it has ended, and wait for its end."""
        if self.status is None:
            # Nobody else waits for it: its id is its own until then.
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


StartSender = Callable[[Mapping[str, str]], Sender]


@pytest.fixture(scope="session")
def forker(process_env: Callable[..., dict[str, str]]) -> Iterator[Forker]:
    """The session's maker of senders: use ``start_sender``."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKING],
        cwd=ROOT,
        env=process_env(),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as popen:
        yield Forker(popen)


@pytest.fixture
def start_sender(forker: Forker) -> Iterator[StartSender]:
    """Return a function that starts a sender; the one before it must have ended."""
    started: list[Sender] = []

    def start(environment: Mapping[str, str]) -> Sender:
        assert all(sender.status is not None for sender in started)
        started.append(Sender(forker, forker.ask(json.dumps(environment))))
        return started[-1]

    yield start
    for sender in started:
        sender.kill()
