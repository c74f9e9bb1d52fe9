"""What Flower shows of a batch: SUCCESS, RETRY or FAILURE, each with its sentence."""

from collections import Counter
from datetime import timedelta

import pytest
from celery.exceptions import Retry

from worker.outcome import BatchOutcome, DeadLettered, Tally


def put_off(count: int, seconds: float = 40) -> Tally:
    tally = Tally(Counter(processed=97))
    for number in range(count):
        tally.put_off_until(timedelta(seconds=seconds + number))
    return tally


def test_a_batch_whose_rows_are_all_done_succeeds() -> None:
    assert Tally(Counter(processed=100)).conclude() == "100 processed"
    assert Tally(Counter(stale=2, processed=1)).conclude() == "1 processed, 2 stale"
    assert Tally().conclude() == "nothing due"


def test_rows_put_off_show_as_retry_with_the_first_time() -> None:
    with pytest.raises(Retry) as raised:
        put_off(3).conclude()

    assert isinstance(raised.value.exc, BatchOutcome)
    assert str(raised.value.exc) == "97 processed, 3 retry in 40 s"


def test_a_dead_row_shows_as_failure_with_what_to_type() -> None:
    tally = Tally(Counter(processed=99), letters={"inbox:17": 4})

    with pytest.raises(DeadLettered) as raised:
        tally.conclude()

    expected = "99 processed, 1 dead (inbox 17): paddlewheel deadletters show 4"
    assert str(raised.value) == expected


def test_death_goes_before_delay() -> None:
    tally = put_off(1)
    tally.letters = {"inbox:17": 4, "inbox:18": 5}

    with pytest.raises(
        DeadLettered, match=r"1 retry in 40 s, 2 dead \(inbox 17 and 1 m"
    ):
        tally.conclude()
