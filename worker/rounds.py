"""What the watchman does each time: shows himself, and does what nobody else does.

Needs PostgreSQL and the ways out, and nothing that he watches: no beat, no broker, no
worker. What somebody else does meanwhile too is done once all the same: looks wait for
each other, and messages are claimed.
"""

import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, text

from models.work import SCHEMA_VERSION
from worker import crumbs, database
from worker.alerts.sender import Sender, SilentWays
from worker.alerts.watch import watch
from worker.drain import Job, drain_each
from worker.failures import Failure
from worker.heartbeats import WATCH, WATCHMAN, beat, expect
from worker.lifecycle import Ending, Lease
from worker.pulses import gap_of
from worker.release_mark import release_mark
from worker.settings import Settings
from worker.work_tables import ALERT_MESSAGES, Claimant

log = structlog.get_logger()

#: Looks that may be late or lost before he looks himself, and what they may take.
LOST_LOOKS = 3
GRACE_SECONDS = 10
#: A message that was due for so long is sent by nobody.
OVERDUE = timedelta(seconds=30)
#: Of the soft limit; for so long he begins messages, and then looks again.
SEND_SHARE = 1 / 3

_LAST_LOOK = text("""
SELECT beat_at, extract(epoch FROM now() - beat_at)::float AS seconds
FROM heartbeats WHERE name = :name
""")
_IS_OVERDUE = text("""
SELECT EXISTS (
  SELECT FROM alert_messages
  WHERE state = 'pending' AND next_attempt_at <= now() - CAST(:late AS interval)
    AND schema_version <= :version)
""")


class Rounds:
    """The rounds of one watchman."""

    def __init__(
        self, config: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; connects to nothing. The clock counts seconds."""
        self._config = config
        self._clock = clock
        # Kept: later another release may lie on the disk.
        self._release = release_mark()
        #: Since when he sees: before that he could not know who looked.
        self._sees_since: float | None = None
        self._who = Claimant(f"watchman-{os.getpid()}", socket.gethostname())
        #: When the watch was last seen, as he left it; empty: others look.
        self._left: datetime | None = None
        self._silent: SilentWays = {}
        #: Whether a message may be half sent: then he should not be stopped.
        self.is_sending = False

    def make(self) -> None:
        """Make one round.

        Raises:
            EnvironmentMismatchError: The database belongs to another environment.
            DBAPIError: PostgreSQL is away, so he is blind.
        """
        crumbs.clear()
        sees_since, self._sees_since = self._sees_since, None
        engine = database.engine("watchman")
        last = self._show(engine)
        self._sees_since = self._clock() if sees_since is None else sees_since
        try:
            if self._nobody_looks(last):
                self._look(engine)
        finally:
            self._send_overdue(engine)

    def _show(self, engine: Engine) -> Row[Any]:
        """Show himself; return when somebody last looked."""
        with engine.begin() as connection:
            # In the order of the watch: on an empty table each adds both rows.
            expect(connection, [WATCH])
            self._beat(connection)
            return connection.execute(_LAST_LOOK, {"name": WATCH}).one()

    def _beat(self, connection: Connection) -> None:
        beat(connection, WATCHMAN, gap_of(self._config), self._release)

    def _nobody_looks(self, last: Row[Any]) -> bool:
        if self._left is not None:
            if last.beat_at == self._left:
                return True
            self._left = None
            log.info("watchman_stands_down")
        seen_for = self._clock() - (self._sees_since or 0)
        seconds = min(last.seconds, seen_for)
        grace = min(GRACE_SECONDS, self._config.alert_silent_seconds / 2)
        if seconds > LOST_LOOKS * self._config.alert_watch_seconds + grace:
            log.warning("watchman_stands_in", silent_seconds=round(last.seconds))
            return True
        return False

    def _look(self, engine: Engine) -> None:
        watch(engine, self._config)
        with engine.connect() as connection:
            last = connection.execute(_LAST_LOOK, {"name": WATCH}).one()
        self._left = last.beat_at

    def _send_overdue(self, engine: Engine) -> None:
        # While nobody looks nobody rings either: what is due now waits for nobody.
        late = OVERDUE if self._left is None else timedelta()
        with engine.connect() as connection:
            overdue = {"late": late, "version": SCHEMA_VERSION}
            if not connection.scalar(_IS_OVERDUE, overdue):
                return
        sender = Sender(self._config, self._silent)

        def send(engine: Engine, lease: Lease, row_id: int) -> Ending | Failure | None:
            with engine.begin() as connection:
                self._beat(connection)
            return sender(engine, lease, row_id)

        self.is_sending = True
        try:
            job = Job(engine, ALERT_MESSAGES, self._who, self._config, SEND_SHARE)
            tally = drain_each(job, send)
        finally:
            self.is_sending = False
        log.warning("watchman_sent", messages=tally.sentence())
