"""Slots: a row for each periodic task, so that two beats or a missed tick do no harm.

Only runs that beat has asked for take one. A task that is called by hand, or by a
message without a period, always runs.
"""

from datetime import timedelta

import structlog
from sqlalchemy import Engine, text

from worker.failures import failure_of
from worker.periodic import HEADER

log = structlog.get_logger()

#: Ticks come early by so much of a period and still count as the next one.
SHARE_OF_A_PERIOD = 0.5

# One statement: of two that come at once the second waits for the first one's row and
# then sees it taken. A moment of the future was written before the clock was set back.
_TAKE = text("""
INSERT INTO slots AS known (task, taken_at, held_until)
VALUES (:task, clock_timestamp(), clock_timestamp() + :longest)
ON CONFLICT (task) DO UPDATE SET
  taken_at = excluded.taken_at, held_until = excluded.held_until
WHERE (known.taken_at <= excluded.taken_at - CAST(:pause AS interval)
       AND known.held_until <= excluded.taken_at)
   OR known.taken_at > excluded.taken_at + CAST(:pause AS interval)
RETURNING task
""")
_DONE = text("""
UPDATE slots SET held_until = clock_timestamp(),
  done_at = CASE WHEN :well THEN clock_timestamp() ELSE done_at END
WHERE task = :task
""")


def take(engine: Engine, task: str, period: timedelta, longest: timedelta) -> bool:
    """Take a task's slot.

    Args:
        engine: Whose database keeps the slots; its clock decides.
        task: Name of the task.
        period: How often it is rung for.
        longest: How long a run can last; a run that is killed holds the slot so long.

    Returns:
        Whether it is ours; else somebody has it, or had it within half a period.
    """
    values = {"task": task, "longest": longest, "pause": period * SHARE_OF_A_PERIOD}
    with engine.begin() as connection:
        return connection.execute(_TAKE, values).scalar_one_or_none() is not None


def done(engine: Engine, task: str, *, well: bool) -> None:
    """Give a slot back; if the run ended well, ``overdue`` hears of it.

    Never raises: what the run has done is done, and the slot is free by itself soon.
    """
    try:
        with engine.begin() as connection:
            connection.execute(_DONE, {"task": task, "well": well})
    except Exception as error:  # noqa: BLE001 (see above)
        log.warning("slot_not_given_back", task=task, error=failure_of(error).sentence)


def period_in(headers: object) -> timedelta | None:
    """Return the period that a message carries; None: beat has not sent it."""
    seconds = headers.get(HEADER) if isinstance(headers, dict) else None
    if not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return timedelta(seconds=seconds)
