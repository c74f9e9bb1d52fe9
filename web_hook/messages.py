"""How many messages to people are in which state, for ``/metrics``.

Asked only when somebody looks, and at most every few seconds: the page has no password.
While the database does not answer the numbers are left out, and the rest is shown.
"""

import asyncio
import time

from web_hook.metrics import Metrics
from web_hook.ready import EXPECTED, open_ours
from worker.notices.counting import COUNTS
from worker.settings import Settings

ANSWER_HOLDS_SECONDS = 10.0


class MessageCounts:
    """Reads them from the rows."""

    def __init__(self, config: Settings, metrics: Metrics) -> None:
        """Set up without asking."""
        self._config = config
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")

    async def refresh(self) -> None:
        """Bring the metrics up to date; never raises for a database that is away."""
        async with self._lock:
            if time.monotonic() - self._asked_at > ANSWER_HOLDS_SECONDS:
                self._metrics.messages = await self._ask()
                self._asked_at = time.monotonic()

    async def _ask(self) -> dict[tuple[str, str], int]:
        try:
            connection = await open_ours(self._config, "paddlewheel metrics")
            try:
                rows = await connection.run(COUNTS)
            finally:
                await connection.close()
        except EXPECTED:
            return {}
        return {(kind, state): count for kind, state, count in rows}
