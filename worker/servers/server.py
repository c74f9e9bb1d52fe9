"""What the two embedded servers have in common: start, stop, lock, password, port.

A server holds the lock on its folder for as long as it lives, not for as long as we
do: the open lock file is inherited by it. So whoever gets the lock knows that nobody
runs on this data, whatever an old pid file says, and whoever does not get it knows
that a server was left behind.
"""

import fcntl
import os
import secrets
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from worker.processes.ports import free_port, is_free
from worker.processes.spawn import Account, Program, spawn
from worker.servers.errors import ServerError

STARTUP_SECONDS = 120
STOP_SECONDS = 60
#: How long the server of a killed ``up`` gets to end by itself.
LEFTOVER_SECONDS = 15
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 8


class EmbeddedServer(ABC):
    """A server on a loopback port, with its data in a folder of its own."""

    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, home: Path, account: Account | None = None) -> None:
        """Take a folder; nothing is created before ``start``."""
        self.home = home
        self.account = account
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Its address with user and password."""

    @abstractmethod
    def _prepare(self) -> None:
        """Create what must be there before the first start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command that runs it in the foreground."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it takes connections."""

    @abstractmethod
    def _recorded_pid(self) -> int | None:
        """The process id in the server's own pid file."""

    def start(self) -> str:
        """Start the server, on the data that is there.

        Returns:
            Its address.

        Raises:
            ServerError: It did not come up; the message has the end of its log.
        """
        if self.is_running:
            return self.url
        self._create_home()
        lock = self._locked()
        try:
            self._prepare()
            self.port = self._remembered_port()
            self._process = self._spawn(lock)
        finally:
            os.close(lock)
        self._await_ready()
        return self.url

    def stop(self) -> None:
        """Stop it cleanly and wait until it has ended."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(self.stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill it as a crash would, for tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> str:
        """Stop and start; port and data stay."""
        self.stop()
        return self.start()

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def log_file(self) -> Path:
        """Where it writes its log."""
        return self.home / "log"

    @property
    def password(self) -> str:
        """Its password, made at the first start."""
        return (self.home / "password").read_text()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _create_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if not os.access(self.home, os.R_OK | os.W_OK | os.X_OK):
            message = (
                f"{self.home} belongs to another user: run as that user, or delete it"
                " to start with an empty one."
            )
            raise ServerError(message)
        # The server's user may pass through, and owns only its data in there: what root
        # writes must not lie where another user could put a link instead.
        self.home.chmod(0o711 if self.account else 0o700)
        if not (self.home / "password").exists():
            self._write_private("password", secrets.token_urlsafe(24))

    def _write_private(self, name: str, text: str) -> Path:
        """Write a file that only we can read, whole or not at all."""
        path = self.home / name
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        return draft.replace(path)

    def _locked(self) -> int:
        """Return the locked lock file; a server left behind is stopped first."""
        descriptor = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        patient_until = time.monotonic() + LEFTOVER_SECONDS
        until = patient_until + STOP_SECONDS
        asked = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now = time.monotonic()
            else:
                return descriptor
            if now > until:
                os.close(descriptor)
                message = f"Another {self.title} runs on {self.home} and does not end."
                raise ServerError(message)
            if now > patient_until and not asked:
                asked = True
                self._ask_leftover_to_stop()
            time.sleep(POLL_SECONDS * 5)

    def _ask_leftover_to_stop(self) -> None:
        # Somebody holds the lock, so the pid in the file is that server's.
        pid = self._recorded_pid()
        if pid is not None:
            os.kill(pid, self.stop_signal)

    def _remembered_port(self) -> int:
        """Return the port of last time if it is free, so that addresses stay."""
        file = self.home / "port"
        if file.exists() and is_free(int(file.read_text())):
            return int(file.read_text())
        port = free_port()
        self._write_private("port", str(port))
        return port

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        program = Program(
            self._command(),
            folder=self.home,
            environment={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
            death_signal=self.stop_signal,
            account=self.account,
            inherits=(lock,),
        )
        with self.log_file.open("ab") as log:
            self.log_file.chmod(0o600)
            return spawn(program, log)

    def _await_ready(self) -> None:
        until = time.monotonic() + STARTUP_SECONDS
        while not self._is_ready():
            if not self.is_running:
                raise ServerError(self._failure("ended while starting"))
            if time.monotonic() > until:
                self.stop()
                raise ServerError(
                    self._failure(f"was not ready after {STARTUP_SECONDS} s")
                )
            time.sleep(POLL_SECONDS)

    def _failure(self, what: str) -> str:
        log = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join([f"{self.title} {what}:", *log[-LOG_TAIL_LINES:]])
