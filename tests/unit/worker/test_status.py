"""How urgent it is, from what waits where."""

from dataclasses import replace

import pytest

from worker.status import STAGES, STUCK_SECONDS, Level, Stage, Status
from worker.work_tables import WORK_TABLES

WAYS_OUT = {
    "checkouts",
    "customer_fetches",
    "notifications",
    "platform_deliveries",
    "alert_messages",
    "reconciliation_runs",
}


def status(stuck: str) -> Status:
    stages = tuple(
        Stage(name, 1, 0, 0, 0, STUCK_SECONDS + 1 if table == stuck else 0)
        for table, name in STAGES.items()
    )
    return Status(
        environment="local",
        stages=stages,
        stray_messages=0,
        parked=(),
        doubtful=0,
        active_enrollments=0,
        last_delivery=None,
        beat_seconds=1,
    )


@pytest.mark.parametrize("table", STAGES)
def test_what_waits_for_the_world_outside_is_less_urgent(table: str) -> None:
    level = Level.LOOK if table in WAYS_OUT else Level.NOW
    assert status(stuck=table).level is level


def test_nothing_stuck_is_quiet() -> None:
    assert status(stuck="").level is Level.QUIET


def test_every_work_table_has_a_stage() -> None:
    assert list(STAGES) == [table.name for table in WORK_TABLES]


def test_a_critical_alert_is_urgent_until_somebody_knows() -> None:
    told = replace(status(stuck=""), alerts=1, worst_alert="critical")
    assert told.level is Level.LOOK
    assert replace(told, has_urgent_alert=True).level is Level.NOW
