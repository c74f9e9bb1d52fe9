"""Database connections of a worker's parent process: brief, bounded, never kept.

The parent runs an event loop that every message passes, so it must not wait long; and
it forks new children at any time, which must not inherit an open connection (psycopg
on a shared socket mixes up answers). Hence no pool, and bounds of their own.
"""

from typing import Any

from sqlalchemy import Engine, NullPool, QueuePool, create_engine

from worker.settings import Settings

#: The least that libpq accepts.
CONNECT_TIMEOUT_SECONDS = 2
STATEMENT_TIMEOUT_MS = 1000
LOCK_TIMEOUT_MS = 500


def parent_engine(config: Settings, kept: int = 0) -> Engine:
    """Return an engine that opens a connection for each use and closes it after.

    Args:
        config: Says where the database is.
        kept: So many connections it opens at most, and keeps: only for a process that
            forks nobody.
    """
    pool: dict[str, Any] = {"poolclass": NullPool}
    if kept:
        pool = {"poolclass": QueuePool, "pool_size": kept, "max_overflow": 0}
    options = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
        f" -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC"
    )
    return create_engine(
        config.sqlalchemy_url,
        **pool,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "paddlewheel parent",
            "options": options,
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
        },
    )
