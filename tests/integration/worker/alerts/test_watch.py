"""The life of an alert: opened once, reminded ever more rarely, over with a word."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Engine, text

from models.alerts import Severity
from tests.factories import one, rows
from tests.fixtures.processes import eventually
from tests.integration.worker.alerts.conftest import Scripted
from worker.alerts import watch as module
from worker.alerts.blind import Blind
from worker.alerts.stakes import Stakes
from worker.alerts.watch import follow, watch
from worker.alerts.watch import look as look_at_all
from worker.settings import settings

Look = Callable[[], list[int]]
PassTime = Callable[[str], None]
NO_ALERT = "SELECT count(*) FROM alerts"


def told(engine: Engine) -> list[tuple[str, str]]:
    """Kind and severity of every message, in order."""
    found = rows(engine, "SELECT kind, severity FROM alert_messages ORDER BY id")
    return [(kind, severity) for kind, severity in found]


def kinds(engine: Engine) -> list[str]:
    return [kind for kind, _ in told(engine)]


def silence(engine: Engine, target: str, interval: str = "1 hour") -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO alert_silences (target, until, reason, actor)"
                f" VALUES (:target, now() + interval '{interval}', 'works', 'me')"
            ),
            {"target": target},
        )


def test_what_is_wrong_is_opened_and_told_once(
    core: Engine, condition: Scripted, look: Look
) -> None:
    condition.finds("a", "b")
    assert len(look()) == 2
    for _ in range(5):
        assert look() == []
    assert rows(core, "SELECT fingerprint, state FROM alerts ORDER BY 1") == [
        ("scripted:a", "open"),
        ("scripted:b", "open"),
    ]
    assert told(core) == [("opened", "warning")] * 2


def test_all_is_well_and_nothing_is_written(
    core: Engine, condition: Scripted, look: Look
) -> None:
    assert look() == []
    assert one(core, "SELECT count(*) FROM alerts") == 0
    assert rows(core, "SELECT name FROM heartbeats") == [("alerts.watch",)]


def test_many_that_see_it_at_once_open_one(core: Engine, condition: Scripted) -> None:
    condition.finds("a")
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        watch(core, settings())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one(core, "SELECT count(*) FROM alerts") == 1
    assert told(core) == [("opened", "warning")]


@pytest.mark.parametrize("first_commits", [True, False])
def test_two_transactions_open_one_whoever_commits(
    core: Engine,
    condition: Scripted,
    sessions: Callable[[], Engine],
    *,
    first_commits: bool,
) -> None:
    """Without the heartbeat that makes looks wait, the unique index alone decides."""
    condition.finds("a")
    written: list[list[int]] = []

    def second() -> None:
        with sessions().begin() as connection:
            seen = look_at_all(connection, settings())
            written.append(follow(connection, settings(), seen))

    with sessions().connect() as connection:
        seen = look_at_all(connection, settings())
        ours = follow(connection, settings(), seen)
        other = threading.Thread(target=second)
        other.start()
        wait_for_a_lock(core)
        if first_commits:
            connection.commit()
        else:
            connection.rollback()
        other.join()
    assert len(ours) == 1
    assert len(written[0]) == (0 if first_commits else 1)
    assert one(core, "SELECT count(*) FROM alerts") == 1
    assert told(core) == [("opened", "warning")]


def wait_for_a_lock(engine: Engine) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    eventually(lambda: one(engine, waiting), what="somebody waits")


def test_it_is_counted_while_it_lasts(
    core: Engine, condition: Scripted, look: Look
) -> None:
    for count in (3, 1000, 7):
        condition.finds("a", count=count)
        look()
    assert rows(core, "SELECT count, peak FROM alerts") == [(7, 1000)]
    assert kinds(core) == ["opened"]


def test_reminders_come_ever_more_rarely(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    waits = []
    for _ in range(8):
        waits.append(
            one(core, "SELECT extract(epoch FROM remind_at - now()) / 3600 FROM alerts")
        )
        pass_time("1 day")
        assert len(look()) == 1
        assert look() == []
    assert [round(wait) for wait in waits] == [1, 2, 4, 8, 16, 24, 24, 24]
    assert kinds(core) == ["opened", *["reminder"] * 8]


def test_it_is_over_only_after_a_time_of_calm(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    condition.finds()
    assert look() == []
    assert look() == []
    pass_time("61 seconds")
    assert len(look()) == 1
    assert look() == []
    assert kinds(core) == ["opened", "resolved"]
    body = one(core, "SELECT body FROM alert_messages WHERE kind = 'resolved'")
    assert "a is broken" in body
    assert "lasted 1 min" in body


def test_what_comes_back_within_its_calm_never_ended(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    for _ in range(20):
        condition.finds("a")
        look()
        condition.finds()
        look()
        pass_time("50 seconds")
    assert kinds(core) == ["opened"]


def test_what_flaps_slowly_has_to_stay_away_longer_each_time(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    """Ten minutes broken, ten minutes well, for a day."""
    for _ in range(72):
        condition.finds("a")
        look()
        pass_time("10 minutes")
        condition.finds()
        look()
        pass_time("10 minutes")
        look()
    # 1, 2, 4 and 8 minutes of calm were had; 16 never again. Then reminders only.
    assert kinds(core).count("opened") == 5
    assert kinds(core).count("resolved") == 4
    assert kinds(core).count("reminder") <= 6


def test_the_calm_does_not_grow_for_ever(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    with core.begin() as connection:
        connection.execute(text("UPDATE alerts SET flaps = 1000"))
    condition.finds()
    look()
    pass_time("257 minutes")
    look()
    assert kinds(core) == ["opened", "resolved"]


def test_what_was_well_for_a_day_begins_anew(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    for _ in range(3):
        condition.finds("a")
        look()
        condition.finds()
        look()
        pass_time("61 seconds")
        look()
        pass_time("25 hours")
    assert kinds(core) == ["opened", "resolved"] * 3
    assert rows(core, "SELECT DISTINCT flaps FROM alerts") == [(0,)]


def test_what_gets_worse_is_told_at_once_and_what_gets_better_is_not(
    core: Engine, condition: Scripted, look: Look
) -> None:
    for severity in (Severity.WARNING, Severity.CRITICAL, Severity.WARNING):
        condition.finds("a", severity=severity)
        look()
    assert told(core) == [("opened", "warning"), ("worse", "critical")]
    condition.finds("a", severity=Severity.CRITICAL)
    assert look() == []


def test_who_has_taken_note_is_not_reminded_but_hears_of_the_end(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    with core.begin() as connection:
        connection.execute(text("UPDATE alerts SET acked_at = now(), acked_by = 'me'"))
    pass_time("3 days")
    assert look() == []
    condition.finds()
    look()
    pass_time("2 minutes")
    look()
    assert kinds(core) == ["opened", "resolved"]


def test_worse_than_what_was_noted_is_told_and_wants_another_note(
    core: Engine, condition: Scripted, look: Look
) -> None:
    condition.finds("a")
    look()
    with core.begin() as connection:
        connection.execute(text("UPDATE alerts SET acked_at = now(), acked_by = 'me'"))
    condition.finds("a", severity=Severity.CRITICAL)
    look()
    assert kinds(core) == ["opened", "worse"]
    assert one(core, "SELECT acked_at FROM alerts") is None


@pytest.mark.parametrize("target", ["scripted:a", "scripted", "all"])
def test_in_silence_nothing_is_told_and_afterwards_it_is(
    target: str, core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    silence(core, target)
    condition.finds("a")
    assert look() == []
    assert one(core, "SELECT count(*) FROM alerts WHERE state = 'open'") == 1
    pass_time("59 minutes")
    assert look() == []
    pass_time("2 minutes")
    assert len(look()) == 1
    assert kinds(core) == ["opened"]


def test_what_comes_and_goes_in_silence_is_never_told(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    silence(core, "scripted", "1 day")
    condition.finds("a")
    look()
    condition.finds()
    look()
    pass_time("2 minutes")
    look()
    assert rows(core, "SELECT state FROM alerts") == [("resolved",)]
    assert told(core) == []


def test_who_was_told_before_the_silence_hears_of_the_end(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    silence(core, "all", "1 day")
    pass_time("2 hours")
    assert look() == []
    condition.finds()
    look()
    pass_time("2 minutes")
    look()
    assert kinds(core) == ["opened", "resolved"]


def test_silence_over_one_thing_leaves_the_others(
    core: Engine, condition: Scripted, look: Look
) -> None:
    silence(core, "scripted:a")
    condition.finds("a", "b")
    look()
    assert one(core, "SELECT title FROM alert_messages").endswith("b is broken")


def test_the_end_reaches_who_heard_of_the_worst(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    """A way for critical ones alone must be told that it is over."""
    condition.finds("a", severity=Severity.CRITICAL)
    look()
    condition.finds("a", severity=Severity.WARNING)
    look()
    pass_time("2 hours")
    look()
    condition.finds()
    look()
    pass_time("2 minutes")
    look()
    assert told(core) == [
        ("opened", "critical"),
        ("reminder", "warning"),
        ("resolved", "critical"),
    ]


def test_what_is_calming_down_is_not_told_when_a_silence_ends(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    silence(core, "all", "30 seconds")
    condition.finds("a")
    look()
    condition.finds()
    look()
    pass_time("31 seconds")
    assert look() == []
    pass_time("61 seconds")
    assert look() == []
    assert told(core) == []


def test_a_condition_that_fails_once_is_nobodys_business(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    condition.error = ZeroDivisionError()
    look()
    pass_time("10 minutes")
    look()
    assert rows(core, "SELECT fingerprint, state FROM alerts") == [
        ("scripted:a", "open")
    ]
    condition.error = None
    look()
    assert kinds(core) == ["opened"]


def test_a_condition_that_fails_for_long_is_told_of_and_keeps_its_alerts(
    core: Engine, condition: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = Blind()
    monkeypatch.setattr(module, "CONDITIONS", (blind, condition))
    monkeypatch.setattr(module, "VITAL", (blind,))
    condition.finds("a")
    watch(core, settings())
    condition.error = ZeroDivisionError("secret@example.com")
    for seconds in range(0, 150, 15):
        failed_before(core, "15 seconds")
        watch(core, settings())
        found = one(core, "SELECT count(*) FROM alerts WHERE kind = 'blind'")
        # What a look cannot see, the next one can know.
        assert found == (seconds - 15 >= 90)
    assert rows(core, "SELECT state FROM alerts") == [("open",), ("open",)]
    assert "secret" not in str(rows(core, "SELECT * FROM alert_messages"))
    condition.error = None
    for _ in range(2):
        watch(core, settings())
    assert one(core, "SELECT absent_since FROM alerts WHERE kind = 'blind'")
    assert one(core, "SELECT count(*) FROM heartbeats WHERE name LIKE 'blind:%'") == 0


def test_a_condition_that_fails_now_and_then_is_not_told_of(
    core: Engine, condition: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONDITIONS", (Blind(), condition))
    for turn in range(30):
        condition.error = None if turn % 3 == 0 else ZeroDivisionError()
        failed_before(core, "15 seconds")
        watch(core, settings())
    assert one(core, "SELECT count(*) FROM alerts") == 0


def test_the_vital_are_asked_first_and_no_other_always_last(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Asked(Scripted):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.asks = lambda _: asked.append(name)

    conditions = [Asked(name) for name in "abcd"]
    monkeypatch.setattr(module, "CONDITIONS", tuple(conditions))
    monkeypatch.setattr(module, "VITAL", (conditions[2],))
    for _ in range(40):
        watch(core, settings())
    orders = ["".join(asked[at : at + 4]) for at in range(0, 160, 4)]
    assert {order[0] for order in orders} == {"c"}
    assert {order[-1] for order in orders} == {"a", "b", "d"}


def failed_before(engine: Engine, interval: str) -> None:
    """Let the failures so far have been so much earlier."""
    with engine.begin() as connection:
        by = f"interval '{interval}'"
        connection.execute(
            text(
                f"UPDATE heartbeats SET beat_at = beat_at - {by}, since = since - {by}"
                " WHERE name LIKE 'blind:%'"
            )
        )


def test_a_look_that_takes_too_long_leaves_the_rest_to_the_next(
    core: Engine,
    condition: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    condition.finds("a")
    watch(core, settings())
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    condition.finds()
    with core.begin() as connection:
        seen = look_at_all(connection, settings())
    assert seen.blind == {"scripted"}
    watch(core, settings())
    assert one(core, "SELECT absent_since FROM alerts") is None


def test_statements_of_a_look_are_short(core: Engine, condition: Scripted) -> None:
    asked: list[str] = []
    condition.asks = lambda connection: asked.append(
        connection.exec_driver_sql("SHOW statement_timeout").scalar_one()
    )
    watch(core, settings())
    assert asked == ["2s"]


@pytest.mark.parametrize("part", ["look", "stakes"])
def test_a_task_out_of_time_ends_and_changes_nothing(
    core: Engine, condition: Scripted, part: str
) -> None:
    condition.finds("a")

    def out_of_time(*_: object) -> None:
        raise SoftTimeLimitExceeded

    setattr(condition, part, out_of_time)
    with pytest.raises(SoftTimeLimitExceeded):
        watch(core, settings())
    assert one(core, "SELECT count(*) FROM alerts") == 0


def test_an_alert_of_a_condition_that_is_no_more_ends(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    with core.begin() as connection:
        connection.execute(
            text("UPDATE alerts SET kind = 'old', fingerprint = 'old:a'")
        )
    condition.finds()
    look()
    pass_time("2 minutes")
    look()
    assert rows(core, "SELECT state FROM alerts") == [("resolved",)]


def test_a_message_says_what_since_when_whom_and_what_to_type(
    core: Engine, condition: Scripted, look: Look
) -> None:
    condition.touches = Stakes(
        learners=12, money={"EUR": 48_000, "JPY": 5000}, capped=True
    )
    condition.finds(
        "a",
        summary="3 rows wait",
        since=datetime.now(UTC) - timedelta(hours=2, minutes=5, seconds=10),
        next_steps=("./paddlewheel deadletters list",),
        severity=Severity.CRITICAL,
        count=3,
    )
    look()
    title, body = rows(core, "SELECT title, body FROM alert_messages")[0]
    number = one(core, "SELECT id FROM alerts")
    assert title == "[local] CRITICAL: 3 rows wait"
    lines = body.splitlines()
    assert lines[0] == "3 rows wait"
    assert lines[1].startswith("Since 20")
    assert lines[1].endswith("that is 2 h 5 min. Count: 3.")
    assert lines[2] == "Touches at least 12 learners, 480.00 EUR and 5000 JPY."
    assert lines[3:5] == ["Do next:", "  ./paddlewheel deadletters list"]
    assert lines[5] == "Runbook: docs/runbooks/scripted.md"
    assert f"./paddlewheel alerts show {number}" in lines[6]


def test_hostile_names_stay_on_their_line_and_short(
    core: Engine, condition: Scripted, look: Look
) -> None:
    name = "\x1b[31m\r\n\u202e<script>alert(1)</script>\0\ud800" + "x" * 10_000
    condition.finds(name, summary=f"{name} is broken", next_steps=(name,))
    look()
    assert look() == []
    alert = rows(core, "SELECT fingerprint, subject, summary FROM alerts")[0]
    title, body = rows(core, "SELECT title, body FROM alert_messages")[0]
    assert max(len(part) for part in alert) < 600
    assert len(title) < 200
    assert len(body) < 3000
    for part in (*alert, title, *body.splitlines()):
        assert part.isprintable()
    assert "<script>" in title  # a text, which no way out may take for mark-up


def test_two_hostile_names_alike_at_first_are_two_alerts(
    core: Engine, condition: Scripted, look: Look
) -> None:
    condition.finds("x" * 10_000 + "1", "x" * 10_000 + "2")
    look()
    assert one(core, "SELECT count(*) FROM alerts") == 2
