"""Who is silent: one finding for one trouble, and none for what nobody could hear."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from models.alerts import Severity
from tests.factories import add_work, one, rows
from worker import lifecycle
from worker.alerts.condition import Finding
from worker.alerts.silent import CLAIMED, LINES, MOST_LOOKED_AT, Silent, queue_of
from worker.alerts.stakes import Stakes
from worker.alerts.watch import watch
from worker.heartbeats import BEAT, WATCH, WATCHMAN, beat, of_queue
from worker.processes.procfile import lines_of
from worker.pulses import QUEUES
from worker.settings import ROOT, settings
from worker.work_tables import INBOX, WORK_TABLES, Claimant

#: Everything that must show itself.
ALL = (BEAT, WATCHMAN, *map(of_queue, QUEUES))
#: Seconds; the setting is 90.
FRESH, SILENT = 5, 100
DAYS = "9 days"

Ages = Mapping[str, int]


def set_ages(
    engine: Engine, ages: Ages, *, since: str = DAYS, watching: str = DAYS
) -> None:
    """Let each have shown itself so many seconds ago, and the watch just now."""
    statement = text(
        "INSERT INTO heartbeats (name, beat_at, since) VALUES (:name,"
        " now() - :age * interval '1 s', now() - CAST(:since AS interval))"
        " ON CONFLICT (name) DO UPDATE SET"
        " beat_at = excluded.beat_at, since = excluded.since"
    )
    with engine.begin() as connection:
        for name, age in ages.items():
            values = {"name": name, "age": age, "since": since}
            connection.execute(statement, values)
        values = {"name": WATCH, "age": 0, "since": watching}
        connection.execute(statement, values)


def living(*silent: str, age: int = SILENT) -> Ages:
    """All show themselves but these."""
    return {name: age if name in silent else FRESH for name in ALL}


def queues_but(*others: str) -> list[str]:
    return [of_queue(queue) for queue in QUEUES if queue not in others]


def look(engine: Engine) -> dict[str, Finding]:
    with engine.begin() as connection:
        found = list(Silent().look(connection, settings()))
    assert len({finding.subject for finding in found}) == len(found)
    return {finding.subject: finding for finding in found}


def open_alert(engine: Engine, subject: str) -> None:
    """Let it have been told of."""
    statement = text("""
        INSERT INTO alerts
          (fingerprint, kind, subject, severity, summary, next_steps, since)
        VALUES ('silent:' || :subject, 'silent', :subject, 'critical', '', '{}', now())
        """)
    with engine.begin() as connection:
        connection.execute(statement, {"subject": subject})


def claim(engine: Engine) -> None:
    """Let a worker of the queue ``critical`` take events."""
    add_work(engine, 3)
    assert lifecycle.claim(engine, INBOX, Claimant("t", "w"), settings())


def test_nothing_is_found_while_all_show_themselves(core: Engine) -> None:
    set_ages(core, living(*ALL, age=89))
    assert look(core) == {}


def test_what_was_never_heard_of_counts_from_the_first_look(core: Engine) -> None:
    set_ages(core, {})
    assert look(core) == {}
    known = rows(core, "SELECT name FROM heartbeats WHERE name <> 'alerts.watch'")
    assert {name for (name,) in known} == set(ALL)
    with core.begin() as connection:
        connection.execute(
            text("UPDATE heartbeats SET beat_at = beat_at - interval '100 s'")
        )
    set_ages(core, {})
    assert set(look(core)) == {"beat", "watchman"}


def test_a_silent_beat_is_one_finding_though_no_pulse_comes(core: Engine) -> None:
    set_ages(core, living(BEAT, *queues_but()))
    found = look(core)
    assert set(found) == {"beat"}
    assert found["beat"].severity is Severity.CRITICAL
    since = one(core, "SELECT beat_at FROM heartbeats WHERE name = 'beat'")
    assert found["beat"].since == since


@pytest.mark.parametrize("queues", [queues_but(), [of_queue("sweep")]])
def test_pulses_that_end_before_the_last_sign_of_beat_are_not_the_broker(
    core: Engine, queues: list[str]
) -> None:
    ages = {**living(*queues, age=91), BEAT: 88}
    set_ages(core, ages)
    assert look(core) == {}
    set_ages(core, {**ages, BEAT: 91})
    assert set(look(core)) == {"beat"}


def test_a_broker_told_of_is_not_over_because_beat_is_slow(core: Engine) -> None:
    open_alert(core, "broker")
    set_ages(core, {**living(*queues_but()), BEAT: 60})
    assert set(look(core)) == {"broker"}


@pytest.mark.parametrize(
    ("queue", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("access", Severity.CRITICAL),
        ("sweep", Severity.CRITICAL),
        ("notify", Severity.WARNING),
        ("maintenance", Severity.WARNING),
    ],
)
def test_a_queue_that_is_not_served_is_named_with_its_process(
    core: Engine, queue: str, severity: Severity
) -> None:
    set_ages(core, living(of_queue(queue)))
    line = next(line for line in lines_of(ROOT / "Procfile") if served_by(line, queue))
    (finding,) = look(core).values()
    assert finding.subject == f"line {line.name}"
    assert finding.summary == f"Nobody serves the queue {queue}"
    assert finding.severity is severity
    assert any(f"line {line.name} of" in step for step in finding.next_steps)


def test_the_queues_of_one_worker_are_one_finding(core: Engine) -> None:
    set_ages(core, living(of_queue("critical"), of_queue("access")))
    (finding,) = look(core).values()
    assert finding.subject == "line worker"
    assert finding.summary == "Nobody serves the queues critical and access"


def served_by(line: object, queue: str) -> bool:
    _, _, queues = str(getattr(line, "command", "")).partition(" -Q ")
    return queue in queues.partition(" ")[0].split(",")


def test_all_queues_at_once_are_one_finding(core: Engine) -> None:
    # Their pulses lie a moment apart: the first passes the limit before the others.
    ages = dict(living(*queues_but(), age=88))
    ages[of_queue("sweep")] = 91
    set_ages(core, ages)
    found = look(core)
    assert set(found) == {"broker"}
    assert found["broker"].severity is Severity.CRITICAL


def test_two_silent_workers_are_two_findings(core: Engine) -> None:
    set_ages(core, living(of_queue("notify"), of_queue("maintenance")))
    assert set(look(core)) == {"line notify", "line maintenance"}


def test_a_silent_watchman_is_a_warning(core: Engine) -> None:
    set_ages(core, living(WATCHMAN))
    found = look(core)
    assert set(found) == {"watchman"}
    assert found["watchman"].severity is Severity.WARNING


def test_after_a_standstill_of_everything_nothing_is_silent_yet(core: Engine) -> None:
    week = 7 * 86_400
    set_ages(core, living(*ALL, age=week), watching="89 s")
    assert look(core) == {}
    set_ages(core, living(*ALL, age=week), watching="91 s")
    assert set(look(core)) == {"beat", "watchman"}


def test_queues_have_time_after_the_return_of_beat(core: Engine) -> None:
    silent = living(*queues_but(), age=3600)
    set_ages(core, silent)
    set_ages(core, {BEAT: 0}, since="80 s")
    assert look(core) == {}
    set_ages(core, {BEAT: 0}, since="91 s")
    assert set(look(core)) == {"broker"}


def test_queues_have_time_after_the_return_of_the_broker(core: Engine) -> None:
    open_alert(core, "broker")
    set_ages(core, living(*queues_but("sweep"), age=3600))
    set_ages(core, {of_queue("sweep"): FRESH}, since="10 s")
    assert look(core) == {}
    set_ages(core, {of_queue("sweep"): FRESH}, since="91 s")
    assert set(look(core)) == {
        "line worker",
        "line fetch",
        "line notify",
        "line maintenance",
    }


@pytest.mark.parametrize("subject", ["beat", "watchman", "broker", "line notify"])
def test_a_standstill_does_not_look_like_the_return_of_what_was_told_of(
    core: Engine, subject: str
) -> None:
    open_alert(core, subject)
    set_ages(core, living(*ALL, age=86_400), watching="2 s")
    assert set(look(core)) == {subject}
    set_ages(core, living())
    assert look(core) == {}


def test_a_queue_told_of_stays_told_of_while_beat_is_away_too(core: Engine) -> None:
    open_alert(core, "line notify")
    set_ages(core, living(BEAT, *queues_but()))
    assert set(look(core)) == {"beat", "line notify"}


def test_under_a_backlog_work_shows_that_a_queue_is_served(core: Engine) -> None:
    set_ages(core, living(of_queue("critical"), of_queue("notify")))
    claim(core)
    assert set(look(core)) == {"line notify"}


def test_work_is_remembered_between_two_claims(core: Engine) -> None:
    set_ages(core, living(of_queue("critical")))
    claim(core)
    look(core)
    with core.begin() as connection:
        connection.execute(
            text(
                "UPDATE inbox SET state = 'processed', lease_token = NULL,"
                " leased_until = NULL"
            )
        )
    assert look(core) == {}


def test_a_claim_of_one_who_died_counts_from_when_it_was_made(core: Engine) -> None:
    set_ages(core, living(of_queue("critical")))
    claim(core)
    made = one(core, "SELECT max(leased_until) - interval '30 s' FROM inbox")
    look(core)
    seen = "SELECT beat_at FROM heartbeats WHERE name = 'queue:critical'"
    assert one(core, seen) == made


def test_rows_that_wait_for_their_next_attempt_are_no_work(core: Engine) -> None:
    set_ages(core, living(of_queue("critical")))
    with core.begin() as connection:
        add_work(core, 3)
        connection.execute(
            text("UPDATE inbox SET next_attempt_at = now() + interval '9 s'")
        )
    assert set(look(core)) == {"line worker"}


def test_stakes_are_whom_the_waiting_rows_of_the_queue_touch(core: Engine) -> None:
    with core.begin() as connection:
        for n in range(3):
            connection.execute(
                text("""
                WITH person AS (
                  INSERT INTO learners (email) VALUES (:email) RETURNING id)
                INSERT INTO notifications (key, kind, learner_id)
                SELECT :email, 'welcome', id FROM person
                """),
                {"email": f"{n}@example.com"},
            )
    with core.connect() as connection:
        ask = Silent().stakes
        assert ask(connection, "line notify").learners == 3
        assert ask(connection, "broker").learners == 3
        assert ask(connection, "beat").learners == 3
        assert ask(connection, "line worker") == Stakes()
        assert ask(connection, "watchman") == Stakes()


def test_every_table_is_served_by_a_queue_and_every_queue_by_a_line() -> None:
    assert {queue_of(table) for table in WORK_TABLES} <= set(QUEUES)
    lines = {line.name: line for line in lines_of(ROOT / "Procfile")}
    for queue in QUEUES:
        assert served_by(lines[LINES.get(queue, queue)], queue)


def test_an_alert_is_opened_once_and_over_with_the_next_sign(
    core: Engine, configured: Callable[..., object]
) -> None:
    configured(alert_calm_seconds=0.5)
    set_ages(core, living(BEAT))
    for _ in range(3):
        watch(core, settings())
    opened = "SELECT fingerprint FROM alerts WHERE kind = 'silent'"
    assert rows(core, opened) == [("silent:beat",)]
    with core.begin() as connection:
        beat(connection, BEAT)
    watch(core, settings())
    with core.begin() as connection:
        move = "UPDATE alerts SET absent_since = absent_since - :by"
        connection.execute(text(move), {"by": timedelta(seconds=1)})
    watch(core, settings())
    assert one(core, "SELECT state FROM alerts WHERE kind = 'silent'") == "resolved"


@pytest.mark.parametrize("wait", ["- n * interval '1 min'", "+ interval '9 s'"])
def test_looking_for_work_goes_through_the_index(core: Engine, wait: str) -> None:
    set_ages(core, living(of_queue("critical")))
    with core.begin() as connection:
        connection.execute(
            text(f"""
            INSERT INTO inbox (provider, event_id, digest, next_attempt_at)
            SELECT 'paddle', 'evt_' || n, '', now() {wait}
            FROM generate_series(1, 20000) AS n
            """)
        )
        connection.execute(text("ANALYZE inbox"))
        probe = f"EXPLAIN {CLAIMED.format(table='inbox')}"
        values = {"lease": timedelta(seconds=30), "most": MOST_LOOKED_AT}
        plan = "\n".join(connection.execute(text(probe), values).scalars())
    assert "Index Scan Backward using ix_inbox_due" in plan
    assert "Sort" not in plan
