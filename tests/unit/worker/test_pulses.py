"""Pulses: one a queue, often enough for any setting, and gone when late."""

from collections.abc import Callable

import pytest

import celeryconfig
from worker.pulses import QUEUES, TASK, pulse_schedule
from worker.settings import Settings


def test_every_queue_gets_a_pulse_through_itself(
    make_settings: Callable[..., Settings],
) -> None:
    entries = list(pulse_schedule(make_settings()).values())
    queues = [queue.name for queue in celeryconfig.task_queues]
    assert [entry["options"]["queue"] for entry in entries] == queues == list(QUEUES)
    assert {entry["task"] for entry in entries} == {TASK}
    assert TASK in celeryconfig.task_routes


@pytest.mark.parametrize(("silent", "seconds"), [(5, 1.25), (90, 15), (3600, 15)])
def test_several_may_be_lost_before_a_queue_counts_as_silent(
    silent: int, seconds: float, make_settings: Callable[..., Settings]
) -> None:
    config = make_settings(alert_silent_seconds=silent)
    for entry in pulse_schedule(config).values():
        assert entry["schedule"].total_seconds() == seconds
        assert entry["options"]["expires"] == 2 * seconds
