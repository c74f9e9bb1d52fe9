"""Rings: the Celery messages that say "look at these rows".

A ring carries ids and a schema version, nothing else. It is a nudge: lost, doubled or
late it does no harm, because the sweep rings for every row that nobody looked at. So
publishing never fails anybody's work, and nobody waits for it long.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from celery import Celery

import celeryconfig
from models.work import SCHEMA_VERSION
from worker.broker import broker_conf
from worker.settings import Settings

log = structlog.get_logger()

#: Ids of one message, at most: a claim's size. A larger backlog is worked off by the
#: tasks themselves, each of which goes on until nothing is due.
MAX_IDS = 100
#: The same for a receiver under load, where a message costs as much as 30 deliveries.
MAX_QUICK_IDS = 500
#: Least time between two messages of a receiver: what comes meanwhile leaves together.
PAUSE_SECONDS = 0.05
#: Ids that wait for the broker, at most. Those beyond are left to the sweep.
MAX_WAITING_IDS = 20_000
#: Bounds of a publish where requests wait behind it: tighter than a worker's.
QUICK_OPTIONS: dict[str, dict[str, Any]] = {
    "redis": {"socket_timeout": 1, "socket_connect_timeout": 0.5, "max_retries": 0},
    "amqp": {"read_timeout": 1, "write_timeout": 1, "max_retries": 0},
}


def publish_ring(
    app: Celery, task: str, ids: Sequence[int], most: int = MAX_IDS
) -> bool:
    """Ring for rows, after their commit. Never raises.

    Args:
        app: Any app with our ``celeryconfig``.
        task: Name of the task that works on the rows.
        ids: The rows.
        most: Ids of one message; more become several.

    Returns:
        Whether the broker took all of it; if not, the sweep will ring.
    """
    for start in range(0, len(ids), most):
        chunk = list(ids[start : start + most])
        try:
            app.send_task(
                task,
                args=[chunk, SCHEMA_VERSION],
                argsrepr=argsrepr_of(chunk),
                retry=False,
            )
        except Exception as error:  # noqa: BLE001 (brokers raise what they like)
            log.warning("ring_dropped", task=task, error=type(error).__name__)
            return False
    return True


def argsrepr_of(ids: Sequence[int]) -> str:
    """Return how a ring's arguments are shown: ``(3 ids, 17 … 19)``."""
    if len(ids) == 1:
        return f"(1 id, {ids[0]})"
    return f"({len(ids)} ids, {ids[0]} … {ids[-1]})" if ids else "(0 ids)"


def ringing_app(config: Settings) -> Celery:
    """Return an app that only publishes: no tasks, and tight bounds on every wait."""
    app = Celery("paddlewheel-rings", set_as_current=False)
    app.config_from_object(celeryconfig)
    conf = broker_conf(config)
    quick = QUICK_OPTIONS["amqp" if config.is_amqp else "redis"]
    conf["broker_transport_options"] = {**conf["broker_transport_options"], **quick}
    app.conf.update(conf)
    return app


class RingPublisher:
    """Rings from a thread of its own: for those who must not wait for a broker.

    Ids that gather while a message is under way leave together in the next one.
    """

    def __init__(
        self,
        app: Celery,
        count: Callable[[str, int], None] = lambda _outcome, _rows: None,
    ) -> None:
        """Set up without starting.

        Args:
            app: See ``ringing_app``.
            count: Told ``sent`` or ``dropped`` and for how many rows.
        """
        self._app = app
        self._count = count
        self._waiting: dict[str, list[int]] = {}
        self._waiting_ids = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        # A daemon: a frozen broker must not keep a process from ending.
        self._thread = threading.Thread(target=self._run, name="rings", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def publish_ring(self, task: str, ids: Sequence[int]) -> None:
        """Hand ids over; neither waits nor raises."""
        if not ids:
            return
        with self._changed:
            if self._waiting_ids + len(ids) > MAX_WAITING_IDS:
                self._count("dropped", len(ids))
                return
            self._waiting.setdefault(task, []).extend(ids)
            self._waiting_ids += len(ids)
            self._changed.notify()

    def stop(self, timeout_seconds: float) -> None:
        """Send what waits, as far as that goes in the time given, and end."""
        with self._changed:
            self._stopped.set()
            self._changed.notify()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while (chunk := self._next()) is not None:
            task, ids = chunk
            sent = publish_ring(self._app, task, ids, MAX_QUICK_IDS)
            self._count("sent" if sent else "dropped", len(ids))
            # On the way out nothing is waited for.
            self._stopped.wait(PAUSE_SECONDS)

    def _next(self) -> tuple[str, list[int]] | None:
        with self._changed:
            while not self._waiting:
                if self._stopped.is_set():
                    return None
                self._changed.wait()
            task, ids = next(iter(self._waiting.items()))
            chunk, rest = ids[:MAX_QUICK_IDS], ids[MAX_QUICK_IDS:]
            # Taken out and put back at the end: no task waits behind another.
            del self._waiting[task]
            if rest:
                self._waiting[task] = rest
            self._waiting_ids -= len(chunk)
            return task, chunk
