"""How often a provider is asked, by all of us together: a token bucket in one row.

Providers count requests by the address they come from, so all workers on all hosts draw
from one bucket. Nobody waits in it: who gets no turn hears when to come again. Why in
PostgreSQL, whatever the broker: docs/adr/0020.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, text

from worker.channels.deadline import Deadline
from worker.errors import PaddlewheelError
from worker.providers.accounts import requests_per_minute
from worker.providers.api import Gate
from worker.providers.errors import ApiBusyError, ApiDownError, NoTurnError
from worker.settings import Settings

#: What a minute may have is what lies ready at its beginning and what flows in while it
#: lasts. The last sixteenth stays unused: a request that left late arrives in the next
#: minute, and at 240 it makes up for 4.6 s.
BURST_SHARE = 1 / 8
REFILL_SHARE = 13 / 16
#: So many failures in a row, and nobody asks for a while.
MOST_FAILURES = 5
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 600
#: Longer than any call takes: as long, nobody else tries whether it answers again.
PROBE_SECONDS = 15
#: Nobody is told to come again at once: others are asking too.
SHORTEST_WAIT = timedelta(milliseconds=100)


class Lane(StrEnum):
    """Who asks; the later ones leave some of what lies ready to the earlier ones."""

    #: Somebody waits for access, or sits at a terminal.
    LIVE = "live"
    RECONCILE = "reconcile"
    BACKFILL = "backfill"


#: The share of the burst that a lane leaves untouched.
FLOORS = {Lane.LIVE: 0.0, Lane.RECONCILE: 0.25, Lane.BACKFILL: 0.5}

_BEGIN = text("""
INSERT INTO provider_budgets (provider, tokens, filled_at)
VALUES (:provider, :burst, clock_timestamp()) ON CONFLICT DO NOTHING
""")
# The clock is read behind the lock: who waited for it would otherwise fill in time that
# the one before has filled in already. One clock, the database's, whatever hosts think.
_ENTER = text("""
WITH held AS MATERIALIZED (
  SELECT provider, tokens, filled_at, paused_until, failures
  FROM provider_budgets WHERE provider = :provider FOR UPDATE
), timed AS MATERIALIZED (
  SELECT held.*, clock_timestamp() AS at FROM held
), filled AS (
  SELECT provider, at, paused_until, failures, failures >= :most_failures AS is_open,
    coalesce(paused_until > at, false) AS is_paused,
    least(:burst, tokens + :per_second
          * greatest(0, extract(epoch FROM at - filled_at))) AS tokens
  FROM timed
), judged AS (
  SELECT *, NOT is_paused AND tokens >= :least AND (:probes OR NOT is_open) AS is_let
  FROM filled
)
UPDATE provider_budgets b SET
  tokens = judged.tokens - judged.is_let::int,
  filled_at = judged.at,
  paused_until = CASE WHEN is_let AND is_open THEN at + :probe * interval '1 s'
                      ELSE judged.paused_until END
FROM judged WHERE b.provider = judged.provider
RETURNING is_let, is_paused, is_open, b.paused_until,
  CASE WHEN is_paused THEN extract(epoch FROM judged.paused_until - at)
       ELSE (:least - judged.tokens) / :per_second END AS wait_seconds
""")
_PAUSE = text("""
UPDATE provider_budgets SET
  paused_until = greatest(paused_until, clock_timestamp() + :seconds * interval '1 s')
WHERE provider = :provider
""")
# Those who were on their way when it opened say nothing new: only a probe goes on
# counting, and so doubles the pause.
_FAILED = text("""
UPDATE provider_budgets SET failures = failures + 1,
  paused_until = CASE WHEN failures + 1 < :most_failures THEN paused_until
    ELSE greatest(paused_until, clock_timestamp() + interval '1 s'
         * least(:longest, :first * 2 ^ least(failures + 1 - :most_failures, 30)))
    END
WHERE provider = :provider AND (failures < :most_failures OR :is_probe)
""")
# A probe takes back the pause that it made itself, and no other.
_ANSWERED = text("""
UPDATE provider_budgets SET failures = 0,
  paused_until = CASE WHEN paused_until = cast(:mine AS timestamptz) THEN NULL
                      ELSE paused_until END
WHERE provider = :provider AND failures > 0
""")


class Budget:
    """The turns of one who asks; see ``worker.providers.api.Gate``."""

    def __init__(
        self,
        engine: Engine,
        provider: str,
        lane: Lane,
        config: Settings,
        *,
        probes: bool = True,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            engine: Where the bucket is.
            provider: Who is asked.
            lane: Who asks.
            config: How often it may be.
            probes: May be the one who tries whether a silent provider answers again.
        """
        self._engine = engine
        self._provider = provider
        limit = requests_per_minute(config, provider)
        self._limit = limit
        burst = limit * BURST_SHARE
        self._values = {
            "provider": provider,
            "burst": burst,
            "per_second": limit * REFILL_SHARE / 60,
            # What is left of the smallest burst must be enough for every lane.
            "least": 1 + (burst - 1) * FLOORS[lane],
            "probe": PROBE_SECONDS,
            "most_failures": MOST_FAILURES,
            "probes": probes,
        }
        #: The pause for all others that our try made, while it lasts.
        self._probe: datetime | None = None

    def enter(self) -> None:
        """Take a turn, in a transaction of its own.

        Raises:
            NoTurnError: There is none now; ``wait_at_least`` says when to come again.
        """
        row = self._take()
        if not row.is_let:
            wait = timedelta(seconds=float(row.wait_seconds))
            raise NoTurnError(self._words(row), max(wait, SHORTEST_WAIT))
        self._probe = row.paused_until if row.is_open else None

    def leave(self, error: Exception | None) -> None:
        """Note for all others how the request ended."""
        probe, self._probe = self._probe, None
        if error is not None and not _tells_of_the_provider(error):
            return
        values: dict[str, Any] = {"provider": self._provider}
        if isinstance(error, ApiBusyError):
            statement = _PAUSE
            values["seconds"] = error.wait_at_least.total_seconds()
        elif isinstance(error, ApiDownError):
            statement = _FAILED
            values |= {
                "is_probe": probe is not None,
                "most_failures": MOST_FAILURES,
                "first": FIRST_PAUSE_SECONDS,
                "longest": LONGEST_PAUSE_SECONDS,
            }
        else:
            # A no is an answer too.
            statement = _ANSWERED
            values["mine"] = probe
        with self._engine.begin() as connection:
            connection.execute(statement, values)

    def _take(self) -> Any:  # noqa: ANN401 (a row)
        with self._engine.begin() as connection:
            row = connection.execute(_ENTER, self._values).one_or_none()
            if row is None:
                connection.execute(_BEGIN, self._values)
                row = connection.execute(_ENTER, self._values).one()
            return row

    def _words(self, row: Any) -> str:  # noqa: ANN401 (a row)
        if row.is_open:
            return f"is not asked now: {MOST_FAILURES} requests in a row had no answer"
        if not row.is_paused:
            return f"is not asked now: {self._limit} requests a minute are used up"
        return "is not asked now: it wants to be left alone"


def _tells_of_the_provider(error: Exception) -> bool:
    return isinstance(error, PaddlewheelError) and not isinstance(error, NoTurnError)


class Patient:
    """Waits for a turn where a person waits too; never in a worker."""

    def __init__(
        self,
        gate: Gate,
        most: timedelta,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait for a turn at this gate, so long at most for each request."""
        self._gate = gate
        self._most = most
        self._sleep = sleep

    def enter(self) -> Deadline | None:
        """Take a turn, when there is one.

        Raises:
            NoTurnError: There will be none in that time.
        """
        left = self._most
        while True:
            try:
                return self._gate.enter()
            except NoTurnError as error:
                left -= error.wait_at_least
                if left < timedelta():
                    raise
                self._sleep(error.wait_at_least.total_seconds())

    def leave(self, error: Exception | None) -> None:
        """Tell the gate."""
        self._gate.leave(error)
