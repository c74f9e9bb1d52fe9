"""What the checks look at together: settings, a database, workers, the provider.

What several checks need is asked for once; whoever comes second waits for the answer.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import httpx
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from worker import budget
from worker.channels.deadline import Deadline, within
from worker.parent_database import parent_engine
from worker.providers.api import OpenGate
from worker.providers.errors import ApiBusyError, NoTurnError
from worker.providers.paddle.account import account_of
from worker.providers.paddle.connection import PaddleConnection
from worker.providers.paddle.provider import Paddle
from worker.rings import ringing_app
from worker.settings import Settings

T = TypeVar("T")

#: Of one check, all in all; they run beside each other.
LOOK_SECONDS = 2.6
#: Of one request with its turn, so that a check can still say how it went.
CALL_SECONDS = 2.0
#: How long a turn at the provider's budget is asked for.
TURN_SECONDS = 1.0
#: Connections to the database at once: there may be few left.
CONNECTIONS = 4


class Scene:
    """This deployment, as far as it can be seen from here."""

    def __init__(self, config: Settings) -> None:
        """Prepare; nothing is opened yet."""
        self.config = config
        _load(config)
        # Opening one costs more than all that is asked through it.
        self._engine = parent_engine(config, kept=CONNECTIONS)
        #: Taken by whoever opens one of ``engine``'s connections.
        self.room = threading.BoundedSemaphore(CONNECTIONS)
        self._known: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Hang up; what still hangs ends with the process."""
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """Connections to the database, to be opened in the ``room`` there is."""
        return self._engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that cannot write."""
        with self.room, self._engine.begin() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            yield connection

    @contextmanager
    def asking(self) -> Iterator[PaddleConnection]:
        """Ask the provider's API within its budget.

        Raises:
            SettingsError: There is no key.
        """
        account = account_of(self.config, _Turns(self))
        with PaddleConnection(account, CALL_SECONDS) as api:
            yield api

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """Ask for something that several checks need.

        Raises:
            Exception: What asking raised; nobody asks again.
        """
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._known:
                self._known[name] = _tried(ask)
            known = self._known[name]
        if isinstance(known, Exception):
            raise known
        found: T = known
        return found


def _tried(ask: Callable[[], T]) -> T | Exception:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 (raised for each who needs it)
        return error


def plain_http(seconds: float = CALL_SECONDS) -> httpx.Client:
    """Return what asks on this machine, without TLS: no certificates are read."""
    return httpx.Client(timeout=seconds, trust_env=False, verify=False)  # noqa: S501


def _load(config: Settings) -> None:
    """Load now what Celery loads at its first use: no look is to wait for that."""
    app = ringing_app(config)
    try:
        _ = app.control, app.amqp.router
        _ = app.connection_for_write().transport_cls
    finally:
        app.close()


class _Turns:
    """The provider's budget, where there is a database; a look goes on without one.

    It leaves some of what lies ready to buyers, and must not make anybody else wait:
    our patience is too short for our time-outs to say anything of the provider.
    """

    def __init__(self, scene: Scene) -> None:
        self._room = scene.room
        self._gate: budget.Budget | OpenGate = budget.Budget(
            scene.engine,
            Paddle.name,
            budget.Lane.RECONCILE,
            scene.config,
            probes=False,
        )

    def enter(self) -> Deadline:
        """Take a turn, which is part of the request's time.

        Raises:
            NoTurnError: There is none now.
        """
        deadline = Deadline(CALL_SECONDS)
        try:
            within(Deadline(TURN_SECONDS), self._enter)
        except NoTurnError:
            raise
        except (SQLAlchemyError, TimeoutError):
            # The check of the database tells of it.
            self._gate = OpenGate()
        return deadline

    def leave(self, error: Exception | None) -> None:
        """Tell that the provider asked for a pause, if anybody can hear it."""
        if not isinstance(error, ApiBusyError):
            return
        with suppress(SQLAlchemyError, TimeoutError):
            within(Deadline(TURN_SECONDS), lambda: self._leave(error))

    def _enter(self) -> None:
        with self._room:
            self._gate.enter()

    def _leave(self, error: ApiBusyError) -> None:
        with self._room:
            self._gate.leave(error)
