"""Beat that shows a sign of life: ``celery beat -S worker.beat:Scheduler``.

Ticks must go on whatever the database does, also while it is frozen and answers
nothing at all. So the heartbeat is written by a thread of its own, and a tick does no
more than to say that it came.
"""

import threading
import time
from typing import Any

import structlog
from celery import beat as celery_beat

from worker.failures import failure_of
from worker.heartbeats import BEAT, beat
from worker.parent_database import parent_engine
from worker.pulses import gap_of, pace_seconds
from worker.release_mark import release_mark
from worker.settings import Settings, settings

log = structlog.get_logger()

LONGEST_SECONDS = 10
#: How often it is tried while the database is away; in step with ``worker.pulses``.
LONGEST_AWAY_SECONDS = 60


class Scheduler(celery_beat.Scheduler):
    """Celery's scheduler that keeps nothing, with a heartbeat."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (Celery's)
        """Take what Celery gives; nothing is started yet."""
        super().__init__(*args, **kwargs)
        self._life = SignOfLife(settings(), BEAT)

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ANN401 (Celery's)
        """Do what is due, and show that we live."""
        self._life.show()
        return super().tick(*args, **kwargs)


class SignOfLife:
    """Writes a heartbeat beside the work; nobody ever waits for it."""

    def __init__(self, config: Settings, name: str) -> None:
        """Prepare; the thread starts with the first sign."""
        self._config = config
        self._engine = parent_engine(config)
        self._name = name
        # Kept: later another release may lie on the disk.
        self._release = release_mark()
        self._shown = threading.Event()
        self._is_away = False
        self._thread: threading.Thread | None = None

    def show(self) -> None:
        """Say that we live; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="life", daemon=True)
            self._thread.start()
        self._shown.set()

    def _run(self) -> None:
        pause = pace_seconds(self._config, LONGEST_SECONDS)
        away = min(LONGEST_AWAY_SECONDS, self._config.alert_silent_seconds / 2)
        while True:
            # Only what is said after the pause counts: it may be over with us.
            self._shown.clear()
            self._shown.wait()
            time.sleep(pause if self._write() else away)

    def _write(self) -> bool:
        try:
            with self._engine.begin() as connection:
                beat(connection, self._name, gap_of(self._config), self._release)
        except Exception as error:  # noqa: BLE001 (a heartbeat is no reason to end)
            if not self._is_away:
                log.warning("heartbeat_not_written", error=failure_of(error).sentence)
            self._is_away = True
        else:
            self._is_away = False
        return not self._is_away
