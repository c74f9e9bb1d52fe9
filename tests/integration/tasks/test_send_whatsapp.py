"""``notifications.send`` over WhatsApp and mail: neither waits for the other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import pytest
from sqlalchemy import Engine

from tests import outgoing
from tests.factories import rows
from tests.fixtures.cloud_api import NUMBER_ID, TOKEN, CloudApi, fail
from tests.fixtures.mail_server import HANG, MailServer
from tests.integration.tasks.conftest import Desk
from worker.settings import Settings
from worker.work_tables import NOTIFICATIONS

NUMBER = "+4915199912345"
#: So long that no machine is too slow for one run; who hangs gets less.
LONG = {"soft_limit_seconds": 60, "hard_limit_seconds": 70, "lease_seconds": 80}
SHORT = {"soft_limit_seconds": 2.5}
DUE = "SELECT id FROM notifications WHERE state = 'pending' AND next_attempt_at < now()"


@pytest.fixture
def desk(
    engine: Engine,
    mail_server: MailServer,
    cloud_api: CloudApi,
    settings_of_tasks: Callable[..., Settings],
) -> Iterator[Desk]:
    config = settings_of_tasks(
        smtp_url=mail_server.url,
        whatsapp_token=TOKEN,
        whatsapp_phone_number_id=NUMBER_ID,
        whatsapp_api_url=f"{cloud_api.url}/v23.0",
        **LONG,
    )
    from tasks.send import Post  # noqa: PLC0415 (the app reads settings at import)

    with ExitStack() as opened:

        def make(config: Settings) -> Post:
            return opened.enter_context(Post(config))

        yield Desk(engine, NOTIFICATIONS, config, make)


def welcomes(desk: Desk, people: int) -> None:
    """Add a mail and a message over WhatsApp for each of some people."""
    with desk.engine.begin() as connection:
        for number in range(people):
            learner = outgoing.add_learner(connection)
            enrollment = outgoing.add_enrollment(connection, learner_id=learner)
            place = {"learner_id": learner, "enrollment_id": enrollment}
            outgoing.add_notification(connection, **place)
            key = f"welcome:{enrollment}:whatsapp"
            outgoing.add_notification(connection, **place, key=key, channel="whatsapp")
            outgoing.add_number(connection, learner, f"{NUMBER[:-1]}{number}")


def work_through(desk: Desk) -> None:
    """Do runs until nothing is due; who hangs may use up most of the first."""
    desk.work()
    while rows(desk.engine, DUE):
        desk.work()


def states(desk: Desk, channel: str) -> list[tuple[str, str | None]]:
    query = (
        "SELECT state, last_error FROM notifications"
        f" WHERE channel = '{channel}' ORDER BY id"
    )
    return [(state, error) for state, error in rows(desk.engine, query)]


def test_both_are_told(
    desk: Desk, mail_server: MailServer, cloud_api: CloudApi
) -> None:
    welcomes(desk, 2)
    assert desk.work().sentence() == "4 sent"
    assert len(mail_server.mails) == 2
    assert [one["to"] for one in cloud_api.taken] == [
        f"{NUMBER[:-1]}0",
        f"{NUMBER[:-1]}1",
    ]
    assert cloud_api.connections == 1


def test_mail_flows_while_whatsapp_cannot_be_reached(desk: Desk) -> None:
    welcomes(desk, 3)
    away = {"whatsapp_api_url": "http://127.0.0.1:9/v23.0"}
    desk.config = desk.config.model_copy(update=away)
    desk.work()
    assert states(desk, "mail") == [("sent", None)] * 3
    assert {state for state, _ in states(desk, "whatsapp")} == {"pending"}


def test_mail_flows_while_whatsapp_hangs(desk: Desk, cloud_api: CloudApi) -> None:
    welcomes(desk, 2)

    def hang(_request: BaseHTTPRequestHandler) -> None:
        cloud_api.over.wait()

    cloud_api.answer = hang
    desk.config = desk.config.model_copy(update=SHORT)
    work_through(desk)
    assert states(desk, "mail") == [("sent", None)] * 2
    assert cloud_api.taken == []
    assert "sent" not in [state for state, _ in states(desk, "whatsapp")]


def test_after_a_doubt_a_channel_rests_for_the_run(
    desk: Desk, cloud_api: CloudApi
) -> None:
    welcomes(desk, 3)

    def hang_up(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    cloud_api.confirm = hang_up
    desk.work()
    assert states(desk, "mail") == [("sent", None)] * 3
    waits = ("pending", "UnreachableError: the last message has no answer")
    assert states(desk, "whatsapp") == [("doubtful", None), waits, waits]
    assert len(cloud_api.taken) == 1


@pytest.mark.parametrize("step", ["greeting", "MAIL", "RCPT", "DATA"])
def test_whatsapp_flows_while_mail_hangs(
    desk: Desk, mail_server: MailServer, cloud_api: CloudApi, step: str
) -> None:
    welcomes(desk, 3)
    mail_server.faults[step] = HANG
    desk.config = desk.config.model_copy(update=SHORT)
    work_through(desk)
    assert states(desk, "whatsapp") == [("sent", None)] * 3
    assert {state for state, _ in states(desk, "mail")} == {"pending"}
    assert mail_server.mails == []


def test_a_token_that_is_over_makes_all_wait_and_none_die(
    desk: Desk, cloud_api: CloudApi
) -> None:
    welcomes(desk, 2)
    limit = NOTIFICATIONS.policy(desk.config).limit
    desk.set(f"failures = {limit - 1}", "channel = 'whatsapp'")
    cloud_api.answer = lambda request: fail(request, 401, 190)
    desk.work()
    assert (
        states(desk, "whatsapp")
        == [("pending", "RefusesUsError: answered 401, code 190")] * 2
    )
    assert len(cloud_api.asked) == 1
    cloud_api.answer = None
    assert desk.work_when_due().sentence() == "2 sent"


@pytest.mark.parametrize("code", [100, 131009, 132012])
def test_a_bad_message_dies_alone(desk: Desk, cloud_api: CloudApi, code: int) -> None:
    welcomes(desk, 2)

    def refuse_the_first(request: BaseHTTPRequestHandler) -> None:
        cloud_api.answer = None
        fail(request, 400, code)

    cloud_api.answer = refuse_the_first
    desk.work()
    said = f"PermanentError: answered 400, code {code}"
    assert states(desk, "whatsapp") == [("failed", said), ("sent", None)]


def test_a_number_where_nobody_is_gets_nothing_more(
    desk: Desk, cloud_api: CloudApi
) -> None:
    welcomes(desk, 1)
    cloud_api.answer = lambda request: fail(request, 400, 131026)
    desk.work()
    assert [state for state, _ in states(desk, "whatsapp")] == ["failed"]
    suppressed = rows(desk.engine, "SELECT channel, address FROM suppressions")
    assert suppressed == [("whatsapp", f"{NUMBER[:-1]}0")]


def test_what_waits_for_a_channel_that_is_out_lets_the_others_pass(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        for _ in range(40):
            outgoing.add_notification(connection)
    welcomes(desk, 1)
    config = desk.config.model_copy(update={"batch_rows": 10})
    desk.config = config.model_copy(update={"smtp_url": "smtp://127.0.0.1:9"})
    desk.work()
    assert states(desk, "whatsapp") == [("sent", None)]
    tried = "SELECT count(*) FROM notifications WHERE attempts > 0 AND channel = 'mail'"
    assert rows(desk.engine, tried) == [(10,)]
    desk.config = config
    desk.work_when_due()
    assert states(desk, "mail") == [("sent", None)] * 41
