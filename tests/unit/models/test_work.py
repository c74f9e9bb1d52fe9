"""Back-off: how long a failing row waits."""

from datetime import timedelta

import pytest

from models.work import RetryPolicy

POLICY = RetryPolicy(timedelta(seconds=5))
#: In the middle of the spread the wait is the plain one.
MIDDLE = 0.5


def seconds(failures: int, spread: float = MIDDLE) -> float:
    return POLICY.wait(failures, spread).total_seconds()


def test_the_wait_doubles_from_five_seconds_to_an_hour() -> None:
    waits = [seconds(n) for n in range(1, 13)]

    assert waits == pytest.approx(
        [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    )


@pytest.mark.parametrize("failures", [1, 4, 12, 10**6])
def test_the_spread_is_a_fifth_to_either_side(failures: int) -> None:
    assert seconds(failures, 0) == pytest.approx(0.8 * seconds(failures))
    assert seconds(failures, 1) == pytest.approx(1.2 * seconds(failures))


def test_a_row_that_failed_a_million_times_waits_an_hour_and_no_longer() -> None:
    assert seconds(10**6) == pytest.approx(3600)


def test_the_first_wait_may_be_longer_than_the_longest() -> None:
    policy = RetryPolicy(timedelta(hours=2))

    assert policy.wait(1, MIDDLE) == timedelta(hours=1)
