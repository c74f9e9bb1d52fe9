"""What the counts of a receiver can be asked for between two looks."""

from prometheus_client import generate_latest

from web_hook.metrics import Metrics
from worker.release_mark import release_mark

STORED = ("paddle", "stored", "")
OLD = ("paddle", "refused", "too_old")


def test_the_copy_of_the_counts_does_not_grow_with_them() -> None:
    metrics = Metrics()
    metrics.count("paddle", "stored")
    before = metrics.deliveries()
    metrics.count("paddle", "stored")
    assert before == {STORED: 1}
    assert metrics.deliveries() == {STORED: 2}


def test_the_skew_is_the_median_of_each_kind_and_is_taken_once() -> None:
    metrics = Metrics()
    for age in (1.0, 2.0, 900.0):
        metrics.count("paddle", "stored", "", age)
    metrics.count("paddle", "refused", "too_old", 180.0)
    metrics.count("paddle", "refused", "wrong_signature")
    assert metrics.take_skews() == {STORED: 2.0, OLD: 180.0}
    assert metrics.take_skews() == {}


def test_the_sample_is_bounded_and_holds_the_latest() -> None:
    metrics = Metrics()
    for age in (500.0,) * 1000 + (3.0,) * 200:
        metrics.count("paddle", "stored", "", age)
    assert metrics.take_skews() == {STORED: 3.0}
    assert metrics.deliveries() == {STORED: 1200}


def test_the_release_that_runs_is_among_the_numbers() -> None:
    told = generate_latest(Metrics().registry).decode()
    assert f'paddlewheel_release{{release="{release_mark()}"}} 1.0' in told
