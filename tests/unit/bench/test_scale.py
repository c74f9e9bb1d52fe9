"""The backlogs beside a past, and what comes of the times."""

from bench.clock import drained
from bench.events import EVENTS_PER_PURCHASE
from bench.scale import PURCHASES, ROUNDS, _backlogs, _cost, _spread


def test_each_backlog_has_whole_purchases_of_its_own() -> None:
    backlogs = _backlogs()
    buyers = [{event.customer_id for event in backlog} for backlog in backlogs]

    assert [len(some) for some in buyers] == [PURCHASES] * ROUNDS
    assert [len(b) for b in backlogs] == [PURCHASES * EVENTS_PER_PURCHASE] * ROUNDS
    assert len(set().union(*buyers)) == PURCHASES * ROUNDS
    ids = [event.event_id for backlog in backlogs for event in backlog]
    assert len(set(ids)) == len(ids)


def test_the_ratio_is_that_of_the_medians() -> None:
    few = [drained(1000, 10, seconds) for seconds in (1.0, 9.0, 2.0)]
    many = [drained(1000, 10, seconds, splits=1) for seconds in (3.0, 2.4, 1.0)]

    found = _cost({10_000: few, 1_000_000: many})

    assert found["ratio"] == 1.2
    assert found["microseconds_per_event"]["1,000,000"] == [3000.0, 2400.0, 1000.0]
    assert found["splits"] == 3


def test_the_slowest_hundredth_begins_at_p99() -> None:
    times = [float(n) for n in range(300, 0, -1)]

    assert _spread(times) == {"p50_ms": 150.5, "p99_ms": 297.0, "max_ms": 300.0}
