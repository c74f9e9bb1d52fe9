"""The steps between the servers and the work: release, then a receiver that is ready."""

import http.client
import time
from collections.abc import Callable

from worker.processes.console import Console
from worker.processes.errors import StackError
from worker.processes.interrupt import POLL_SECONDS, StopRequest
from worker.processes.ports import LOOPBACK
from worker.processes.process import Process
from worker.settings import Settings

READY_SECONDS = 120


def release(process: Process, console: Console, stop: StopRequest) -> None:
    """Run the release line to its end.

    Raises:
        StackError: It failed.
        StopAskedForError: Somebody asked to stop; it was stopped.
    """
    process.start()
    asked = False
    while not process.has_ended():
        process.hear(console.line)
        if stop.is_made and not asked:
            asked = True
            process.terminate()
        time.sleep(POLL_SECONDS / 5)
    process.hear_last_words(console.line)
    code = process.bury()
    stop.check()
    if code != 0:
        message = f"The release step failed (exit code {code}): see its lines above."
        raise StackError(message)


def await_ready(
    config: Settings, is_alive: Callable[[], bool], stop: StopRequest
) -> None:
    """Return when the receiver says that it is ready.

    Raises:
        StackError: It took too long, or nobody looks after it.
        StopAskedForError: Somebody asked to stop.
    """
    until = time.monotonic() + READY_SECONDS
    while not _is_ready(config):
        stop.check()
        if time.monotonic() > until or not is_alive():
            message = (
                f"The receiver was not ready after {READY_SECONDS} s: see its lines"
                " above."
            )
            raise StackError(message)
        time.sleep(POLL_SECONDS)


def _is_ready(config: Settings) -> bool:
    host = LOOPBACK if config.web_host in {"0.0.0.0", "::"} else config.web_host  # noqa: S104
    connection = http.client.HTTPConnection(host, config.web_port, timeout=1)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
