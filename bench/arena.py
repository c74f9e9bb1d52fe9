"""Where it is measured: servers of its own, a database per run, real processes.

The servers write to disk as in production; every contender gets the same ones.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from redis import Redis

from worker.processes.spawn import Program, signal_group, spawn
from worker.servers.postgres import Postgres
from worker.servers.valkey import Valkey
from worker.settings import ROOT, Settings, environ

SECRET = "pdl_ntfset_bench_secret"  # noqa: S105 (made up)
START_SECONDS = 60
STOP_SECONDS = 40
POLL_SECONDS = 0.05
LOG_TAIL = 2000


class BenchError(RuntimeError):
    """Something could not be measured; the message says why."""


@dataclass(frozen=True)
class Child:
    """A process that is measured, and what it says."""

    popen: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.log_file.read_text(errors="replace")

    def await_log(self, word: str) -> None:
        """Wait until it has said a word."""
        eventually(lambda: word in self.log or self.popen.poll() is not None)
        if word not in self.log:
            raise BenchError(f"it ended at once: {self.log[-LOG_TAIL:]}")


@dataclass(frozen=True)
class Arena:
    """Two servers and a folder for logs."""

    folder: Path
    postgres: Postgres
    valkey: Valkey

    @property
    def broker(self) -> Redis:
        """A client of the broker."""
        return Redis.from_url(self.valkey.url)

    def connect(self, database: str) -> psycopg.Connection:
        """Return a connection on which every statement is its own transaction."""
        return psycopg.connect(self.postgres.url_of(database), autocommit=True)

    def has(self, database: str) -> bool:
        """Tell whether there is such a database."""
        with self.connect("postgres") as connection:
            named = "SELECT FROM pg_database WHERE datname = %s"
            return connection.execute(named, [database]).rowcount > 0

    def clone(
        self, database: str, template: str | None = None, strategy: str = "wal_log"
    ) -> str:
        """Create a database anew, as a copy, and return its address.

        Args:
            database: Its name.
            template: Of what; None: of an empty one.
            strategy: PostgreSQL's way to copy; ``file_copy`` suits a large one.
        """
        with self.connect("postgres") as connection:
            name = sql.Identifier(database)
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
            )
            source = sql.Identifier(template or "template0")
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                    name, source, sql.Literal(strategy)
                )
            )
            # What the copy has to be written out is not what is measured.
            connection.execute("CHECKPOINT")
        return self.postgres.url_of(database)

    def environment(self, database: str, **settings: object) -> dict[str, str]:
        """Return the environment of a process of Paddlewheel."""
        given = {
            "paddle_environment": "local",
            "paddle_webhook_secrets": SECRET,
            "database_url": self.postgres.url_of(database),
            "broker_url": self.valkey.url,
            "smtp_url": "smtp://127.0.0.1:9",
            "mail_from": "courses@example.com",
            "state_dir": str(self.folder),
            **settings,
        }
        shell = {
            name: value
            for name, value in environ().items()
            if name.lower() not in Settings.model_fields
        }
        return shell | {name.upper(): str(value) for name, value in given.items()}

    def run(self, module: str, *arguments: str, env: Mapping[str, str]) -> None:
        """Run a module to its end."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=env,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise BenchError(f"{module}: {(done.stdout + done.stderr)[-LOG_TAIL:]}")

    @contextmanager
    def running(
        self, name: str, command: Sequence[str], env: Mapping[str, str]
    ) -> Iterator[Child]:
        """Run a module until the block is left."""
        log_file = self.folder / f"{name}.log"
        with log_file.open("wb") as log:
            program = Program([sys.executable, "-m", *command], ROOT, dict(env))
            popen = spawn(program, log)
        try:
            yield Child(popen, log_file)
        finally:
            stop(popen)


@contextmanager
def arena() -> Iterator[Arena]:
    """Start the servers; stop and forget them when the block is left."""
    folder = Path(tempfile.mkdtemp(prefix="paddlewheel-bench-"))
    # As root PostgreSQL runs as another user, who must be able to pass through.
    folder.chmod(0o711)
    try:
        with Postgres(folder) as postgres, Valkey(folder / "valkey") as valkey:
            yield Arena(folder, postgres, valkey)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stop(popen: subprocess.Popen[bytes]) -> None:
    """Ask a process to end; kill it and all of its session if it does not."""
    popen.send_signal(signal.SIGTERM)
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        signal_group(popen, signal.SIGKILL)
        popen.wait()


def eventually(is_true: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Wait until something is true.

    Raises:
        BenchError: It was not in time.
    """
    until = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > until:
            raise BenchError(f"not within {seconds:.0f} s: {is_true.__qualname__}")
        time.sleep(POLL_SECONDS)
