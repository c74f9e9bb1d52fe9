"""Pulses: a message a queue every few seconds, whose arrival shows that it is served.

Their pace follows ``ALERT_SILENT_SECONDS``, so that several may be lost before anybody
is told, whatever the setting.
"""

from datetime import timedelta
from typing import Any

import celeryconfig
from worker import heartbeats
from worker.settings import Settings

TASK = "queues.pulse"
#: Every queue that must be served.
QUEUES = tuple(str(queue.name) for queue in celeryconfig.task_queues)
LONGEST_SECONDS = 15
#: So many are missing before a queue counts as silent, at the least.
MISSING = 4


def pulse_schedule(config: Settings) -> dict[str, Any]:
    """Return beat's entries: one for each queue."""
    seconds = pace_seconds(config, LONGEST_SECONDS)
    return {
        f"{TASK} {queue}": {
            "task": TASK,
            "schedule": timedelta(seconds=seconds),
            # What came too late is not run: while nobody serves a queue they gather,
            # and only the newest would tell anything.
            "options": {"queue": queue, "expires": 2 * seconds},
        }
        for queue in QUEUES
    }


def pace_seconds(config: Settings, longest: float) -> float:
    """Return how often to show a sign of life, in seconds, at most every ``longest``."""
    return min(longest, config.alert_silent_seconds / MISSING)


def gap_of(config: Settings) -> timedelta:
    """Return after which silence something counts as having begun anew."""
    half = timedelta(seconds=config.alert_silent_seconds / 2)
    return min(heartbeats.GAP, half)
