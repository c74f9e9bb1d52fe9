"""The promise in the title: a thousand failures, one alert, one reminder, one end."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tasks.record import record
from tests.factories import add_events, one, rows
from tests.fixtures.platform import Platform
from tests.integration.tasks.conftest import Desk
from tests.purchases import transaction
from worker.alerts.sender import Sender
from worker.alerts.watch import watch
from worker.outcome import DeadLettered
from worker.replay import discard
from worker.settings import Settings, settings
from worker.work_tables import ALERT_MESSAGES

FAILURES = 1_000


@pytest.fixture
def desk(core: Engine, platform: Platform, configured: Callable[..., Settings]) -> Desk:
    """Sends what is to be told to a service that takes it."""
    config = configured(alert_urls=f"json://127.0.0.1:{platform.port}/alerts")
    return Desk(core, ALERT_MESSAGES, config, Sender)


def fail(engine: Engine, failures: int, batch: int) -> None:
    """Store events that lack something they need, and try to record them."""
    bodies = []
    for number in range(failures):
        body = transaction("transaction.completed")
        del body["data"]["currency_code"]
        moment = "2026-11-21T06:00:00Z"
        bodies.append(
            {**body, "event_id": f"evt_{batch}_{number}", "occurred_at": moment}
        )
    add_events(engine, bodies)
    with pytest.raises(DeadLettered):
        record([], 1)


def told(platform: Platform) -> list[str]:
    return [json.loads(hook.body)["title"] for hook in platform.hooks]


def test_a_thousand_failures_are_one_alert_one_reminder_and_one_end(
    core: Engine, desk: Desk, platform: Platform, pass_time: Callable[[str], None]
) -> None:
    for batch in range(4):
        fail(core, FAILURES // 4, batch)
        watch(core, settings())
        desk.work()
    assert one(core, "SELECT count(*) FROM dead_letters") == FAILURES
    assert rows(core, "SELECT kind, count, peak, state FROM alerts") == [
        ("dead_letters", FAILURES, FAILURES, "open")
    ]
    assert len(told(platform)) == 1
    assert "CRITICAL: 250 events could not be recorded, last: " in told(platform)[0]

    pass_time("61 minutes")
    for _ in range(5):
        watch(core, settings())
        desk.work()
    assert len(told(platform)) == 2
    assert "STILL CRITICAL: 1,000 events" in told(platform)[1]

    with core.begin() as connection:
        for letter in connection.execute(text("SELECT id FROM dead_letters")):
            discard(connection, letter.id)
    for _ in range(3):
        watch(core, settings())
        pass_time("61 seconds")
        desk.work()
    assert len(told(platform)) == 3
    assert "OVER: 1,000 events" in told(platform)[2]
    assert rows(core, "SELECT kind, state FROM alert_messages ORDER BY id") == [
        ("opened", "sent"),
        ("reminder", "sent"),
        ("resolved", "sent"),
    ]
    assert rows(core, "SELECT state FROM alerts") == [("resolved",)]


def test_failures_of_another_kind_are_another_alert(
    core: Engine, desk: Desk, platform: Platform
) -> None:
    fail(core, 2, 1)
    body = transaction("transaction.completed")
    body["data"]["details"]["totals"]["total"] = "10.5"
    add_events(core, [{**body, "event_id": "evt_other"}])
    with pytest.raises(DeadLettered):
        record([], 1)
    watch(core, settings())
    desk.work()
    counts = rows(core, "SELECT count FROM alerts ORDER BY count")
    assert counts == [(1,), (2,)]
    assert len(told(platform)) == 2
