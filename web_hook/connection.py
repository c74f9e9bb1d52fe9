"""One connection to PostgreSQL on which no operation can hang.

The server's own ``statement_timeout`` does not help when the server is frozen or cut
off, and a cancel request would hang the same way: so an operation past its bound has
its socket shut down, which ends the wait at once, on this side.

Raw psycopg instead of SQLAlchemy: two statements, sent some hundred times a second.
"""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql

from worker.settings import Settings

#: A request waits 2 s for its answer, so whatever lies behind it must be shorter.
STATEMENT_TIMEOUT_MS = 1500
#: After this an operation is given up and its connection closed.
OPERATION_SECONDS = 1.75
CONNECT_SECONDS = 1.75
#: What the kernel waits for an acknowledgement of sent bytes.
TCP_USER_TIMEOUT_MS = 1500

_SESSION = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "lock_timeout": STATEMENT_TIMEOUT_MS - 500,
    # Not left to the role or the server: a 200 means "on disk".
    "synchronous_commit": "on",
    # A plan made for ten rows would join 200 by 200 in nested loops.
    "plan_cache_mode": "force_custom_plan",
    "timezone": "UTC",
}


class Connection:
    """A connection in autocommit: each statement is a transaction of its own."""

    def __init__(self, raw: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        """Take over an open connection; see ``open``."""
        self._raw = raw

    @classmethod
    async def open(cls, config: Settings, name: str) -> Self:
        """Connect.

        Args:
            config: The settings.
            name: ``application_name``, as seen in pg_stat_activity.

        Raises:
            psycopg.Error: The server refuses, or cannot be reached.
            TimeoutError: The server did not answer in time.
        """
        options = " ".join(f"-c {key}={value}" for key, value in _SESSION.items())
        async with asyncio.timeout(CONNECT_SECONDS):
            raw = await psycopg.AsyncConnection.connect(
                config.libpq_url,
                autocommit=True,
                application_name=name,
                options=options,
                tcp_user_timeout=TCP_USER_TIMEOUT_MS,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=2,
            )
        return cls(raw)

    async def run(
        self,
        query: LiteralString,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run one statement, prepared, and return its rows.

        Raises:
            psycopg.Error: The statement failed, or did not end in time.
        """
        loop = asyncio.get_running_loop()
        bound = loop.call_later(OPERATION_SECONDS, self.cut)
        try:
            cursor = self._raw.cursor(binary=True)
            await cursor.execute(sql.SQL(query), params, prepare=True)
            return await cursor.fetchall()
        finally:
            bound.cancel()

    def cut(self) -> None:
        """End whatever goes on by shutting the socket down."""
        try:
            with socket.socket(fileno=os.dup(self._raw.fileno())) as twin:
                twin.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error):
            # Closed already.
            return

    async def close(self) -> None:
        """Close; never raises and never waits for the server."""
        try:
            await self._raw.close()
        except (OSError, psycopg.Error):
            return
