"""Alerts as operators see them, and what they decide about them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from models.alerts import AlertState, MessageKind, MessageState, Severity
from tests.alerts import add_alert, add_message, add_silence
from tests.factories import one, rows
from worker.alerts.operator import OperatorError
from worker.audit import actor
from worker.cli.alerts import group
from worker.cli.output import WIDTH

Run = Callable[..., Result]
HOSTILE = "[red]\u001b]0;owned\u0007 \u202e" + "x" * 300
ACTIONS = "SELECT action, target, detail FROM operator_actions ORDER BY id"


@pytest.fixture
def run(core: Engine) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core
    return lambda *words: CliRunner().invoke(
        group, [str(word) for word in words], catch_exceptions=False
    )


def alert(engine: Engine, **values: Any) -> int:
    with engine.begin() as connection:
        return add_alert(connection, **values)


def over(engine: Engine, **values: Any) -> int:
    now = datetime.now(UTC)
    return alert(engine, state=AlertState.RESOLVED, resolved_at=now, **values)


def listed(run: Run, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("list", "--json", *words).output)
    return found


def test_nothing_open_is_said_so(run: Run) -> None:
    result = run("list")

    assert result.exit_code == 0
    assert "No alerts" in result.output


def test_open_alerts_are_listed_the_worst_first_and_over_ones_on_demand(
    run: Run, core: Engine
) -> None:
    ended = over(core)
    warning = alert(core)
    critical = alert(core, severity=Severity.CRITICAL)

    assert [found["id"] for found in listed(run)] == [critical, warning]
    assert [found["id"] for found in listed(run, "--all")] == [critical, warning, ended]


def test_never_more_than_two_hundred_are_listed(run: Run, core: Engine) -> None:
    with core.begin() as connection:
        for _ in range(150):
            add_alert(connection)
        now = datetime.now(UTC)
        for _ in range(60):
            add_alert(connection, state=AlertState.RESOLVED, resolved_at=now)

    assert len(listed(run)) == 150
    assert len(listed(run, "--all")) == 200


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ({}, "told"),
        ({"told_severity": None}, "not told yet"),
        ({"acked_at": datetime.now(UTC), "acked_by": "ada"}, "acked by ada"),
        ({"absent_since": datetime.now(UTC)}, "calming down"),
    ],
)
def test_the_list_says_who_knows(
    run: Run, core: Engine, values: dict[str, Any], known: str
) -> None:
    alert(core, **values)

    assert known in run("list").output


@pytest.mark.parametrize("target", ["waiting:x", "waiting", "all"])
def test_the_list_says_what_is_silenced(run: Run, core: Engine, target: str) -> None:
    alert(core, subject="x")
    with core.begin() as connection:
        add_silence(connection, target)

    assert "silent till" in run("list").output


def test_a_hostile_name_neither_steers_nor_breaks_the_page(
    run: Run, core: Engine
) -> None:
    found = alert(core, summary=HOSTILE, subject=HOSTILE, next_steps=[HOSTILE])

    for words in (("list",), ("show", found)):
        output = run(*words).output
        assert not {"\x1b", "\x07", "\u202e"} & set(output)
        assert "[red]" in output
    assert max(map(len, run("list").output.splitlines())) <= WIDTH


def test_all_of_an_alert_is_shown(run: Run, core: Engine) -> None:
    at = datetime.now(UTC)
    found = alert(
        core,
        severity=Severity.CRITICAL,
        subject="inbox",
        count=1_234,
        peak=5_678,
        flaps=2,
        reminders=3,
        remind_at=at + timedelta(hours=1),
        next_steps=["./paddlewheel status", "Ask the host."],
    )
    with core.begin() as connection:
        add_silence(connection, "all", reason="moving house")
        add_message(connection, alert_id=found, way="1 slack", state=MessageState.SENT)
        add_message(
            connection,
            alert_id=found,
            kind=MessageKind.REMINDER,
            failures=2,
            last_error="OddError",
        )

    output = run("show", found).output

    for words in (
        "critical waiting",
        "Something waits.",
        "1,234, at most 5,678",
        "came back  2 times",
        "3 reminders, the next",
        "moving house",
        "touches",
        "docs/runbooks/waiting.md",
        "Ask the host.",
        "1 slack",
        "OddError",
        f"./paddlewheel alerts ack {found}",
    ):
        assert words in output


def test_all_of_an_alert_is_there_for_programs(run: Run, core: Engine) -> None:
    found = alert(core, kind="nobody-watches-this", subject="")
    with core.begin() as connection:
        add_message(connection, alert_id=found)
        add_silence(connection, "nobody-watches-this")
        add_silence(connection, "something-else")

    page = json.loads(run("show", found, "--json").output)

    assert page["fingerprint"] == "nobody-watches-this"
    assert page["stakes"] == {
        "learners": 0,
        "money": {},
        "unknown": 0,
        "capped": False,
    }
    assert [message["state"] for message in page["messages"]] == ["pending"]
    assert [silence["target"] for silence in page["silences"]] == [
        "nobody-watches-this"
    ]


@pytest.mark.parametrize(
    "words", [("show", 7), ("ack", 7), ("silence", 7, "--for", "1h", "--reason", "x")]
)
def test_an_unknown_alert_is_a_sentence(run: Run, words: tuple[object, ...]) -> None:
    with pytest.raises(OperatorError, match="There is no alert 7"):
        run(*words)


def test_taking_note_is_on_record(run: Run, core: Engine) -> None:
    found = alert(core, subject="x")

    result = run("ack", found, "--note", "I am on it")

    assert f"Alert {found} is acked by {actor()}" in result.output
    assert one(core, "SELECT acked_by FROM alerts") == actor()
    assert rows(core, ACTIONS) == [
        (
            "alert acked",
            "waiting:x",
            {"alert": found, "severity": "warning", "note": "I am on it"},
        )
    ]


def test_who_comes_second_hears_who_was_first(run: Run, core: Engine) -> None:
    found = alert(core, acked_at=datetime.now(UTC), acked_by="grace")

    result = run("ack", found)

    assert result.exit_code == 0
    assert "was acked already, by grace" in result.output
    assert one(core, "SELECT acked_by FROM alerts") == "grace"
    assert rows(core, ACTIONS) == []


def test_what_is_over_cannot_be_acked(run: Run, core: Engine) -> None:
    found = over(core)

    with pytest.raises(OperatorError, match=f"Alert {found} is over"):
        run("ack", found)
    assert one(core, "SELECT acked_at FROM alerts") is None


def test_an_alert_s_number_stands_for_its_fingerprint(run: Run, core: Engine) -> None:
    found = over(core, subject="x")

    result = run("silence", found, "--for", "2h", "--reason", "known")

    assert "nobody is told of waiting:x until" in result.output
    ((target, reason, who, hours),) = rows(
        core,
        "SELECT target, reason, actor, extract(epoch FROM until - created_at) / 3600"
        " FROM alert_silences",
    )
    assert (target, reason, who, float(hours)) == ("waiting:x", "known", actor(), 2)
    ((action, on, detail),) = rows(core, ACTIONS)
    assert (action, on, detail["reason"]) == ("alerts silenced", "waiting:x", "known")


@pytest.mark.parametrize("target", ["waiting", "all"])
def test_a_kind_or_all_can_be_silenced(run: Run, core: Engine, target: str) -> None:
    result = run("silence", target, "--for", "30m", "--reason", "known", "--json")

    assert json.loads(result.output)["target"] == target
    assert one(core, "SELECT target FROM alert_silences") == target


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense", "--for", "2h", "--reason", "x"), "Nothing is called that"),
        (("9" * 40, "--for", "2h", "--reason", "x"), "Nothing is called that"),
        (("all", "--for", "2h"), "Say what, for how long and why"),
        (("all", "--for", "2h", "--reason", " "), "Say what, for how long and why"),
        (("all", "--reason", "x"), "Say what, for how long and why"),
        ((), "Say what, for how long and why"),
    ],
)
def test_a_silence_that_cannot_be_is_a_sentence(
    run: Run, core: Engine, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(OperatorError, match=said):
        run("silence", *words)
    assert one(core, "SELECT count(*) FROM alert_silences") == 0


def test_a_silence_can_be_ended_once(run: Run, core: Engine) -> None:
    with core.begin() as connection:
        found = add_silence(connection, "all")
    assert json.loads(run("silence", "--list", "--json").output)[0]["id"] == found

    assert "all is told of again" in run("unsilence", found).output

    assert json.loads(run("silence", "--list", "--json").output) == []
    assert "Nothing is silenced" in run("silence", "--list").output
    assert rows(core, ACTIONS) == [("silence ended", "all", {"silence": found})]
    with pytest.raises(OperatorError, match="over already"):
        run("unsilence", found)
    with pytest.raises(OperatorError, match="There is no silence"):
        run("unsilence", found + 1)


def test_silences_are_listed_with_their_reason(run: Run, core: Engine) -> None:
    with core.begin() as connection:
        add_silence(connection, "all", reason="moving house", actor="grace")
        ended = datetime.now(UTC) - timedelta(seconds=1)
        add_silence(connection, "waiting", reason="long ago", until=ended)

    output = run("silence", "--list").output

    assert "moving house" in output
    assert "grace" in output
    assert "long ago" not in output


def test_a_digest_is_printed_and_nothing_sent(run: Run, core: Engine) -> None:
    output = run("digest", "--day", "2026-01-05").output

    assert "nothing happened and nothing waits" in output
    assert one(core, "SELECT count(*) FROM alert_messages") == 0


def test_without_a_day_it_is_yesterday_s(run: Run, core: Engine) -> None:
    told = json.loads(run("digest", "--json").output)

    yesterday = one(core, "SELECT ((now() AT TIME ZONE 'UTC')::date - 1)::text")
    assert told["day"] == yesterday


@pytest.mark.parametrize(
    ("day", "said"),
    [("yesterday", "Write the day as"), ("9999-01-01", "has not begun yet")],
)
def test_a_day_that_is_none_is_a_sentence(run: Run, day: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        run("digest", "--day", day)


def test_who_sees_what_is_told_does_not_wait_for_the_stakes(
    run: Run, core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def stakes(self, connection: Any, subject: str) -> None:
            connection.execute(text("SELECT 1 / 0"))

    monkeypatch.setattr("worker.alerts.asking.BY_KIND", {"waiting": Broken()})
    found = alert(core)

    # Without the whole command nobody has sent the log to standard error.
    with capture_logs():
        assert "could not be found out" in run("show", found).output
        assert json.loads(run("show", found, "--json").output)["stakes"] is None


def test_the_ways_out_can_be_tried(run: Run) -> None:
    result = run("test", "--json")

    assert (result.exit_code, json.loads(result.output)) == (0, [])


def test_what_no_way_has_taken_yet_is_not_told(run: Run, core: Engine) -> None:
    found = alert(core)
    with core.begin() as connection:
        message = add_message(connection, alert_id=found)
    assert "not told yet" in run("list").output
    assert "nobody yet" in run("show", found).output
    with core.begin() as connection:
        connection.execute(
            text("UPDATE alert_messages SET state = 'sent' WHERE id = :id"),
            {"id": message},
        )
    assert "not told yet" not in run("list").output
    assert "nobody yet" not in run("show", found).output
