"""Which periodic tasks have monitors, and what Sentry is told of them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from celery.schedules import crontab

from tests.fixtures.configuration import DEFAULTS
from worker.monitors import begin, config_of, end, intervals
from worker.settings import Settings


def entry(task: str, **span: float) -> dict[str, object]:
    return {"task": task, "schedule": timedelta(**span)}


def test_tasks_of_a_minute_and_up_have_monitors() -> None:
    schedule = {
        "a": entry("rows.sweep", seconds=2),
        "b": entry("parked.release", seconds=59.9),
        "c": entry("digest.write", seconds=60),
        "d": entry("bodies.partition", hours=1),
    }
    assert intervals(schedule) == {
        "digest.write": timedelta(minutes=1),
        "bodies.partition": timedelta(hours=1),
    }


def test_a_task_with_several_entries_counts_by_the_most_frequent() -> None:
    schedule = {
        "a": entry("queues.pulse", minutes=5),
        "b": entry("queues.pulse", seconds=30),
        "c": entry("digest.write", minutes=9),
        "d": entry("digest.write", minutes=3),
    }
    assert intervals(schedule) == {"digest.write": timedelta(minutes=3)}


def test_every_entry_of_ours_is_an_interval(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in DEFAULTS.items():
        monkeypatch.setenv(name.upper(), value)
    from worker.app import make_app  # noqa: PLC0415 (reads the settings)

    schedule = make_app(make_settings()).conf.beat_schedule
    # Another kind of schedule would have no monitor, and nobody would notice.
    assert {type(entry["schedule"]) for entry in schedule.values()} == {timedelta}
    assert "bodies.partition" in intervals(schedule)
    assert "rows.sweep" not in intervals(schedule)


def test_what_is_no_interval_has_no_monitor() -> None:
    assert intervals({"a": {"task": "x.y", "schedule": crontab(hour="1")}}) == {}


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(60, 1), (90, 2), (600, 10), (3600, 60), (3601, 61)]
)
def test_intervals_are_told_in_whole_minutes(seconds: float, minutes: int) -> None:
    told = config_of(timedelta(seconds=seconds), limit_seconds=20)
    assert told["schedule"] == {"type": "interval", "value": minutes, "unit": "minute"}
    assert told["max_runtime"] == 1
    assert told["timezone"] == "UTC"


def test_without_sentry_there_are_no_check_ins() -> None:
    # No task at all is looked at.
    begin(None, "id")  # type: ignore[arg-type]
    end("id", "SUCCESS")
