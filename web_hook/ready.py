"""Whether the database is there, migrated, and ours.

Asked before the first delivery is stored on a connection, and by ``/ready``.
"""

import asyncio
import time

import psycopg
from alembic.script import ScriptDirectory

from web_hook.connection import Connection
from worker.errors import EnvironmentMismatchError, PaddlewheelError
from worker.settings import ROOT, Settings

#: ``/ready`` can be asked by anybody: it asks the database at most this often.
ANSWER_HOLDS_SECONDS = 1.0

UNREACHABLE = "the database cannot be reached"
NOT_MIGRATED = "the database is not migrated: run alembic upgrade head"
NOT_STAMPED = "the database is not stamped with its environment yet"
MISMATCH = "the database belongs to another environment"

#: How a database shows that is away, frozen or not ours; anything else is our fault.
EXPECTED = (psycopg.Error, OSError, TimeoutError, PaddlewheelError)


class NotReadyError(PaddlewheelError):
    """The database is there, but nothing can be stored in it yet."""


async def open_ours(config: Settings, name: str) -> Connection:
    """Open a connection to the database, if it is the one of our environment.

    Raises:
        EnvironmentMismatchError: It belongs to another environment.
        NotReadyError: It is not migrated, or not stamped.
        psycopg.Error: It cannot be reached, or fails.
        TimeoutError: It does not answer.
    """
    connection = await Connection.open(config, name)
    try:
        await check_ours(connection, config)
    except BaseException:
        await connection.close()
        raise
    return connection


async def check_ours(connection: Connection, config: Settings) -> None:
    """Check that a connection leads to the database of our environment.

    Raises:
        EnvironmentMismatchError: It belongs to another environment.
        NotReadyError: It is not migrated, or not stamped.
        psycopg.Error: It fails.
    """
    try:
        stamps = await connection.run("SELECT environment FROM deployment")
    except psycopg.errors.UndefinedTable:
        raise NotReadyError(NOT_MIGRATED) from None
    if not stamps:
        raise NotReadyError(NOT_STAMPED)
    if stamps[0][0] != config.paddle_environment:
        raise EnvironmentMismatchError(MISMATCH)


class Readiness:
    """Answers ``/ready``."""

    def __init__(self, config: Settings) -> None:
        """Read which migrations this release knows."""
        self._config = config
        scripts = ScriptDirectory(str(ROOT / "alembic"))
        self._older = {script.revision for script in scripts.walk_revisions()}
        self._older -= set(scripts.get_heads())
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._trouble = ""

    async def trouble(self) -> str:
        """Say why nothing can be stored; empty when all is well."""
        async with self._lock:
            if time.monotonic() - self._asked_at > ANSWER_HOLDS_SECONDS:
                self._trouble = await self._ask()
                self._asked_at = time.monotonic()
            return self._trouble

    async def _ask(self) -> str:
        try:
            connection = await open_ours(self._config, "paddlewheel ready")
            try:
                rows = await connection.run("SELECT version_num FROM alembic_version")
            finally:
                await connection.close()
        except PaddlewheelError as error:
            return str(error)
        except (psycopg.Error, OSError, TimeoutError):
            return UNREACHABLE
        # A revision we do not know is newer: the database is migrated first.
        return NOT_MIGRATED if {row[0] for row in rows} & self._older else ""
