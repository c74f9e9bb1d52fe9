"""Check-ins to Sentry's Crons: which periodic task ran, when, and how it ended.

Sentry makes and changes the monitors itself by what each check-in says. Which there are
is read from beat's schedule: every task of a minute and up; Sentry knows nothing
shorter. A check-in has the task's name, its interval and how it went, nothing else; so
not the SDK's own Celery integration, which hooks arguments as well.
"""

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sentry_sdk
from celery import Task
from sentry_sdk.crons import capture_checkin

if TYPE_CHECKING:
    from sentry_sdk.types import MonitorConfig

SHORTEST = timedelta(minutes=1)
#: How late a run may be before Sentry calls it missed: a deployment takes no longer.
MARGIN_MINUTES = 5


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A run that Sentry was told of."""

    id: str
    slug: str
    config: "MonitorConfig"
    began: float


#: Runs of this process that have begun, by task id.
_running: dict[str, CheckIn] = {}


def intervals(beat_schedule: Mapping[str, Mapping[str, Any]]) -> dict[str, timedelta]:
    """Return the tasks that have monitors, and how often each runs."""
    found: dict[str, timedelta] = {}
    for entry in beat_schedule.values():
        often = entry["schedule"]
        if isinstance(often, timedelta):
            task = str(entry["task"])
            found[task] = min(often, found.get(task, often))
    return {task: often for task, often in found.items() if often >= SHORTEST}


def begin(task: Task[Any, Any], task_id: str) -> None:
    """Tell that a run begins, if its task has a monitor. Never raises."""
    if not sentry_sdk.is_initialized():
        return
    with suppress(Exception):
        often = intervals(task.app.conf.beat_schedule).get(task.name)
        if often is None:
            return
        slug = task.name.replace(".", "-")
        config = config_of(often, task.app.conf.task_time_limit)
        told = capture_checkin(slug, status="in_progress", monitor_config=config)
        if told is not None:
            _running[task_id] = CheckIn(told, slug, config, time.monotonic())


def end(task_id: str, state: str | None) -> None:
    """Tell how a run ended, if Sentry was told that it began. Never raises."""
    begun = _running.pop(task_id, None)
    if begun is None:
        return
    with suppress(Exception):
        capture_checkin(
            begun.slug,
            begun.id,
            "ok" if state == "SUCCESS" else "error",
            round(time.monotonic() - begun.began, 3),
            begun.config,
        )


def config_of(often: timedelta, limit_seconds: float) -> "MonitorConfig":
    """Return a monitor's settings.

    Args:
        often: The task's interval.
        limit_seconds: After this a run is killed.
    """
    return {
        "schedule": {"type": "interval", "value": _minutes(often), "unit": "minute"},
        "checkin_margin": MARGIN_MINUTES,
        "max_runtime": _minutes(timedelta(seconds=limit_seconds)),
        "timezone": "UTC",
    }


def _minutes(span: timedelta) -> int:
    return math.ceil(span / SHORTEST)
