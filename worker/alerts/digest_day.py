"""Which digest is due, and that it is written once."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from models.alerts import MessageKind, Severity
from worker.alerts.digest import beginning_of, digest_of
from worker.alerts.digest_words import words
from worker.alerts.message import write_message
from worker.settings import Settings

_NOW = text("SELECT now() AS now, min(stamped_at) AS stamped_at FROM deployment")
_IS_WRITTEN = text("SELECT EXISTS (SELECT FROM alert_messages WHERE key = :key)")
# Of two that come at once the second waits for no figures: it finds the lock taken.
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")


def write_digest(engine: Engine, config: Settings) -> int | None:
    """Write yesterday's digest, once.

    Returns:
        Id of the message, to be rung for; None: none is due, or it was written before.
    """
    with engine.begin() as connection:
        clock = connection.execute(_NOW).one()
        day = due_day(clock.now, clock.stamped_at, config.digest_hour)
        if day is None:
            return None
        return _write(connection, day, config)


def due_day(now: datetime, stamped_at: datetime | None, hour: int) -> date | None:
    """Return the day whose digest is due: yesterday's, from an hour of today on.

    Args:
        now: The database's time.
        stamped_at: When this database came to be; days that were not whole have none.
        hour: Of UTC, 0 to 23.
    """
    begin_of_today = beginning_of(now.astimezone(UTC).date())
    yesterday = begin_of_today - timedelta(days=1)
    if stamped_at is None or stamped_at > yesterday:
        return None
    return yesterday.date() if now >= begin_of_today + timedelta(hours=hour) else None


def _write(connection: Connection, day: date, config: Settings) -> int | None:
    key = {"key": f"digest:{day}"}
    if connection.execute(_IS_WRITTEN, key).scalar_one():
        return None
    if not connection.execute(_LOCK, key).scalar_one():
        return None
    title, body = words(digest_of(connection, day, config))
    return write_message(
        connection,
        key=key["key"],
        kind=MessageKind.DIGEST,
        severity=Severity.INFO,
        title=title,
        body=body,
    )
