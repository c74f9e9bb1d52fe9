"""Messages on their way out: over the first way that takes them, once each."""

import json
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from models.alerts import MessageKind, Severity
from tests.factories import one, rows
from tests.fixtures.mail_server import DROP, MailServer
from tests.fixtures.platform import Platform, reply
from tests.integration.tasks.conftest import Desk
from worker import lifecycle
from worker.alerts.message import write_message
from worker.alerts.sender import Sender, SilentWays
from worker.processes.ports import free_port
from worker.settings import Settings
from worker.work_tables import ALERT_MESSAGES, Claimant

#: Stands where tokens stand in addresses.
CANARY = "xoxb4711canary"
#: Longer than usual: on a busy machine a way's share is soon used up by its start.
PATIENT = {
    "soft_limit_seconds": 25,
    "hard_limit_seconds": 30,
    "lease_seconds": 40,
    "retry_first_seconds": 60,
}
QUICK = {"lock_timeout_seconds": 2, "statement_timeout_seconds": 4}
Post = Callable[..., Desk]
ROW = "SELECT state, way, reason, failures, attempts FROM alert_messages WHERE id = :id"


@pytest.fixture
def post(engine: Engine, configured: Callable[..., Settings]) -> Post:
    """Return a function that opens the desk with these ways out."""

    def opened(*ways: str, **times: float) -> Desk:
        config = configured(alert_urls=",".join(ways), **{**PATIENT, **times})
        return Desk(engine, ALERT_MESSAGES, config, Sender)

    return opened


def here(service: Platform, path: str = CANARY) -> str:
    return f"json://127.0.0.1:{service.port}/{path}"


def nowhere() -> str:
    return f"json://127.0.0.1:{free_port()}/{CANARY}"


def mail(server: MailServer) -> str:
    return f"mailto://127.0.0.1:{server.port}?from=a@example.com&to=b@example.com"


def titles(service: Platform) -> list[str]:
    return [json.loads(hook.body)["title"] for hook in service.hooks]


def alert(engine: Engine, **values: Any) -> int:
    """Insert an open alert, and return its id."""
    with engine.begin() as connection:
        given = {"kind": "waiting", "state": "open", **values}
        statement = text("""
            INSERT INTO alerts (fingerprint, kind, subject, severity, summary,
              next_steps, since, state)
            VALUES (:kind, :kind, '', 'warning', 'It waits', '{}', now(), :state)
            RETURNING id
        """)
        return int(connection.execute(statement, given).scalar_one())


def message(
    engine: Engine, kind: MessageKind = MessageKind.OPENED, **values: Any
) -> int:
    """Write a message, and return its id."""
    with engine.begin() as connection:
        given: dict[str, Any] = {
            "key": f"alert:{values.get('alert_id', 0)}:{kind}",
            "kind": kind,
            "severity": Severity.WARNING,
            "title": f"It is {kind}",
            "body": "Do next: look.",
            **values,
        }
        written = write_message(connection, **given)
        assert written is not None
        return written


def resolve(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alerts SET state = 'resolved', resolved_at = now()")
        )


def test_the_first_way_is_enough(
    post: Post, engine: Engine, platform: Platform
) -> None:
    desk = post(here(platform), nowhere())
    row = message(engine)
    assert desk.work().sentence() == "1 sent"
    assert rows(engine, ROW, id=row) == [("sent", "1 (json)", None, 0, 1)]
    assert titles(platform) == ["It is opened"]


def test_when_the_first_way_is_down_the_second_takes_it_once(
    post: Post, engine: Engine, platform: Platform
) -> None:
    desk = post(nowhere(), here(platform))
    row = message(engine)
    with capture_logs() as logs:
        assert desk.work().sentence() == "1 sent"
    assert rows(engine, ROW, id=row) == [("sent", "2 (json)", None, 0, 1)]
    assert titles(platform) == ["It is opened"]
    [failed] = [line for line in logs if line["event"] == "alert_way_failed"]
    assert failed["way"] == "1 (json)"
    assert failed["reason"] == "no answer: ConnectionError"
    assert desk.work_when_due().sentence() == "nothing due"
    assert len(platform.hooks) == 1


def test_when_all_are_down_it_waits_and_is_sent_once_when_one_is_back(
    post: Post, engine: Engine, platform: Platform
) -> None:
    platform.answer = lambda request: reply(request, 503)
    desk = post(nowhere(), here(platform))
    row = message(engine)
    assert desk.work().put_off == 1
    assert rows(engine, ROW, id=row) == [("pending", None, None, 1, 1)]
    waits = "SELECT next_attempt_at > pending_since FROM alert_messages"
    assert one(engine, waits)
    assert one(engine, "SELECT last_error FROM alert_messages") == (
        "UndeliveredError: 1 (json): no answer: ConnectionError; 2 (json): answered 503"
    )
    platform.answer = lambda request: reply(request, 200)
    assert desk.work_when_due().sentence() == "1 sent"
    assert rows(engine, ROW, id=row) == [("sent", "2 (json)", None, 1, 2)]
    assert titles(platform) == ["It is opened"] * 2, "one refused, one taken"


def test_days_of_refusals_end_in_a_dead_letter(
    post: Post, engine: Engine, platform: Platform
) -> None:
    platform.answer = lambda request: reply(request, 400)
    desk = post(here(platform))
    row = message(engine)
    limit = ALERT_MESSAGES.policy(desk.config).limit
    desk.set(f"failures = {limit - 1}")
    assert list(desk.work().letters) == [f"alert_messages:{row}"]
    assert one(engine, "SELECT state FROM alert_messages") == "dead"
    assert rows(engine, "SELECT subject, error FROM dead_letters") == [
        (f"alert_messages:{row}", "1 (json): answered 400")
    ]


@pytest.mark.parametrize(
    ("severity", "way"),
    [
        (Severity.CRITICAL, "1 (json)"),
        (Severity.WARNING, "2 (json)"),
        (Severity.INFO, None),
    ],
)
def test_a_way_is_asked_from_its_least_severity_on(
    post: Post, engine: Engine, platform: Platform, severity: Severity, way: str | None
) -> None:
    desk = post(f"critical={here(platform)}", f"warning={here(platform)}")
    message(engine, severity=severity)
    desk.work()
    assert one(engine, "SELECT way FROM alert_messages") == way
    assert len(platform.hooks) == (way is not None)


def test_without_a_way_the_log_is_told_once(post: Post, engine: Engine) -> None:
    desk = post()
    row = message(engine, alert_id=alert(engine), severity=Severity.CRITICAL)
    with capture_logs() as logs:
        assert desk.work().sentence() == "1 sent"
        desk.work_when_due()
    why = "log and Sentry only"
    assert rows(engine, ROW, id=row) == [("sent", None, why, 0, 1)]
    [told] = [line for line in logs if line["event"] == "alert_told"]
    assert (told["log_level"], told["severity"], told["title"]) == (
        "warning",
        "critical",
        "It is opened",
    )


def test_the_log_is_told_before_any_way_and_not_again(
    post: Post, engine: Engine, platform: Platform
) -> None:
    platform.answer = lambda request: reply(request, 500)
    desk = post(here(platform))
    message(engine)
    with capture_logs() as logs:
        desk.work()
        desk.work_when_due()
        platform.answer = lambda request: reply(request, 200)
        desk.work_when_due()
    events = [line["event"] for line in logs]
    assert events == ["alert_told", *["alert_way_failed"] * 2, "alert_sent"]


def test_what_is_over_before_it_could_be_told_is_skipped_and_its_end_is_told(
    post: Post, engine: Engine, platform: Platform
) -> None:
    platform.answer = lambda request: reply(request, 500)
    desk = post(here(platform))
    about = alert(engine)
    opened = message(engine, alert_id=about)
    desk.work()
    resolve(engine)
    ended = message(engine, MessageKind.RESOLVED, alert_id=about)
    platform.answer = lambda request: reply(request, 200)
    assert desk.work_when_due().sentence() == "1 sent, 1 skipped"
    reason = "over before it could be told"
    assert rows(engine, ROW, id=opened) == [("skipped", None, reason, 1, 2)]
    assert rows(engine, ROW, id=ended) == [("sent", "1 (json)", None, 0, 1)]
    assert titles(platform) == ["It is opened", "It is resolved"]


def test_the_end_does_not_overtake_the_beginning_that_is_being_sent(
    post: Post, engine: Engine, platform: Platform
) -> None:
    desk = post(here(platform))
    about = alert(engine)
    opened = message(engine, alert_id=about)
    during: list[Any] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        if not during:
            # Another worker meanwhile: the alert ends, and its message is due.
            resolve(engine)
            ended = message(engine, MessageKind.RESOLVED, alert_id=about)
            during.append(desk.work().put_off)
            during.append(rows(engine, ROW, id=ended))
        reply(request, 200)

    platform.answer = answer
    assert desk.work().sentence() == "1 sent"
    assert during == [1, [("pending", None, None, 0, 1)]]
    assert rows(engine, ROW, id=opened) == [("sent", "1 (json)", None, 0, 1)]
    assert desk.work_when_due().sentence() == "1 sent"
    assert titles(platform) == ["It is opened", "It is resolved"]


def test_a_sender_that_died_holds_up_the_end_no_longer_than_its_lease(
    post: Post, engine: Engine, platform: Platform
) -> None:
    desk = post(here(platform))
    about = alert(engine)
    message(engine, alert_id=about)
    who = Claimant("died", "there")
    assert lifecycle.claim(engine, ALERT_MESSAGES, who, desk.config) is not None
    resolve(engine)
    message(engine, MessageKind.RESOLVED, alert_id=about)
    assert desk.work().put_off == 1
    desk.set("leased_until = now() - interval '1 s'", "lease_token IS NOT NULL")
    desk.set("next_attempt_at = now()", "kind = 'resolved'")
    assert desk.work().sentence() == "1 sent"
    assert desk.work_when_due().sentence() == "1 skipped"


def test_that_it_is_over_is_not_told_once_it_is_back(
    post: Post, engine: Engine, platform: Platform
) -> None:
    """Else the last word would be that it is over, while it goes on."""
    platform.answer = lambda request: reply(request, 500)
    desk = post(here(platform))
    first = alert(engine)
    resolve(engine)
    ended = message(engine, MessageKind.RESOLVED, alert_id=first)
    desk.work()
    second = alert(engine)
    desk.set("next_attempt_at = now()")
    platform.answer = lambda request: reply(request, 200)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alerts SET told_severity = 'warning' WHERE id = :id"),
            {"id": second},
        )
    message(engine, alert_id=second)
    assert desk.work().sentence() == "1 sent, 1 skipped"
    reason = "it is back, and that is told"
    assert rows(engine, ROW, id=ended) == [("skipped", None, reason, 1, 2)]
    assert titles(platform)[-1] == "It is opened"


def test_of_what_piled_up_while_all_were_down_one_message_is_sent(
    post: Post, engine: Engine, platform: Platform
) -> None:
    platform.answer = lambda request: reply(request, 500)
    desk = post(here(platform))
    about = alert(engine)
    opened = message(engine, alert_id=about)
    desk.work()
    desk.set("next_attempt_at = now() + interval '1 h'")
    reminder = message(engine, MessageKind.REMINDER, alert_id=about)
    with capture_logs() as logs:
        assert desk.work().sentence() == "1 skipped"
    assert "alert_told" in [line["event"] for line in logs]
    why = "an earlier message was still to be told"
    assert rows(engine, ROW, id=reminder) == [("skipped", None, why, 0, 1)]
    platform.answer = lambda request: reply(request, 200)
    assert desk.work_when_due().sentence() == "1 sent"
    assert rows(engine, ROW, id=opened) == [("sent", "1 (json)", None, 1, 2)]
    later = message(engine, MessageKind.REMINDER, alert_id=about, key="later")
    assert desk.work().sentence() == "1 sent"
    assert rows(engine, ROW, id=later) == [("sent", "1 (json)", None, 0, 1)]
    assert titles(platform) == ["It is opened"] * 2 + ["It is reminder"]


def test_what_got_worse_reaches_its_own_way_and_what_was_less_is_not_told_after(
    post: Post, engine: Engine, platform: Platform
) -> None:
    desk = post(f"critical={here(platform)}", nowhere())
    about = alert(engine)
    opened = message(engine, alert_id=about)
    assert desk.work().put_off == 1
    worse = message(
        engine, MessageKind.WORSE, alert_id=about, severity=Severity.CRITICAL
    )
    assert desk.work_when_due().sentence() == "1 sent, 1 skipped"
    assert rows(engine, ROW, id=opened) == [("skipped", None, "told as worse", 1, 2)]
    assert rows(engine, ROW, id=worse) == [("sent", "1 (json)", None, 0, 1)]
    assert titles(platform) == ["It is worse"]


def test_a_mail_server_that_takes_its_time_gets_it_once(
    post: Post, engine: Engine, mail_server: MailServer
) -> None:
    # Half of the soft limit.
    mail_server.before_answer = lambda: Event().wait(7)
    desk = post(mail(mail_server), **QUICK, soft_limit_seconds=14)
    row = message(engine)
    assert desk.work().sentence() == "1 sent"
    assert rows(engine, ROW, id=row) == [("sent", "1 (mailto)", None, 0, 1)]
    assert len(mail_server.mails) == 1


def test_what_a_service_may_have_is_not_sent_again_soon(
    post: Post, engine: Engine, mail_server: MailServer
) -> None:
    mail_server.faults["answer"] = DROP
    desk = post(mail(mail_server))
    message(engine)
    assert desk.work().put_off == 1
    waits = "SELECT next_attempt_at - now() > interval '4 min' FROM alert_messages"
    assert one(engine, waits)


def test_a_way_that_hangs_is_asked_once_and_then_after_the_others(
    post: Post, engine: Engine, platform: Platform
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/hang":
            platform.over.wait(60)
        else:
            reply(request, 200)

    platform.answer = answer
    desk = post(here(platform, "hang"), here(platform))
    silent: SilentWays = {}
    desk.make = partial(Sender, silent=silent)
    message(engine, key="digest:0")
    assert desk.work().sentence() == "1 sent"
    for number in range(1, 4):
        message(engine, key=f"digest:{number}")
    assert desk.work().sentence() == "3 sent"
    ways = "SELECT way, count(*) FROM alert_messages GROUP BY way"
    assert rows(engine, ways) == [("2 (json)", 4)]
    assert len(platform.hooks) == 5
    silent.update(dict.fromkeys(silent, 0.0))
    platform.answer = lambda request: reply(request, 200)
    last = message(engine, key="digest:4")
    assert desk.work().sentence() == "1 sent"
    assert desk.row(last).way == "1 (json)", "its minute is over"


def test_one_that_was_frozen_past_its_lease_changes_nothing(
    post: Post, engine: Engine, platform: Platform
) -> None:
    desk = post(here(platform))
    row = message(engine)
    who = Claimant("frozen", "here")
    lease = lifecycle.claim(engine, ALERT_MESSAGES, who, desk.config)
    assert lease is not None

    def answer(request: BaseHTTPRequestHandler) -> None:
        if len(platform.hooks) == 1:
            desk.work_when_due()
        reply(request, 200)

    platform.answer = answer
    assert Sender(desk.config)(engine, lease, row) is None
    after = desk.row(row)
    assert (after.state, after.attempts) == ("sent", 2)
    assert Sender(desk.config)(engine, lease, row) is None
    assert desk.row(row) == after


def test_no_address_is_found_in_rows_or_lines(
    post: Post,
    engine: Engine,
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    platform.answer = lambda request: reply(request, 401)
    unreadable = f"nosuch://{CANARY}"
    mail = (
        f"mailto://ops:{CANARY}@127.0.0.1:{free_port()}?from=a@b.example&to=a@b.example"
    )
    # Each way has its share, and none of them may run out of it here.
    times = {"soft_limit_seconds": 100, "hard_limit_seconds": 110, "lease_seconds": 120}
    desk = post(here(platform), nowhere(), unreadable, mail, **times)
    message(engine)
    limit = ALERT_MESSAGES.policy(desk.config).limit
    desk.set(f"failures = {limit - 1}")
    with capture_logs() as logs:
        desk.work()
    tables = ("alert_messages", "attempts", "dead_letters")
    kept = [one(engine, f"SELECT json_agg(t)::text FROM {table} t") for table in tables]
    assert "answered 401" in kept[1]
    assert "3 (nosuch): apprise cannot read it" in kept[1]
    assert "4 (mailto): no answer: ConnectionRefusedError" in kept[1]
    out, err = capfd.readouterr()
    for said in (
        *kept,
        json.dumps(logs, default=repr),
        caplog.text,
        out,
        err,
        repr(desk.config),
    ):
        assert CANARY not in said


def test_the_task_sends_what_is_due(
    post: Post, core: Engine, platform: Platform
) -> None:
    post(here(platform))
    row = message(core)
    from tasks.alert import send  # noqa: PLC0415 (the app reads settings at import)

    assert send.apply(args=([], 1)).get() == "1 sent"
    assert send.apply(args=([row], 1)).get() == "nothing due"
    assert rows(core, ROW, id=row) == [("sent", "1 (json)", None, 0, 1)]
    assert len(platform.hooks) == 1


def test_one_run_begins_few_and_rings_for_the_rest(
    post: Post, core: Engine, platform: Platform, broker: Redis
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        platform.over.wait(1.5)
        reply(request, 200)

    platform.answer = answer
    # A tenth, in which messages are begun, is over when the first one is taken.
    post(here(platform), soft_limit_seconds=12)
    message(core, key="digest:1")
    later = message(core, key="digest:2")
    from tasks.alert import send  # noqa: PLC0415 (the app reads settings at import)

    assert send.apply(args=([], 1)).get() == "1 sent"
    assert rows(core, ROW, id=later) == [("pending", None, None, 0, 0)]
    assert broker.llen("maintenance") == 1
    broker.flushdb()
    assert send.apply(args=([], 1)).get() == "1 sent"
    assert broker.llen("maintenance") == 0
