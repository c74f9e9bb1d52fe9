"""Connections to PostgreSQL: one small pool per process, every wait bounded.

The bounds are set by the connection itself, so that no statement of ours can outlive
the lease it works under. Behind PgBouncer, which passes no ``options`` on, set them
with ``ALTER ROLE … SET`` (docs/operate.md).
"""

import threading

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from worker.environment import check_stamp
from worker.settings import Settings, settings

CONNECT_TIMEOUT_SECONDS = 3
POOL_TIMEOUT_SECONDS = 5
POOL_RECYCLE_SECONDS = 1800
#: SQLSTATEs that blame the machinery, never the row: deadlock and serialization
#: failure, lock not available, cancelled, server going away, out of resources.
MACHINERY_STATES = ("40001", "40P01", "55P03", "25006", "25P03")
MACHINERY_CLASSES = ("08", "57", "53", "58")

_engines: dict[str, Engine] = {}
_lock = threading.Lock()


def make_engine(config: Settings, name: str, pool_size: int = 1) -> Engine:
    """Return a new engine whose connections carry our bounds.

    Args:
        config: The settings.
        name: ``application_name``, as an operator sees it in pg_stat_activity.
        pool_size: Connections held; as many again may be opened in need.
    """
    bounds = {
        "lock_timeout": config.lock_timeout_seconds,
        "statement_timeout": config.statement_timeout_seconds,
        "idle_in_transaction_session_timeout": config.hard_limit_seconds,
    }
    options = " ".join(f"-c {key}={int(value * 1000)}" for key, value in bounds.items())
    return create_engine(
        config.sqlalchemy_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_recycle=POOL_RECYCLE_SECONDS,
        pool_pre_ping=True,
        # Whoever prints an error must not print a learner with it.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": f"paddlewheel {name}",
            # What is committed is on disk, whatever the server's own default: mail at
            # most once and the answer 200 both rest on it. Compiling a plan takes a
            # second that none of our statements wins back.
            "options": f"{options} -c timezone=UTC -c synchronous_commit=on -c jit=off",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": int(config.statement_timeout_seconds * 1000),
        },
    )


def engine(name: str = "worker") -> Engine:
    """Return this process's engine, made at first use.

    Raises:
        EnvironmentMismatchError: The database belongs to another environment.
    """
    with _lock:
        if name not in _engines:
            made = make_engine(settings(), name)
            # Here and not only at the start, when the database may not answer yet.
            try:
                check_stamp(made, settings().paddle_environment)
            except BaseException:
                made.dispose()
                raise
            _engines[name] = made
        return _engines[name]


def forget_engines() -> None:
    """Drop the engines that a fork inherited, leaving the parent's sockets alone."""
    for inherited in _engines.values():
        inherited.dispose(close=False)
    _engines.clear()


def is_machinery(error: BaseException) -> bool:
    """Tell whether an error blames the database's machinery rather than the row."""
    if isinstance(error, (PoolTimeoutError, DisconnectionError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # The connection ended before the server could say anything.
        return (
            error.connection_invalidated or "OperationalError" in type(error).__name__
        )
    return state in MACHINERY_STATES or state.startswith(MACHINERY_CLASSES)
