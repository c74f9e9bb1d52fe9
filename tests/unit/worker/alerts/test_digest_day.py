"""Which day's digest is due."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from worker.alerts.digest_day import due_day

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
AUCKLAND = timezone(timedelta(hours=13))


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "hour", "day"),
    [
        (at(5, 59), 6, None),
        (at(6), 6, date(2026, 3, 1)),
        (at(23, 59), 6, date(2026, 3, 1)),
        (at(0), 0, date(2026, 3, 1)),
        (at(22, 59), 23, None),
        # The database may tell the time of another zone.
        (at(6).astimezone(AUCKLAND), 6, date(2026, 3, 1)),
        (at(5, 59).astimezone(AUCKLAND), 6, None),
    ],
)
def test_yesterday_s_is_due_from_its_hour_on(
    now: datetime, hour: int, day: date | None
) -> None:
    assert due_day(now, LONG_AGO, hour) == day


@pytest.mark.parametrize(
    ("stamped_at", "day"),
    [
        (None, None),
        (datetime(2026, 3, 1, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC), None),
        (datetime(2026, 3, 2, tzinfo=UTC), None),
    ],
)
def test_the_first_is_of_the_first_whole_day(
    stamped_at: datetime | None, day: date | None
) -> None:
    assert due_day(at(12), stamped_at, 6) == day
