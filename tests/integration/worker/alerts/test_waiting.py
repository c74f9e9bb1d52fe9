"""Rows that wait, and who outside refuses: seen from the heads of the indexes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from models.alerts import Severity
from tests.alerts import add_alert, add_silence
from tests.factories import add_work, one
from tests.reconciling import add_run
from worker.alerts.backlog import MOST_COUNTED
from worker.alerts.condition import Condition, Finding
from worker.alerts.refused import TABLES, Refused
from worker.alerts.waiting import INSIDE, Waiting
from worker.heartbeats import WATCH
from worker.settings import Settings, settings
from worker.work_tables import ALERT_MESSAGES, WORK_TABLES


@pytest.fixture(autouse=True)
def watched(core: Engine) -> Engine:
    """Somebody has watched for days."""
    with core.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO heartbeats (name, beat_at, since)"
                " VALUES (:name, now(), now() - interval '9 days')"
            ),
            {"name": WATCH},
        )
    return core


def found(engine: Engine, condition: Condition) -> list[Finding]:
    with engine.connect() as connection:
        return list(condition.look(connection, settings()))


def age(engine: Engine, table: str, **columns: str) -> None:
    """Set columns to SQL expressions, in all rows."""
    changes = ", ".join(f"{name} = {value}" for name, value in columns.items())
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {changes}"))


def add_mail(engine: Engine, rows: int = 1) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            WITH person AS (INSERT INTO learners (email) VALUES ('a@b') RETURNING id)
            INSERT INTO notifications (key, kind, learner_id)
            SELECT 'welcome:' || n, 'welcome', id
            FROM person, generate_series(1, :rows) AS n
            """),
            {"rows": rows},
        )


def test_young_rows_are_no_finding(core: Engine) -> None:
    add_work(core, 3)
    assert found(core, Waiting()) == []
    age(core, "inbox", next_attempt_at="now() - interval '119 s'")
    assert found(core, Waiting()) == []


def test_the_oldest_row_decides_and_all_are_counted(core: Engine) -> None:
    add_work(core, 3)
    age(core, "inbox", next_attempt_at="now() - interval '121 s' * id / id")
    (finding,) = found(core, Waiting())
    assert finding.subject == "inbox due"
    assert finding.severity is Severity.CRITICAL
    assert finding.count == 3
    assert finding.summary == "Nobody takes what waits in the stage “record”: 3 rows"
    with core.connect() as connection:
        waited = connection.scalar(text("SELECT now()")) - finding.since
    assert timedelta(seconds=121) <= waited < timedelta(seconds=150)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "'processed'"),
        ("next_attempt_at", "now() + interval '1 h'"),
        ("schema_version", "99"),
    ],
)
def test_rows_that_are_not_due_wait_for_nobody(
    core: Engine, column: str, value: str
) -> None:
    add_work(core, 1)
    age(core, "inbox", next_attempt_at="now() - interval '1 h'")
    age(core, "inbox", **{column: value})
    assert found(core, Waiting()) == []


def test_inside_a_row_that_fails_for_long_is_found(core: Engine) -> None:
    add_work(core, 1)
    age(
        core,
        "inbox",
        pending_since="now() - interval '10 min'",
        next_attempt_at="now() + interval '1 h'",
        last_error="'OperationalError: 53300 at x.py:1 f'",
    )
    (finding,) = found(core, Waiting())
    assert finding.subject == "inbox failing"
    assert "last: OperationalError: 53300 at x.py:1 f" in finding.summary


def test_what_is_refused_outside_is_not_said_twice(core: Engine) -> None:
    add_mail(core)
    age(
        core,
        "notifications",
        pending_since="now() - interval '1 h'",
        next_attempt_at="now() + interval '1 h'",
        last_error="'UnreachableError: connect: refused'",
    )
    assert found(core, Waiting()) == []
    (finding,) = found(core, Refused())
    assert finding.subject == "notifications"
    assert finding.severity is Severity.WARNING
    assert finding.summary.startswith("The mail server does not take what it is sent")
    assert "1 row waiting" in finding.summary
    assert "connect: refused" in finding.summary


def test_what_was_refused_a_short_time_ago_is_no_finding(core: Engine) -> None:
    add_mail(core)
    age(
        core,
        "notifications",
        pending_since="now() - interval '29 min'",
        last_error="'X: y'",
    )
    assert found(core, Refused()) == []


def test_after_a_standstill_nothing_is_old_at_once(core: Engine) -> None:
    """Everything was switched off over night; now it works off what waits."""
    add_work(core, 1)
    add_mail(core)
    age(core, "inbox", next_attempt_at="now() - interval '8 h'")
    age(
        core,
        "notifications",
        pending_since="now() - interval '8 h'",
        last_error="'X: y'",
    )
    age(core, "heartbeats", since="now() - interval '100 s'")
    assert found(core, Waiting()) == []
    assert found(core, Refused()) == []
    age(core, "heartbeats", since="now() - interval '1 h'")
    assert len(found(core, Waiting())) == 1
    assert len(found(core, Refused())) == 1


def test_with_billing_off_events_are_meant_to_wait(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    add_work(core, 1)
    age(core, "inbox", next_attempt_at="now() - interval '8 h'")
    assert len(found(core, Waiting())) == 1
    configured(paddle_billing_enabled=False)
    assert found(core, Waiting()) == []


def test_counting_ends_somewhere(core: Engine) -> None:
    add_work(core, MOST_COUNTED + 5)
    age(core, "inbox", next_attempt_at="now() - interval '1 h'")
    (finding,) = found(core, Waiting())
    assert finding.count == MOST_COUNTED
    assert finding.summary.endswith(": at least 1,000 rows")


def test_it_is_told_whom_the_rows_touch(core: Engine) -> None:
    add_mail(core, rows=3)
    age(core, "notifications", next_attempt_at="now() - interval '1 h'")
    (finding,) = found(core, Waiting())
    with core.connect() as connection:
        stakes = Waiting().stakes(connection, finding.subject)
    assert stakes.learners == 1
    assert one(core, "SELECT count(*) FROM notifications") == 3


def open_alert(engine: Engine, kind: str, subject: str) -> None:
    with engine.begin() as connection:
        add_alert(connection, kind=kind, subject=subject)


@pytest.mark.parametrize("silent", ["line worker", "broker", "beat"])
def test_what_a_silence_explains_is_not_told_again(core: Engine, silent: str) -> None:
    add_work(core, 1)
    age(core, "inbox", next_attempt_at="now() - interval '1 h'")
    open_alert(core, "silent", silent)
    assert found(core, Waiting()) == []


def test_the_silence_of_another_worker_explains_nothing(core: Engine) -> None:
    add_work(core, 1)
    age(core, "inbox", next_attempt_at="now() - interval '1 h'")
    open_alert(core, "silent", "line notify")
    assert len(found(core, Waiting())) == 1


def test_what_was_told_before_its_cause_goes_on(core: Engine) -> None:
    add_work(core, 1)
    age(core, "inbox", next_attempt_at="now() - interval '1 h'")
    open_alert(core, "waiting", "inbox due")
    open_alert(core, "silent", "line worker")
    assert len(found(core, Waiting())) == 1


def test_a_standstill_does_not_end_what_was_told(core: Engine) -> None:
    add_work(core, 1)
    add_mail(core)
    age(core, "inbox", next_attempt_at="now() - interval '8 h'")
    age(
        core,
        "notifications",
        pending_since="now() - interval '8 h'",
        next_attempt_at="now() + interval '1 h'",
        last_error="'X: y'",
    )
    age(core, "heartbeats", since="now()")
    open_alert(core, "waiting", "inbox due")
    open_alert(core, "refused", "notifications")
    assert len(found(core, Waiting())) == 1
    assert len(found(core, Refused())) == 1


def test_a_silence_that_is_calming_down_or_unheard_explains_nothing(
    core: Engine,
) -> None:
    add_work(core, 1)
    age(core, "inbox", next_attempt_at="now() - interval '1 h'")
    open_alert(core, "silent", "line worker")
    assert found(core, Waiting()) == []
    age(core, "alerts", absent_since="now()")
    assert len(found(core, Waiting())) == 1
    age(core, "alerts", absent_since="NULL")
    with core.begin() as connection:
        add_silence(connection, "silent")
    assert len(found(core, Waiting())) == 1


def test_what_fails_is_told_by_one_of_both() -> None:
    # An alert about alerts that do not get out would not get out either.
    assert {*WORK_TABLES} - {ALERT_MESSAGES} == INSIDE | {*TABLES}
    assert not INSIDE & {*TABLES}


def test_a_comparison_that_cannot_go_on_is_told(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    add_run(core)
    age(
        core,
        "reconciliation_runs",
        pending_since="now() - interval '1 h'",
        next_attempt_at="now() + interval '1 h'",
        last_error="'ApiRefusedError: the key lacks notification.read'",
    )

    (finding,) = found(core, Refused())

    assert finding.subject == "reconciliation_runs"
    assert finding.summary == (
        "A comparison does not go on: 1 row waiting, last: ApiRefusedError: the key"
        " lacks notification.read"
    )
    assert finding.severity is Severity.WARNING
    age(core, "reconciliation_runs", next_attempt_at="now() - interval '1 h'")
    assert len(found(core, Waiting())) == 1
    configured(paddle_billing_enabled=False)
    assert found(core, Refused()) == found(core, Waiting()) == []
