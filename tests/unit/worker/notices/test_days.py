"""Days are those of UTC, whatever the machine's zone, clock changes or not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from worker.notices.days import day_of

BERLIN = ZoneInfo("Europe/Berlin")
#: Both changes of 2026 in Berlin: 02:00 is 03:00, and 03:00 is 02:00 again.
CHANGES = {
    "spring": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "autumn": datetime(2026, 10, 25, 1, tzinfo=UTC),
}


@pytest.fixture(params=["UTC", "Europe/Berlin", "Pacific/Auckland", "America/St_Johns"])
def _zone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let the process live in a zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_clock_change_moves_no_day(change: datetime) -> None:
    hours = [change + timedelta(minutes=30 * n) for n in range(-96, 97)]
    written = [day_of(hour) for hour in hours]
    assert written == [f"{hour:%Y-%m-%d}" for hour in hours]
    assert written == [day_of(hour.astimezone(BERLIN)) for hour in hours]


@pytest.mark.usefixtures("_zone")
def test_an_hour_that_a_zone_skips_or_has_twice_has_a_day() -> None:
    skipped = datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    assert day_of(skipped) == "2026-03-29"
    assert day_of(twice) == day_of(twice.replace(fold=1)) == "2026-10-25"


@pytest.mark.usefixtures("_zone")
def test_the_day_is_that_of_utc() -> None:
    assert day_of(datetime(2026, 3, 29, 0, 30, tzinfo=BERLIN)) == "2026-03-28"
    assert day_of(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)) == "2026-12-31"


def test_a_moment_without_a_zone_has_no_day() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        day_of(datetime(2026, 3, 29, 2, 30))  # noqa: DTZ001 (the point)
