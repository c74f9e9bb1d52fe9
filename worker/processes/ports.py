"""Ports on this machine: a free one, and who has a taken one."""

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
#: In /proc/net/tcp: the state of a socket that listens.
LISTENING = "0A"


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on a port now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections still fade away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str | None:
    """Name the process that listens on a port, as far as we may see (Linux)."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(str(fd.readlink()) in sockets for fd in (folder / "fd").iterdir()):
                name = (folder / "comm").read_text().strip()
                return f"{name}, process {folder.name}"
        except OSError:
            continue  # another user's, or gone meanwhile
    return None


def _listening_inodes(port: int) -> list[str]:
    inodes = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for row in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *rest = row.split()
            if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                inodes.append(rest[5])
    return inodes
