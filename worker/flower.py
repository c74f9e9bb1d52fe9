"""Starts Flower, locked: ``python -m worker.flower``.

Left to itself Flower 2.2 opens its pages to anyone when no password is set, and
``/metrics`` and ``/healthcheck`` always (its ``docs/auth.rst``). Here it refuses to
start without one, and every address asks for it before Flower sees the request. It
is read-only, listens on the loopback only and keeps what it saw across restarts.
Set up in code, not by options: those would stand in the process list.
"""

import base64
import binascii
import copy
import hmac
import re
import signal
import sys
from types import FrameType
from typing import Any, cast

import structlog
from celery import Celery
from flower.app import Flower
from flower.command import setup_logging
from flower.options import options
from flower.urls import settings as flower_settings
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.web import RequestHandler

from worker import log as logs
from worker.errors import SettingsError
from worker.sentry import start_sentry
from worker.settings import Settings, load

log = structlog.get_logger()

ADDRESS = "127.0.0.1"
#: Each takes a few KiB; the oldest go.
MAX_TASKS = 10_000
MAX_WORKERS = 100
SAVE_EVERY_MS = 30_000
PURGE_OFFLINE_SECONDS = 300
#: What an operator reads first stands first.
COLUMNS = "name,state,result,args,received,runtime,worker,uuid"
EXIT_SETTINGS = 2
#: How Celery shows an outcome in its events: ``DeadLettered('1 dead …')``.
SHOWN_ERROR = re.compile(r"^\w+\((['\"])(.*?)\1,?\)$", re.DOTALL)


class Denied(RequestHandler):
    """Asks for the password, whatever was wanted."""

    def check_xsrf_cookie(self) -> None:
        """Ask for nothing else first: every method gets the same answer."""

    def prepare(self) -> None:
        """Answer at once."""
        self.set_status(401)
        self.set_header("WWW-Authenticate", 'Basic realm="flower"')
        self.finish("Password required.")


class LockedFlower(Flower):  # type: ignore[misc]
    """Flower behind one lock in front of all its handlers."""

    credentials: bytes

    def find_handler(
        self,
        request: HTTPServerRequest,
        **kwargs: Any,  # noqa: ANN401 (Tornado's)
    ) -> HTTPMessageDelegate:
        """Return what answers: Flower only to those who know the password."""
        given = credentials_of(request.headers.get("Authorization", ""))
        # compare_digest: how long it takes tells nothing about the password.
        if given is not None and hmac.compare_digest(given, self.credentials):
            return cast("HTTPMessageDelegate", super().find_handler(request, **kwargs))
        return cast("HTTPMessageDelegate", self.get_handler_delegate(request, Denied))


def credentials_of(header: str) -> bytes | None:
    """Return ``user:password`` of an ``Authorization`` header, if it has them."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def outcome_in_result(task: Any) -> Any:  # noqa: ANN401 (Celery's event task)
    """Show the text of RETRY and FAILURE where SUCCESS shows its own."""
    told = str(getattr(task, "exception", None) or "")
    if task.state in {"RETRY", "FAILURE"} and told:
        shown = copy.copy(task)
        found = SHOWN_ERROR.match(told)
        shown.result = found[2] if found else told
        return shown
    return task


def make_flower(config: Settings, app: Celery[Any]) -> LockedFlower:
    """Return a Flower that is set up and not started.

    Raises:
        SettingsError: There is no password.
    """
    if config.flower_basic_auth is None:
        message = "FLOWER_BASIC_AUTH is not set: Flower does not start without it."
        raise SettingsError(message)
    password = config.flower_basic_auth.get_secret_value()
    if not all(password.partition(":")):
        raise SettingsError("FLOWER_BASIC_AUTH must be user:password.")
    folder = config.state_dir / "flower"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _set_options(config, password, str(folder / "state"))
    made = LockedFlower(options=options, capp=app, **flower_settings)
    made.credentials = password.encode()
    return made


def _set_options(config: Settings, password: str, state: str) -> None:
    values = {
        "address": ADDRESS,
        "port": config.flower_port,
        # A second lock: with it Flower also refuses requests from other sites.
        "basic_auth": [password],
        "read_only": True,
        "persistent": True,
        "db": state,
        "state_save_interval": SAVE_EVERY_MS,
        "max_tasks": MAX_TASKS,
        "max_workers": MAX_WORKERS,
        "purge_offline_workers": PURGE_OFFLINE_SECONDS,
        "tasks_columns": COLUMNS,
        "format_task": outcome_in_result,
    }
    for name, value in values.items():
        setattr(options, name, value)


def main() -> int:
    """Run Flower until it is told to stop."""
    try:
        config = load()
        logs.configure(config, "flower")
        start_sentry(config, "flower")
        # Here, because it reads the settings too.
        from worker.app import app  # noqa: PLC0415

        flower = make_flower(config, app)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS
    setup_logging()
    flower.start_http_server()
    _stop_on_signals(flower)
    log.info("flower_started", address=ADDRESS, port=config.flower_port)
    flower.start()
    return 0


def _stop_on_signals(flower: LockedFlower) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        # Writes down what it saw, then leaves the loop.
        flower.io_loop.add_callback_from_signal(flower.stop)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


if __name__ == "__main__":
    sys.exit(main())
