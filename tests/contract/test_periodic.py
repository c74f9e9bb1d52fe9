"""Every periodic task is watched: by its slot, or by a heartbeat of its own."""

from collections.abc import Callable

import celeryconfig
from worker.alerts.overdue import queue_of
from worker.heartbeats import WATCH
from worker.periodic import periods_of, schedule_of
from worker.pulses import TASK as PULSE
from worker.settings import Settings

#: What beats more often than every ten seconds; ``silent`` and ``status`` tell of these.
WITH_A_HEARTBEAT = {"rows.sweep", WATCH, PULSE}


def test_a_periodic_task_holds_a_slot_or_has_a_heartbeat(
    make_settings: Callable[..., Settings],
) -> None:
    config = make_settings()
    tasks = {entry["task"] for entry in schedule_of(config).values()}

    assert tasks - periods_of(config).keys() == WITH_A_HEARTBEAT


def test_each_has_a_queue_of_its_own_choice_and_a_module(
    make_settings: Callable[..., Settings],
) -> None:
    queues = {queue.name for queue in celeryconfig.task_queues}

    assert {queue_of(task) for task in periods_of(make_settings())} <= queues
