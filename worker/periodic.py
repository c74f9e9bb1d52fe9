"""What beat rings for, and how often.

A task of ten seconds and more holds a slot (``worker/slots.py``): its messages carry
their period, so that a worker knows which runs beat has asked for. The quicker ones only
look at what is due, and every queue has a pulse of its own.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import celeryconfig
from worker.pulses import TASK as PULSE
from worker.pulses import pulse_schedule
from worker.settings import Settings

#: What beat adds to a message: the period in seconds.
HEADER = "paddlewheel_period"
SHORTEST = timedelta(seconds=10)

Schedule = dict[str, dict[str, Any]]


def schedule_of(config: Settings) -> Schedule:
    """Return beat's schedule for these settings."""
    return _with_periods(
        {
            **celeryconfig.beat_schedule,
            **_often("rows.sweep", config.sweep_seconds),
            **_often("alerts.watch", config.alert_watch_seconds),
            "access.expire": {
                "task": "access.expire",
                "schedule": timedelta(seconds=config.access_expire_seconds),
            },
            **pulse_schedule(config),
        }
    )


def periods_of(config: Settings) -> dict[str, timedelta]:
    """Return the tasks that hold a slot, and how often each is rung for."""
    return {
        str(entry["task"]): entry["schedule"]
        for entry in schedule_of(config).values()
        if holds_slot(entry)
    }


def holds_slot(entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry's runs hold a slot."""
    return bool(entry["task"] != PULSE and entry["schedule"] >= SHORTEST)


def _often(task: str, seconds: float) -> Schedule:
    """Return the entry of a task that the next tick replaces if it came too late."""
    return {
        task: {
            "task": task,
            "schedule": timedelta(seconds=seconds),
            "options": {"expires": celeryconfig.SWEEP_EXPIRES_SECONDS},
        }
    }


def _with_periods(schedule: Mapping[str, Mapping[str, Any]]) -> Schedule:
    made: Schedule = {}
    for name, entry in schedule.items():
        made[name] = dict(entry)
        if holds_slot(entry):
            header = {HEADER: entry["schedule"].total_seconds()}
            made[name]["options"] = {**entry.get("options", {}), "headers": header}
    return made
