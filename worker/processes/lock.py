"""One stack at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.processes.errors import StackError


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the folder: there is one stack in it at a time.

    The kernel gives the lock back when we die, so a stale one does not exist.
    """
    # As root PostgreSQL runs as another user, who must be able to pass through.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        state.mkdir(mode=mode, parents=True, exist_ok=True)
        opened = (state / "up.lock").open("a+")
    except PermissionError:
        message = f"{state} cannot be written to: it belongs to another user."
        raise StackError(message) from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = (
                f"Paddlewheel runs in {state} already (process {file.read()}): use it,"
                " or stop it first."
            )
            raise StackError(message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
