"""How things stand, as far as alerts have a say."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from models.alerts import AlertState, Severity
from models.reconciliation import RunKind, RunScope
from tests import outgoing
from tests.alerts import add_alert
from tests.reconciling import add_run
from worker.cli.main import app
from worker.dead_letters import Burial, bury
from worker.failures import Failure, Verdict
from worker.settings import Settings
from worker.status import Level, Status, status_of
from worker.work_tables import NOTIFICATIONS, Claimant

REFUSED = Failure(Verdict.PERMANENT, "PermanentError", "refused")


@pytest.fixture
def quiet(engine: Engine) -> Engine:
    """A sweep that beats; nothing else."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO heartbeats VALUES ('rows.sweep', now())"))
    return engine


def status(engine: Engine) -> Status:
    with engine.connect() as connection:
        return status_of(connection)


def test_open_alerts_are_counted_and_the_worst_is_named(quiet: Engine) -> None:
    with quiet.begin() as connection:
        add_alert(connection, severity=Severity.WARNING)
        add_alert(connection, severity=Severity.CRITICAL)
        add_alert(connection, severity=Severity.INFO)

    found = status(quiet)

    assert (found.alerts, found.worst_alert) == (3, "critical")
    assert found.level is Level.NOW
    with quiet.begin() as connection:
        connection.execute(text("UPDATE alerts SET acked_at = now()"))
    assert status(quiet).level is Level.LOOK
    assert found.advice() == ["./paddlewheel alerts list"]
    assert found.as_json()["worst_alert"] == "critical"


def test_alerts_that_are_over_are_no_reason_to_look(quiet: Engine) -> None:
    with quiet.begin() as connection:
        now = datetime.now(UTC)
        add_alert(connection, state=AlertState.RESOLVED, resolved_at=now)

    found = status(quiet)

    assert (found.alerts, found.worst_alert) == (0, None)
    assert found.level is Level.QUIET
    assert found.advice() == []


def test_of_each_comparison_the_last_complete_run_and_what_goes_on(
    quiet: Engine,
) -> None:
    done: dict[str, Any] = {"state": "complete", "finished_at": datetime.now(UTC)}
    add_run(quiet, RunKind.EVENTS, seen=7, **done)
    add_run(quiet, RunKind.EVENTS, seen=9, expected=30, last_error="E: no answer")
    add_run(
        quiet, RunKind.CUSTOMERS, RunScope.ALL, seen=1, state="partial", reason="cut"
    )

    with quiet.connect() as connection:
        found = status_of(connection, providers=["paddle"])
    runs = {(one.kind, one.scope): one for one in found.runs}

    events = runs["events", "recent"]
    assert events.complete is not None
    assert events.complete.seen == 7
    assert 0 <= events.complete.age_seconds < 3600
    assert events.now == "pending at 9 of 30: E: no answer"
    customers = runs["customers", "all"]
    assert (customers.complete, customers.now) == (None, "partial at 1: cut")
    never = runs["access", "all"]
    assert (never.complete, never.state, never.now) == (None, None, "")


def test_without_a_key_only_our_own_rows_are_compared(quiet: Engine) -> None:
    assert {one.kind for one in status(quiet).runs} == {"access"}


def test_messages_are_counted_by_kind_and_state(quiet: Engine) -> None:
    with quiet.begin() as connection:
        for state in ("pending", "pending", "doubtful", "failed"):
            outgoing.add_notification(connection, state=state)
        # Nobody is to look at what was left to rest.
        outgoing.add_notification(connection, state="failed")
        failed = text("SELECT min(id) FROM notifications WHERE state = 'failed'")
        burial = Burial(connection.execute(failed).scalar_one(), 1, REFUSED)
        bury(connection, NOTIFICATIONS, Claimant("t", "w"), [burial])

    found = status(quiet)

    assert [(one.state, one.messages) for one in found.messages] == [
        ("doubtful", 1),
        ("failed", 1),
        ("pending", 2),
    ]
    assert {one.kind for one in found.messages} == {"welcome"}
    assert "./paddlewheel notifications list --state doubtful" in found.advice()


def test_when_each_queue_was_served_is_told_and_no_worker_is_asked(
    quiet: Engine, configured: Callable[..., Settings]
) -> None:
    configured(broker_url="redis://127.0.0.1:9/0")
    with quiet.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO heartbeats VALUES ('queue:access', now() - interval '40 s'),"
                " ('queue:sweep', now() - interval '5 s'), ('beat', now())"
            )
        )

    told = CliRunner().invoke(app, ["status"])

    assert "queues served     access 40 s, sweep 5 s ago" in told.stdout
    assert [*status(quiet).queues] == ["access", "sweep"]
