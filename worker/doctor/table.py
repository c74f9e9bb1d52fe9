"""All checks, in the order in which they are shown: causes before what they hide."""

from worker.doctor import (
    broker,
    database,
    destination,
    files,
    paddle,
    processes,
    releases,
    ways_out,
    work,
)
from worker.doctor.check import Check

CHECKS: tuple[Check, ...] = (
    *files.CHECKS,
    *database.CHECKS,
    *broker.CHECKS,
    *processes.CHECKS,
    *releases.CHECKS,
    *paddle.CHECKS,
    *destination.CHECKS,
    *ways_out.CHECKS,
    *work.CHECKS,
)
