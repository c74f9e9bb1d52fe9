"""One time for all ways, and who gets how much of it."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from models.alerts import Severity
from tests.fixtures.mail_server import MailServer
from tests.fixtures.platform import Platform
from worker.alerts.delivery import DOUBT_WAIT, UndeliveredError, deliver, shares
from worker.alerts.ways import Letter, Refusal, Way, ways_of
from worker.channels.deadline import Deadline
from worker.settings import Settings

MakeSettings = Callable[..., Settings]
LETTER = Letter("Mail is refused", "Since 12:00.", "failure")
WAY = Way(1, "json", Severity.INFO, SecretStr("json://127.0.0.1"))


def seconds(ways: int, failures: int) -> list[float]:
    """Return what each of 12 s gets where all are silent."""
    left, spent = 12.0, []
    for share in shares(ways, failures):
        spent.append(round(left * share, 6))
        left -= spent[-1]
    return spent


@pytest.mark.parametrize(
    ("ways", "failures", "expected"),
    [
        (0, 0, []),
        (1, 0, [12]),
        (1, 7, [12]),
        (2, 0, [9, 3]),
        (2, 1, [3, 9]),
        (2, 2, [9, 3]),
        (3, 0, [9, 1.5, 1.5]),
        (3, 1, [1.5, 9, 1.5]),
        (3, 5, [1.5, 1.5, 9]),
    ],
)
def test_each_way_has_its_turn_to_be_waited_for(
    ways: int, failures: int, expected: list[float]
) -> None:
    assert seconds(ways, failures) == expected


def test_a_slow_mail_server_is_not_taken_for_silent(
    mail_server: MailServer, platform: Platform, make_settings: MakeSettings
) -> None:
    # More than half of the time; of its three quarters the rest is for the start of
    # the process that asks.
    mail_server.before_answer = lambda: threading.Event().wait(8.1)
    mail = f"mailto://127.0.0.1:{mail_server.port}?from=a@example.com&to=b@example.com"
    other = f"json://127.0.0.1:{platform.port}/x"
    ways = ways_of(make_settings(alert_urls=f"{mail},{other}"))
    delivered = deliver(ways, LETTER, Deadline(16))
    assert (delivered.way.label, delivered.refusals) == ("1 (mailto)", [])
    assert len(mail_server.mails) == 1
    assert platform.hooks == []


@pytest.mark.parametrize(
    ("doubts", "wait"),
    [([False, False], timedelta()), ([False, True], DOUBT_WAIT)],
)
def test_what_one_way_may_have_taken_waits_for_longer(
    doubts: list[bool], wait: timedelta
) -> None:
    refusals = [Refusal(WAY, "no answer", is_doubtful=doubt) for doubt in doubts]
    assert UndeliveredError(refusals).wait_at_least == wait
