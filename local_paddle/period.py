"""Billing cycles, trials and periods.

https://developer.paddle.com/api-reference/prices: an ``interval`` (day, week, month,
year) and a ``frequency``. A month that lacks the day takes its last one, and the next
month has the old day again: every period is counted from the first one's start.
"""

import calendar
from datetime import datetime, timedelta
from typing import Any

from local_paddle.clock import instant_of, rfc3339

INTERVALS = ("day", "week", "month", "year")
DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}

Duration = dict[str, Any]
Period = dict[str, str]


def duration_of(given: object) -> Duration | None:
    """Read ``{"interval", "frequency"}``, or in short ``"month"`` or ``"14 day"``.

    Raises:
        ValueError: It is no duration.

    """
    if not given:
        return None
    if isinstance(given, str):
        count, _, interval = given.rpartition(" ")
        given = {"interval": interval.removesuffix("s"), "frequency": int(count or 1)}
    fits = isinstance(given, dict) and set(given) == {"interval", "frequency"}
    if not fits or given["interval"] not in INTERVALS or given["frequency"] < 1:  # type: ignore[index]
        message = f"a duration has interval ({', '.join(INTERVALS)}) and frequency"
        raise ValueError(message)
    return dict(given)  # type: ignore[call-overload, no-any-return]


def later(start: datetime, duration: Duration, times: int = 1) -> datetime:
    """Return the instant so many durations after the start."""
    interval, count = duration["interval"], duration["frequency"] * times
    if interval in DAYS:
        return start + timedelta(days=DAYS[interval] * count)
    months = start.year * 12 + start.month - 1 + MONTHS[interval] * count
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


def period_of(starts_at: datetime, ends_at: datetime) -> Period:
    """Write a period as Paddle does."""
    return {"starts_at": rfc3339(starts_at), "ends_at": rfc3339(ends_at)}


def bounds_of(period: Period) -> tuple[datetime, datetime]:
    """Read a period."""
    return instant_of(period["starts_at"]), instant_of(period["ends_at"])
