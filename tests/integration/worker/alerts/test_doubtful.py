"""``doubtful``: told while nobody knows whether messages went out, per channel."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from models.alerts import Severity
from tests import outgoing
from tests.factories import one
from worker.alerts import doubtful as module
from worker.alerts.condition import Finding
from worker.alerts.doubtful import Doubtful
from worker.alerts.stakes import Stakes
from worker.notices.resending import confirm
from worker.settings import settings

Look = Callable[[], list[Finding]]
OLDEST = "SELECT min(finished_at) FROM notifications WHERE channel = 'mail'"


@pytest.fixture
def findings(core: Engine) -> Look:
    """Return a function that looks at this condition alone."""

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(Doubtful().look(connection, settings()))

    return look


def add(engine: Engine, channel: str = "mail", state: str = "doubtful") -> int:
    with engine.begin() as connection:
        row_id = outgoing.add_notification(connection, channel=channel, state=state)
        ended = text("UPDATE notifications SET finished_at = now() WHERE id = :id")
        connection.execute(ended, {"id": row_id})
    return row_id


@pytest.mark.parametrize("state", ["pending", "sending", "sent", "skipped", "failed"])
def test_messages_whose_end_is_known_are_no_trouble(
    core: Engine, findings: Look, state: str
) -> None:
    add(core, state=state)
    assert findings() == []


def test_each_channel_is_told_of_by_itself(core: Engine, findings: Look) -> None:
    for channel in ("mail", "mail", "whatsapp"):
        add(core, channel)

    mail, whatsapp = findings()

    assert mail.summary == "Nobody knows whether 2 messages over mail went out"
    assert (mail.subject, mail.count, mail.severity) == ("mail", 2, Severity.WARNING)
    assert mail.since == one(core, OLDEST)
    assert whatsapp.summary == "Nobody knows whether 1 message over whatsapp went out"
    assert whatsapp.subject == "whatsapp"
    with core.connect() as connection:
        assert Doubtful().stakes(connection, "mail") == Stakes(learners=2)


def test_many_are_counted_up_to_a_bound(
    core: Engine, findings: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_COUNTED", 2)
    for channel in ("mail", "mail", "mail", "whatsapp"):
        add(core, channel)

    mail, whatsapp = findings()

    assert mail.summary == "Nobody knows whether at least 2 messages over mail went out"
    assert whatsapp.count == 1


def test_the_watch_opens_one_alert_and_it_calms_when_all_is_decided(
    core: Engine, look: Callable[[], list[int]]
) -> None:
    doubts = [add(core), add(core)]
    assert len(look()) == 1
    assert look() == []
    alert = "SELECT subject || ' ' || count FROM alerts WHERE kind = 'doubtful'"
    assert one(core, alert) == "mail 2"

    with core.begin() as connection:
        confirm(connection, doubts, "in the server's log")
    look()
    assert one(core, "SELECT absent_since IS NOT NULL FROM alerts") is True
