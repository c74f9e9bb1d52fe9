"""The receiver's counts as rows, so that others can tell what comes in and is refused.

Every few seconds what the metrics have grown by is added to the rows of this minute:
one statement for all of it, whatever came. What cannot be written stays in memory and
goes with the next; only a killed receiver takes its last seconds along. A statement
whose answer is lost is sent again, so a count may come out too high, never too low.
"""

import asyncio
from collections import Counter
from contextlib import suppress

import structlog

from web_hook.connection import Connection
from web_hook.metrics import Kind, Metrics
from web_hook.ready import EXPECTED, check_ours
from worker.settings import Settings

log = structlog.get_logger()

FLUSH_SECONDS = 5.0
#: How long a stop waits for the last counts, and then for a cut to show.
STOP_SECONDS = 1.75
CUT_SECONDS = 0.2
NAME = "paddlewheel receiver counts"

# In one order, or two receivers would wait for each other. Of two skews the newer
# stands: where machines disagree, the mean of both would be nobody's.
_ADD = """
INSERT INTO delivery_counts (minute, provider, outcome, reason, deliveries,
                             skew_seconds)
SELECT date_trunc('minute', now()), provider, outcome, reason, deliveries, skew_seconds
FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::float8[])
  WITH ORDINALITY AS t(provider, outcome, reason, deliveries, skew_seconds, n)
ORDER BY n
ON CONFLICT (minute, provider, outcome, reason) DO UPDATE SET
  deliveries = delivery_counts.deliveries + excluded.deliveries,
  skew_seconds = coalesce(excluded.skew_seconds, delivery_counts.skew_seconds)
RETURNING minute
"""


class CountWriter:
    """Writes a receiver's counts, on a connection of its own."""

    def __init__(self, config: Settings, metrics: Metrics) -> None:
        """Set up without starting."""
        self._config = config
        self._metrics = metrics
        #: What the rows hold already.
        self._written: Counter[Kind] = Counter()
        #: The latest median of each kind that is not in a row yet.
        self._skews: dict[Kind, float] = {}
        self._connection: Connection | None = None
        self._stopping = asyncio.Event()
        self._is_told = False

    def start(self) -> None:
        """Start writing."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is left, and end. Takes less than 2 s, whatever the database does."""
        self._stopping.set()
        await asyncio.wait([self._task], timeout=STOP_SECONDS)
        if self._connection is not None:
            # A task cancelled in the middle of a statement would have psycopg ask the
            # server to cancel it too, and wait for that.
            self._connection.cut()
            await asyncio.wait([self._task], timeout=CUT_SECONDS)
        self._task.cancel()

    async def _run(self) -> None:
        is_last = False
        while not is_last:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._stopping.wait()
            is_last = self._stopping.is_set()
            await self._flush()
        await self._drop()

    async def _flush(self) -> None:
        now = self._metrics.deliveries()
        self._skews.update(self._metrics.take_skews())
        grown = now - self._written
        if not grown:
            return
        try:
            await self._add(grown)
        except Exception as error:  # noqa: BLE001 (the writer must not die)
            await self._drop()
            self._tell(error)
        else:
            self._written = now
            self._skews.clear()
            self._is_told = False

    async def _add(self, grown: Counter[Kind]) -> None:
        kinds = sorted(grown)
        columns = (
            [str(provider) for provider, _, _ in kinds],
            [str(outcome) for _, outcome, _ in kinds],
            [str(reason) for _, _, reason in kinds],
            [grown[kind] for kind in kinds],
            [self._skews.get(kind) for kind in kinds],
        )
        connection = await self._open()
        await connection.run(_ADD, columns)

    async def _open(self) -> Connection:
        if self._connection is not None:
            try:
                await check_ours(self._connection, self._config)
            except EXPECTED:
                # It died while it lay idle, as when the server was restarted.
                await self._drop()
            else:
                return self._connection
        self._connection = await Connection.open(self._config, NAME)
        await check_ours(self._connection, self._config)
        return self._connection

    async def _drop(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, EXPECTED):
            log.error("count_writer_failed", exc_info=error)
        elif not self._is_told:
            # Once per outage: the flushers tell of it too.
            log.warning("counts_not_written", error=type(error).__name__)
            self._is_told = True
