"""Everything on one machine: servers, migrations, processes; and their end, in order.

``paddlewheel up`` stays in it until it is asked to stop; ``demo`` and tests do their
work inside::

    with running(Wanted(procfile=…)) as stack:
        …

Whatever happens inside, the processes have ended when it is left: first those that
take deliveries, then those that work, then the servers.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.processes.beginning import await_ready, release
from worker.processes.console import Console
from worker.processes.errors import StackError
from worker.processes.interrupt import StopRequest
from worker.processes.local import (
    given_values,
    is_local,
    local_values,
    refuse_taken_ports,
    write_env,
)
from worker.processes.lock import locked
from worker.processes.ports import LOOPBACK
from worker.processes.process import Process
from worker.processes.procfile import RELEASE, Line, lines_of
from worker.processes.supervisor import Supervisor
from worker.servers.postgres import Postgres
from worker.servers.server import EmbeddedServer
from worker.servers.valkey import Valkey
from worker.setting_files import state_of
from worker.settings import ROOT, STATE_DIR, Settings, env_dir, environ, settings_of

#: From TERM to KILL: a task may take its whole hard limit, and then must say so.
GRACE_BEYOND_HARD_LIMIT_SECONDS = 10


@dataclass(frozen=True)
class Wanted:
    """What shall run, and where."""

    #: Settings by the names of their variables; they win over everything else.
    overrides: Mapping[str, str] = field(default_factory=dict)
    procfile: Path = ROOT / "Procfile.dev"
    #: Data of the servers, secrets, mails; of the sandbox in a folder below.
    state: Path = STATE_DIR
    env_file: Path = field(default_factory=lambda: env_dir() / ".env")
    #: Any free ports instead of the usual ones, for a stack beside another one.
    free_ports: bool = False
    console: Console = field(default_factory=Console)
    stop: StopRequest = field(default_factory=StopRequest)


@dataclass(frozen=True)
class Stack:
    """What runs."""

    settings: Settings
    #: The environment of every process; also right for further ones.
    environment: Mapping[str, str]
    servers: tuple[EmbeddedServer, ...]
    supervisor: Supervisor
    wanted: Wanted

    @property
    def web_url(self) -> str:
        """Address of the receiver."""
        return f"http://{LOOPBACK}:{self.settings.web_port}"

    def wait(self) -> None:
        """Return when somebody asks to stop; meanwhile look after the servers.

        Raises:
            StackError: The processes are no longer looked after.
            ServerError: A server ended and does not start again.
        """
        self.wanted.stop.wait(self.mend)

    def mend(self) -> bool:
        """Start again what ended unasked among the servers; the rest mends itself.

        For whoever does not ``wait``: call it now and then.
        """
        for server in self.servers:
            if not server.is_running:
                self.wanted.console.say(f"{server.title} ended unasked: starting again")
                server.start()
        if not self.supervisor.is_running:
            message = "The processes are no longer looked after: this is a defect."
            raise StackError(message)
        return True


@contextmanager
def running(wanted: Wanted) -> Iterator[Stack]:
    """Start everything, and stop it again when left.

    Raises:
        PaddlewheelError: It cannot run; what had been started is stopped.
        StopAskedForError: Somebody asked to stop before all was ready.
    """
    given = given_values(wanted.overrides, wanted.env_file)
    state = state_of(wanted.state, given["PADDLE_ENVIRONMENT"])
    wanted = replace(wanted, state=state)
    with ExitStack() as stack:
        stack.enter_context(locked(wanted.state))
        values = local_values(given, wanted.state, free_ports=wanted.free_ports)
        refuse_taken_ports(values)
        servers = stack.enter_context(_serving(given, wanted))
        values |= {name: server.url for name, server in servers.items()}
        config = settings_of(values)
        write_env(wanted.state / "env", values)
        environment = process_environment(values)
        lines = _lines(wanted.procfile, given)
        if first := lines.pop(RELEASE, None):
            wanted.console.say("Migrating the database and reading the catalog …")
            release(Process(first, ROOT, environment), wanted.console, wanted.stop)
        grace = config.hard_limit_seconds + GRACE_BEYOND_HARD_LIMIT_SECONDS
        supervisor = Supervisor(
            lines.values(), ROOT, environment, wanted.console, grace
        )
        stack.callback(supervisor.stop)
        supervisor.start()
        if "web" in lines:
            await_ready(config, lambda: supervisor.is_running, wanted.stop)
        yield Stack(config, environment, tuple(servers.values()), supervisor, wanted)


def process_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process: ours, the settings, our interpreter."""
    inherited = environ()
    folder = Path(sys.prefix) / "bin"
    return {
        **inherited,
        **values,
        # A Procfile says `python`; the scripts beside it have the path of the
        # interpreter in their first line, which may not be long nor have blanks.
        "PATH": f"{folder}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": sys.prefix,
        "PYTHONUNBUFFERED": "1",
        # On a bare machine one is often root; Celery would say so for each worker.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
    }


@contextmanager
def _serving(
    given: Mapping[str, str], wanted: Wanted
) -> Iterator[dict[str, EmbeddedServer]]:
    """Run the servers that nobody gave, by the names of their settings."""
    servers: dict[str, EmbeddedServer] = {}
    if "DATABASE_URL" not in given:
        servers["DATABASE_URL"] = Postgres(wanted.state)
    if "BROKER_URL" not in given:
        servers["BROKER_URL"] = Valkey(wanted.state / "valkey")
    with ExitStack() as stack:
        for server in servers.values():
            wanted.console.say(f"{server.title} is starting …")
            # First the way out: a start that fails half-way must not leave it running.
            stack.callback(_stop_server, server, wanted.console)
            server.start()
            wanted.stop.check()
        yield servers


def _stop_server(server: EmbeddedServer, console: Console) -> None:
    if server.is_running:
        server.stop()
        console.say(f"{server.title} has stopped.")


def _lines(procfile: Path, given: Mapping[str, str]) -> dict[str, Line]:
    lines = {line.name: line for line in lines_of(procfile)}
    if "SMTP_URL" in given:
        lines.pop("mail", None)
    if not is_local(given):
        lines.pop("paddle", None)
    return lines
