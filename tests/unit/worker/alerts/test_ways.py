"""The ways out, against services that refuse, are late and lead elsewhere."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from models.alerts import MessageKind, Severity
from tests.fixtures.mail_server import DROP, HANG, MailServer, content_of
from tests.fixtures.platform import Platform, reply
from worker.alerts.delivery import UndeliveredError, deliver
from worker.alerts.inert import MOST_BODY_CHARS
from worker.alerts.ways import (
    Letter,
    check_ways,
    hand_over,
    letter_of,
    ways_of,
)
from worker.channels.deadline import Deadline
from worker.errors import SettingsError
from worker.processes.ports import free_port
from worker.settings import Settings

MakeSettings = Callable[..., Settings]
#: Stands where tokens stand in addresses.
CANARY = "xoxb4711canary"
LETTER = Letter("Mail is refused", "Since 12:00.\nDo next: look.", "failure")
HOSTILE = "<b>@everyone [pay](https://evil.example)</b>\x1b[31m\u202e\0"


def address(service: Platform, extra: str = "") -> str:
    return f"json://127.0.0.1:{service.port}/{CANARY}{extra}"


def away() -> str:
    return f"json://127.0.0.1:{free_port()}/{CANARY}"


def told(service: Platform) -> list[dict[str, Any]]:
    return [json.loads(hook.body) for hook in service.hooks]


def test_a_way_has_a_place_a_name_and_a_least_severity(
    make_settings: MakeSettings,
) -> None:
    urls = f"slack://{CANARY}/B/C, critical=PagerDuty://{CANARY}@key warning=json://h/x"
    ways = ways_of(make_settings(alert_urls=urls))
    assert [(way.label, way.min_severity) for way in ways] == [
        ("1 (slack)", Severity.INFO),
        ("2 (pagerduty)", Severity.CRITICAL),
        ("3 (json)", Severity.WARNING),
    ]
    assert ways[1].url.get_secret_value() == f"PagerDuty://{CANARY}@key"
    assert CANARY not in repr(ways)


def test_what_apprise_cannot_read_is_told_by_its_place(
    make_settings: MakeSettings,
) -> None:
    urls = f"json://127.0.0.1/x,nosuch://{CANARY},mailto://{CANARY}"
    with pytest.raises(SettingsError) as caught:
        check_ways(make_settings(alert_urls=urls))
    assert str(caught.value).splitlines() == [
        "ALERT_URLS: apprise cannot read number 2 (nosuch).",
        "ALERT_URLS: apprise cannot read number 3 (mailto).",
    ]


def test_what_apprise_can_read_is_fine(make_settings: MakeSettings) -> None:
    check_ways(make_settings(alert_urls="json://127.0.0.1/x,critical=discord://1/2"))
    check_ways(make_settings())


def test_the_first_way_that_takes_it_is_enough(
    platform: Platform, make_settings: MakeSettings
) -> None:
    ways = ways_of(make_settings(alert_urls=f"{address(platform)},{away()}"))
    delivered = deliver(ways, LETTER, Deadline(60))
    assert (delivered.way.label, delivered.refusals) == ("1 (json)", [])
    [message] = told(platform)
    assert message["title"] == "Mail is refused"
    assert message["message"] == "Since 12:00.\nDo next: look."
    assert message["type"] == "failure"


def test_when_the_first_is_down_the_second_takes_it_once(
    platform: Platform, make_settings: MakeSettings
) -> None:
    ways = ways_of(make_settings(alert_urls=f"{away()},{address(platform)}"))
    delivered = deliver(ways, LETTER, Deadline(60))
    assert delivered.way.label == "2 (json)"
    assert list(map(str, delivered.refusals)) == [
        "1 (json): no answer: ConnectionError"
    ]
    assert len(told(platform)) == 1


def test_when_all_are_down_each_is_named_with_its_reason(
    platform: Platform, make_settings: MakeSettings
) -> None:
    platform.answer = lambda request: reply(request, 503)
    ways = ways_of(make_settings(alert_urls=f"{away()},{address(platform)}"))
    with pytest.raises(UndeliveredError) as caught:
        deliver(ways, LETTER, Deadline(60))
    assert str(caught.value) == (
        "1 (json): no answer: ConnectionError; 2 (json): answered 503"
    )


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500, 503])
def test_anything_but_yes_is_a_no_and_no_redirect_is_followed(
    platform: Platform, make_settings: MakeSettings, status: int
) -> None:
    elsewhere = platform.url
    platform.answer = lambda request: reply(request, status, location=elsewhere)
    # An address may ask for repeats, and to call a failure none.
    url = address(platform, "?optional=yes&retry=3&wait=0.1")
    [way] = ways_of(make_settings(alert_urls=url))
    assert str(hand_over(way, LETTER, 60)) == f"1 (json): answered {status}"
    assert len(platform.hooks) == 1


def drip(request: BaseHTTPRequestHandler, service: Platform) -> None:
    """Answer a byte at a time: no time-out of a socket ever strikes."""
    with suppress(OSError):
        request.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not service.over.wait(0.05):
            request.wfile.write(b"x")
            request.wfile.flush()


def hang(request: BaseHTTPRequestHandler, service: Platform) -> None:
    service.over.wait(60)


@pytest.mark.parametrize("late", [drip, hang])
def test_a_way_that_hangs_is_given_up_however_slowly_it_speaks(
    platform: Platform,
    make_settings: MakeSettings,
    late: Callable[[BaseHTTPRequestHandler, Platform], None],
) -> None:
    platform.answer = lambda request: late(request, platform)
    [way] = ways_of(make_settings(alert_urls=address(platform, "?rto=60")))
    refusal = hand_over(way, LETTER, 2)
    assert refusal is not None
    assert refusal.reason.startswith("no answer")
    assert refusal.is_silent


def test_a_mail_goes_out_with_its_text_escaped(
    mail_server: MailServer, make_settings: MakeSettings
) -> None:
    url = f"mailto://127.0.0.1:{mail_server.port}?from=a@example.com&to=b@example.com"
    [way] = ways_of(make_settings(alert_urls=url))
    letter = letter_of(MessageKind.OPENED, Severity.WARNING, "A <b>title</b>", HOSTILE)
    assert hand_over(way, letter, 60) is None
    [mail] = mail_server.mails
    assert mail.rcpt_tos == ["b@example.com"]
    assert b"<b>" not in content_of(mail)


@pytest.mark.parametrize(
    ("step", "fault", "why"),
    [
        ("RCPT", "550 no such user", "answered 550"),
        ("DATA", "451 later", "answered 451"),
        ("EHLO", HANG, "no answer"),
    ],
)
def test_a_mail_server_that_says_no_is_a_no(
    mail_server: MailServer,
    make_settings: MakeSettings,
    step: str,
    fault: str,
    why: str,
) -> None:
    mail_server.faults[step] = fault
    url = f"mailto://127.0.0.1:{mail_server.port}?from=a@example.com&to=b@example.com"
    [way] = ways_of(make_settings(alert_urls=url))
    assert why in str(hand_over(way, LETTER, 2 if fault == HANG else 60))


@pytest.mark.parametrize(
    ("step", "is_doubtful"), [("EHLO", False), ("RCPT", False), ("answer", True)]
)
def test_from_the_text_on_a_mail_that_is_cut_short_may_have_been_taken(
    mail_server: MailServer,
    make_settings: MakeSettings,
    step: str,
    *,
    is_doubtful: bool,
) -> None:
    mail_server.faults[step] = DROP
    url = f"mailto://127.0.0.1:{mail_server.port}?from=a@example.com&to=b@example.com"
    [way] = ways_of(make_settings(alert_urls=url))
    refusal = hand_over(way, LETTER, 60)
    assert refusal is not None
    assert refusal.is_silent
    assert refusal.is_doubtful is is_doubtful


def test_a_request_without_an_answer_may_have_been_taken(
    platform: Platform, make_settings: MakeSettings
) -> None:
    platform.answer = lambda request: request.connection.shutdown(socket.SHUT_RDWR)
    urls = f"{address(platform)},{away()}"
    given = [
        hand_over(way, LETTER, 60) for way in ways_of(make_settings(alert_urls=urls))
    ]
    assert [(refusal.reason, refusal.is_doubtful) for refusal in given if refusal] == [
        ("no answer: ConnectionError", True),
        ("no answer: ConnectionError", False),
    ]


def test_a_mail_that_was_taken_needs_no_goodbye(
    mail_server: MailServer, make_settings: MakeSettings
) -> None:
    mail_server.before_answer = lambda: threading.Event().wait(2)
    mail_server.faults["goodbye"] = HANG
    url = f"mailto://127.0.0.1:{mail_server.port}?from=a@example.com&to=b@example.com"
    [way] = ways_of(make_settings(alert_urls=url))
    assert hand_over(way, LETTER, 60) is None
    assert len(mail_server.mails) == 1


def test_hostile_text_arrives_inert_and_cut(
    platform: Platform, make_settings: MakeSettings
) -> None:
    [way] = ways_of(make_settings(alert_urls=address(platform)))
    letter = letter_of(
        MessageKind.OPENED, Severity.INFO, f"{HOSTILE}\r\nX: y", HOSTILE + "a" * 10_000
    )
    assert hand_over(way, letter, 60) is None
    [message] = told(platform)
    assert len(message["message"]) == MOST_BODY_CHARS
    assert message["message"].endswith("…")
    for text in (message["title"], message["message"]):
        assert "\x1b" not in text
        assert "\0" not in text
        assert "\u202e" not in text
        assert "@everyone" not in text
        assert "<b>" not in text
        assert "](" not in text
    assert "\n" not in message["title"]


@pytest.mark.parametrize(
    ("kind", "severity", "look"),
    [
        (MessageKind.OPENED, Severity.INFO, "info"),
        (MessageKind.REMINDER, Severity.WARNING, "warning"),
        (MessageKind.WORSE, Severity.CRITICAL, "failure"),
        (MessageKind.RESOLVED, Severity.CRITICAL, "success"),
        (MessageKind.DIGEST, Severity.INFO, "info"),
    ],
)
def test_it_looks_as_much_as_it_matters(
    kind: MessageKind, severity: Severity, look: str
) -> None:
    assert letter_of(kind, severity, "Title", "Body").type == look


def test_no_secret_of_ours_is_told_to_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from worker.alerts.ways import _environment  # noqa: PLC0415 (tested by itself)

    monkeypatch.setenv("DATABASE_URL", CANARY)
    monkeypatch.setenv("ALERT_URLS", CANARY)
    monkeypatch.setenv("smtp_url", CANARY)
    monkeypatch.setenv("Paddle_Api_Key", CANARY)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    given = _environment()
    assert CANARY not in given.values()
    assert given["HTTPS_PROXY"] == "http://proxy.example"
