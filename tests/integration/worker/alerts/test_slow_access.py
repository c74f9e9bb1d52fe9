"""Slow access: which purchases count, what is said, and whom it touches."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from tasks.activate import activate
from tasks.record import record
from tests import outgoing
from tests.factories import add_events
from tests.fixtures.platform import SECRET
from tests.purchases import LINE_TOTAL, purchase, renamed
from worker.alerts import slow_access
from worker.alerts.condition import Finding
from worker.alerts.slow_access import SlowAccess
from worker.alerts.stakes import Stakes
from worker.settings import Settings, settings

HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": SECRET,
}


def bought(
    engine: Engine,
    seconds: Sequence[float],
    *,
    minutes_ago: float = 1,
    told_after: float | None = None,
) -> None:
    """Add purchases that had access some minutes ago, so long after they were paid."""
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    told = None if told_after is None else at + timedelta(seconds=told_after)
    with engine.begin() as connection:
        for took in seconds:
            paid = at - timedelta(seconds=took)
            made = outgoing.add_access(connection, paid, at, told_at=told)
            outgoing.add_delivery(connection, enrollment_id=made, created_at=at)


def look(engine: Engine) -> list[Finding]:
    with engine.connect() as connection:
        return list(SlowAccess().look(connection, settings()))


def test_purchases_within_the_target_are_well(core: Engine) -> None:
    bought(core, [0, 1, 59, 60])

    assert look(core) == []


def test_without_purchases_all_is_well(core: Engine) -> None:
    assert look(core) == []


def test_slow_purchases_are_counted_among_all(core: Engine) -> None:
    bought(core, [1, 2, 3, 61])
    bought(core, [200], minutes_ago=10)

    [finding] = look(core)
    assert finding.count == 2
    assert finding.summary == (
        "2 of 5 purchases took longer than 1 min from paid to access: half of them"
        " at most 3 s, the slowest 3 min 20 s"
    )
    ago = datetime.now(UTC) - finding.since
    assert timedelta(minutes=9) < ago < timedelta(minutes=12)


def test_one_purchase_is_told_in_the_singular(core: Engine) -> None:
    bought(core, [61])

    assert look(core)[0].summary.startswith("1 of 1 purchase took")


def test_what_came_long_ago_is_over(core: Engine) -> None:
    bought(core, [1000], minutes_ago=16)

    assert look(core) == []


def test_the_target_is_a_setting(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(alert_access_seconds=5)
    bought(core, [6])

    assert len(look(core)) == 1


def test_with_a_hook_access_is_when_the_platform_knows(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    bought(core, [1], minutes_ago=5, told_after=100)
    assert look(core) == []

    configured(**HOOK)
    [finding] = look(core)
    assert "the slowest 1 min 41 s" in finding.summary


def test_what_the_platform_does_not_know_is_slow_once_it_is_late(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(**HOOK)
    bought(core, [1], minutes_ago=0.1)
    assert look(core) == []

    bought(core, [1], minutes_ago=5)
    assert [finding.count for finding in look(core)] == [1]


def test_of_a_flood_the_newest_are_looked_at(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_access, "MOST_ROWS", 2)
    bought(core, [100], minutes_ago=3)
    bought(core, [1, 2], minutes_ago=2)
    assert look(core) == []

    bought(core, [70], minutes_ago=1)
    assert look(core)[0].summary.startswith("1 of 2 purchases")


def test_it_touches_the_buyers_who_waited(core: Engine) -> None:
    add_events(core, purchase())
    add_events(core, [renamed(body, "2") for body in purchase()])
    record([], 1)
    activate([], 1)
    assert [finding.count for finding in look(core)] == [2]
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE enrollment_history SET paid_at = changed_at"
            " WHERE enrollment_id = (SELECT min(enrollment_id) FROM enrollment_history)"
        )
        found = SlowAccess().stakes(connection, "")

    assert found == Stakes(1, {"USD": LINE_TOTAL})


def test_who_still_waits_for_the_platform_is_not_forgotten(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(**HOOK)
    bought(core, [1], minutes_ago=60)
    bought(core, [1], minutes_ago=60, told_after=2)
    bought(core, [1], minutes_ago=60 * 25)
    [finding] = look(core)
    assert finding.count == 1
    with core.begin() as connection:
        connection.exec_driver_sql("UPDATE platform_deliveries SET state = 'dead'")
    assert look(core) == []
