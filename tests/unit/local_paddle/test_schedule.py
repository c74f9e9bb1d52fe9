"""Paddle's published retry numbers."""

from itertools import accumulate

import pytest

from local_paddle.schedule import Schedule, retry_after_seconds


def waits(schedule: Schedule) -> list[float]:
    found = []
    attempts = 1
    while (wait := retry_after_seconds(schedule, attempts)) is not None:
        found.append(wait)
        attempts += 1
    return found


def test_live_retries_sixty_times_within_three_days() -> None:
    assert len(waits(Schedule.LIVE)) == 60
    assert sum(waits(Schedule.LIVE)) == pytest.approx(50.6 * 3600, rel=0.01)


def test_live_makes_its_first_twenty_retries_within_the_hour() -> None:
    times = list(accumulate(waits(Schedule.LIVE)))
    assert times[19] == pytest.approx(57.3 * 60, rel=0.01)
    assert times[20] > 3600


def test_sandbox_retries_three_times_within_fifteen_minutes() -> None:
    assert len(waits(Schedule.SANDBOX)) == 3
    assert sum(waits(Schedule.SANDBOX)) <= 15 * 60


@pytest.mark.parametrize("schedule", Schedule)
def test_every_wait_is_longer_than_the_one_before(schedule: Schedule) -> None:
    found = waits(schedule)
    assert found == sorted(set(found))
