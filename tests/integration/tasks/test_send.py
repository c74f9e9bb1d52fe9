"""``notifications.send`` against a mail server that misbehaves at every step."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests import outgoing
from tests.fixtures.answering import KEY, Answering, reply
from tests.fixtures.mail_server import DROP, HANG, MailServer, content_of
from tests.integration.tasks.conftest import Desk
from tests.notices import BUYER, purchase, tell
from worker import lifecycle
from worker.doubtful import mark_doubtful
from worker.errors import LostLeaseError, TransientError
from worker.notices.sending import Sending
from worker.settings import Settings
from worker.work_tables import NOTIFICATIONS, Claimant

INVOICE = "https://example.com/invoices/325-10566.pdf"
CONFIRMATION = "SELECT id FROM notifications WHERE kind = 'order_confirmation'"


@pytest.fixture
def desk(
    engine: Engine,
    mail_server: MailServer,
    settings_of_tasks: Callable[..., Settings],
) -> Iterator[Desk]:
    config = settings_of_tasks(smtp_url=mail_server.url)
    from tasks.send import Post  # noqa: PLC0415 (the app reads settings at import)

    with ExitStack() as opened:

        def make(config: Settings) -> Post:
            return opened.enter_context(Post(config))

        yield Desk(engine, NOTIFICATIONS, config, make)


def welcome(desk: Desk, **values: Any) -> int:
    """Add a mail that waits."""
    with desk.engine.begin() as connection:
        learner = outgoing.add_learner(connection, **values)
        return outgoing.add_notification(connection, learner_id=learner)


@pytest.mark.parametrize("state", ["ended", "suspended"])
def test_a_welcome_is_skipped_when_access_is_gone_before_its_turn(
    state: str, desk: Desk, mail_server: MailServer
) -> None:
    with desk.engine.begin() as connection:
        gone = outgoing.add_enrollment(connection, state=state, reason="refunded")
        outgoing.add_notification(connection, enrollment_id=gone)
    assert desk.work().sentence() == "1 skipped"
    assert mail_server.mails == []


def test_a_welcome_names_the_learner_and_the_course(
    desk: Desk, mail_server: MailServer
) -> None:
    with desk.engine.begin() as connection:
        ada = outgoing.add_learner(connection, name="Ada", email="ada@example.com")
        course = outgoing.add_course(connection, title="C & Co <1>")
        given = outgoing.add_enrollment(connection, learner_id=ada, course_key=course)
        row_id = outgoing.add_notification(
            connection, learner_id=ada, enrollment_id=given
        )
    tally = desk.work()
    [mail] = mail_server.mails
    message = message_from_bytes(content_of(mail), policy=default)
    plain, html = [part.get_content() for part in message.iter_parts()]
    assert tally.sentence() == "1 sent"
    assert mail.rcpt_tos == ["ada@example.com"]
    assert message["To"] == "Ada <ada@example.com>"
    assert message["Subject"] == "You have access to C & Co <1>"
    assert plain.splitlines()[0] == "Hello Ada,"
    assert "C & Co <1>" in plain
    assert "<strong>C &amp; Co &lt;1&gt;</strong>" in html
    assert desk.row(row_id).state == "sent"
    assert desk.row(row_id).message_id == message["Message-ID"]


def test_a_mail_is_sent_once_however_often_it_is_rung_for(
    desk: Desk, mail_server: MailServer
) -> None:
    welcome(desk)
    sentences = [desk.work().sentence() for _ in range(3)]
    assert sentences == ["1 sent", "nothing due", "nothing due"]
    assert len(mail_server.mails) == 1


@pytest.mark.parametrize(
    ("step", "fault", "error"),
    [
        ("greeting", HANG, "UnreachableError: the greeting: SMTPServerDisconnected"),
        ("greeting", DROP, "UnreachableError: the greeting: SMTPServerDisconnected"),
        ("greeting", "421 busy", "UnreachableError: the greeting: 421 busy"),
        ("EHLO", HANG, "UnreachableError: EHLO: SMTPServerDisconnected"),
        ("EHLO", DROP, "UnreachableError: EHLO: SMTPServerDisconnected"),
        ("MAIL", HANG, "TransientError: MAIL: SMTPServerDisconnected"),
        ("MAIL", DROP, "TransientError: MAIL: SMTPServerDisconnected"),
        ("MAIL", "450 later", "TransientError: MAIL: 450 later"),
        ("RCPT", HANG, "TransientError: RCPT: SMTPServerDisconnected"),
        ("RCPT", DROP, "TransientError: RCPT: SMTPServerDisconnected"),
        ("RCPT", "451 grey", "TransientError: RCPT: 451 grey"),
        ("RCPT", "nonsense", "TransientError: RCPT: -1"),
        ("DATA", HANG, "TransientError: DATA: SMTPServerDisconnected"),
        ("DATA", DROP, "TransientError: DATA: SMTPServerDisconnected"),
        ("DATA", "421 going", "TransientError: DATA: 421 going"),
        # Said after the whole mail, and still certain: it has not taken it.
        ("content", "451 full", "TransientError: the end of DATA: 451 full"),
    ],
)
def test_what_certainly_was_not_sent_is_tried_again(
    desk: Desk, mail_server: MailServer, step: str, fault: str, error: str
) -> None:
    row_id = welcome(desk)
    mail_server.faults[step] = fault
    assert desk.work().put_off == 1
    failed = desk.row(row_id)
    assert (failed.state, failed.failures, failed.crashes) == ("pending", 1, 0)
    assert failed.last_error.startswith(error)
    assert mail_server.mails == []
    mail_server.faults.clear()
    assert desk.work_when_due().sentence() == "1 sent"
    assert mail_server.message_ids == [desk.row(row_id).message_id]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("greeting", "554 no"),
        ("MAIL", "530 5.7.0 log in"),
        # Said after the beginning: the row goes back.
        ("content", "550 5.7.26 SPF"),
    ],
)
def test_no_mail_dies_of_a_server_that_does_not_take_us(
    desk: Desk, mail_server: MailServer, step: str, fault: str
) -> None:
    rows = [welcome(desk) for _ in range(2)]
    mail_server.faults[step] = fault
    desk.set("failures = 10000")
    assert desk.work().put_off == 2
    for row in map(desk.row, rows):
        assert (row.state, row.failures, row.crashes) == ("pending", 10000, 0)
        assert row.last_error.startswith("RefusesUsError: ")
        assert row.last_error.endswith(fault)
    assert mail_server.connections == 1
    mail_server.faults.clear()
    assert desk.work_when_due().sentence() == "2 sent"


@pytest.mark.parametrize(
    ("step", "fault"),
    [("content", HANG), ("content", DROP), ("answer", HANG), ("answer", DROP)],
)
def test_what_may_have_been_sent_is_doubtful_and_never_sent_again(
    desk: Desk, mail_server: MailServer, step: str, fault: str
) -> None:
    row_id = welcome(desk)
    mail_server.faults[step] = fault
    assert desk.work().sentence() == "1 doubtful"
    mail_server.faults.clear()
    assert desk.work_when_due().sentence() == "nothing due"
    assert desk.row(row_id).state == "doubtful"
    assert desk.row(row_id).reason == "the end of DATA: SMTPServerDisconnected"
    assert len(mail_server.mails) == (step == "answer")


def test_after_a_doubt_no_run_sends_until_the_rest_is_over(
    desk: Desk, mail_server: MailServer
) -> None:
    first, *others = [welcome(desk) for _ in range(3)]
    mail_server.faults["answer"] = DROP
    assert desk.work().sentence().startswith("1 doubtful, 2 retry")
    for _ in range(3):
        assert desk.work_when_due().put_off == 2
    assert len(mail_server.mails) == 1
    assert {desk.row(row).last_error for row in others} == {
        "UnreachableError: the last message has no answer"
    }

    desk.set("finished_at = finished_at - interval '1 min'", f"id = {first}")
    mail_server.faults.clear()
    assert desk.work_when_due().sentence() == "2 sent"
    assert len(mail_server.mails) == 3


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
def test_a_permanent_refusal_is_a_dead_letter_without_the_address(
    desk: Desk, mail_server: MailServer, step: str
) -> None:
    row_id = welcome(desk, email="grace.hopper@example.com")
    mail_server.faults[step] = "550 5.1.1 <Grace.Hopper@example.com> is unknown"
    tally = desk.work()
    failed = desk.row(row_id)
    with desk.engine.connect() as connection:
        letter = connection.execute(text("SELECT error FROM dead_letters")).scalar_one()
    assert list(tally.letters) == [f"notifications:{row_id}"]
    assert failed.state == "failed"
    assert "550 5.1.1 <…> is unknown" in failed.last_error
    assert "opper" not in failed.last_error + letter
    assert mail_server.mails == []


def test_a_server_that_drops_after_its_yes_has_said_yes(
    desk: Desk, mail_server: MailServer
) -> None:
    row_id = welcome(desk)
    mail_server.faults["goodbye"] = DROP
    assert desk.work().sentence() == "1 sent"
    assert desk.row(row_id).state == "sent"
    assert len(mail_server.mails) == 1


def test_a_refused_connection_is_tried_once_a_run(desk: Desk) -> None:
    rows = [welcome(desk) for _ in range(3)]
    desk.config = desk.config.model_copy(update={"smtp_url": "smtp://127.0.0.1:9"})
    assert desk.work().put_off == 3
    assert {desk.row(row).state for row in rows} == {"pending"}
    assert {desk.row(row).last_error for row in rows} == {
        "UnreachableError: connecting: ConnectionRefusedError"
    }


def test_a_hanging_server_is_waited_for_once_a_run(
    desk: Desk, mail_server: MailServer
) -> None:
    for _ in range(3):
        welcome(desk)
    mail_server.faults["EHLO"] = HANG
    assert desk.work().put_off == 3
    assert mail_server.connections == 1


def test_an_impossible_address_kills_its_own_row_only(
    desk: Desk, mail_server: MailServer
) -> None:
    bad = welcome(desk, email="a@b\r\nRCPT TO:<c@d>")
    good = welcome(desk)
    desk.work()
    assert desk.row(bad).state == "failed"
    assert desk.row(good).state == "sent"
    assert len(mail_server.mails) == 1


def test_a_kind_nobody_can_write_is_a_dead_letter(desk: Desk) -> None:
    row_id = welcome(desk)
    desk.set("kind = 'horoscope'")
    desk.work()
    assert desk.row(row_id).last_error == (
        "PermanentError: there is no horoscope to send over mail"
    )


def test_the_sweep_turns_only_overdue_sending_into_doubtful(desk: Desk) -> None:
    rows = [welcome(desk) for _ in range(3)]
    desk.set("state = 'sending', leased_until = now() - interval '1 s'")
    desk.set("leased_until = now() + interval '9 s'", f"id = {rows[1]}")
    desk.set("state = 'pending'", f"id = {rows[2]}")
    with desk.engine.begin() as connection:
        assert mark_doubtful(connection) == 1
    states = [desk.row(row).state for row in rows]
    assert states == ["doubtful", "sending", "pending"]


def test_what_was_declared_doubtful_stays_so_when_its_sender_wakes(
    desk: Desk, mail_server: MailServer
) -> None:
    row_id = welcome(desk)

    def oversleep() -> None:
        desk.set("leased_until = now() - interval '1 s'")
        with desk.engine.begin() as connection:
            mark_doubtful(connection)

    mail_server.before_answer = oversleep
    assert desk.work().sentence() == "nothing due"
    assert desk.row(row_id).state == "doubtful"
    assert len(mail_server.mails) == 1


@pytest.mark.parametrize("step", ["greeting", "MAIL", "RCPT", "DATA"])
def test_a_silent_server_is_waited_for_once_a_run(
    desk: Desk, mail_server: MailServer, step: str
) -> None:
    for _ in range(3):
        welcome(desk)
    mail_server.faults[step] = HANG
    lease = claim(desk, "here")
    post = desk.make(desk.config.model_copy(update={"soft_limit_seconds": 1}))
    said = []
    for row_id in lease.rows:
        with pytest.raises(TransientError) as raised:
            post(desk.engine, lease, row_id)
        said.append(str(raised.value))
    assert said[0].startswith(step if step != "greeting" else "the greeting")
    assert mail_server.connections == 1


def test_nothing_is_sent_for_a_row_that_was_taken_over(
    desk: Desk, mail_server: MailServer
) -> None:
    row_id = welcome(desk)
    lease = claim(desk, "frozen")
    desk.set("next_attempt_at = now()")
    assert desk.work().sentence() == "1 sent"
    before = desk.row(row_id)
    with pytest.raises(LostLeaseError):
        desk.make(desk.config)(desk.engine, lease, row_id)
    assert desk.row(row_id) == before
    assert len(mail_server.mails) == 1


def test_no_verdict_puts_a_sending_row_back(desk: Desk) -> None:
    row_id = welcome(desk)
    lease = claim(desk, "here")
    begin(desk, lease, row_id)
    with desk.engine.begin() as connection:
        assert lifecycle.hold(connection, lease) == []
    assert lifecycle.free_leases(desk.engine, NOTIFICATIONS, "here") == 0
    assert desk.row(row_id).state == "sending"


def claim(desk: Desk, task_id: str) -> lifecycle.Lease:
    who = Claimant(task_id, "here")
    lease = lifecycle.claim(desk.engine, NOTIFICATIONS, who, desk.config)
    assert lease is not None
    return lease


def begin(desk: Desk, lease: lifecycle.Lease, row_id: int) -> None:
    """Let a mail be about to go out."""
    with desk.engine.connect() as connection:
        message_id = f"<{row_id}@example.com>"
        Sending(connection, lease, row_id, message_id, timedelta(seconds=4)).begin()


def order(desk: Desk) -> int:
    """Add the confirmation of an order, which is due."""
    tell(desk.engine, BUYER, purchase())
    desk.set("state = 'skipped'", "kind = 'welcome'")
    with desk.engine.connect() as connection:
        return int(connection.execute(text(CONFIRMATION)).scalar_one())


def test_an_order_is_confirmed_with_its_invoice(
    core: Engine,
    desk: Desk,
    mail_server: MailServer,
    answering: Answering,
    settings_of_tasks: Callable[..., Settings],
) -> None:
    desk.config = settings_of_tasks(
        smtp_url=mail_server.url,
        notify_on="order_confirmation",
        paddle_api_key=KEY,
        paddle_api_url=answering.url,
        # Nothing hangs here: a busy machine may take its time.
        soft_limit_seconds=15,
        hard_limit_seconds=20,
        lease_seconds=30,
    )
    row_id = order(desk)
    answering.answer = lambda request: reply(request, 503)
    assert desk.work().put_off == 1
    # The provider's outage is none of the mail's: it is never counted out.
    assert (desk.row(row_id).state, desk.row(row_id).failures) == ("pending", 0)

    answering.answer = lambda request: reply(request, 200, {"data": {"url": INVOICE}})
    assert desk.work_when_due().sentence() == "1 sent"
    [mail] = mail_server.mails
    plain = message_from_bytes(content_of(mail), policy=default).get_body(("plain",))
    assert plain is not None
    assert INVOICE in plain.get_content()


def test_without_a_key_what_only_the_provider_knows_is_waited_for(
    core: Engine,
    desk: Desk,
    mail_server: MailServer,
    settings_of_tasks: Callable[..., Settings],
) -> None:
    desk.config = settings_of_tasks(
        smtp_url=mail_server.url, notify_on="order_confirmation"
    )
    row_id = order(desk)
    assert desk.work().put_off == 1
    assert desk.row(row_id).last_error == (
        "ApiRefusedError: there is no key for the provider's API"
    )
    assert mail_server.mails == []


def test_an_address_that_is_refused_for_good_hears_nothing_more(
    desk: Desk, mail_server: MailServer
) -> None:
    first = welcome(desk, email="gone@example.com")
    mail_server.faults["RCPT"] = "550 5.1.1 no such user"
    desk.work()
    mail_server.faults.clear()
    second = welcome(desk, email="Gone@example.com")
    desk.work()
    assert desk.row(first).state == "failed"
    assert (desk.row(second).state, desk.row(second).reason) == (
        "skipped",
        "suppressed",
    )
    assert mail_server.mails == []


def test_an_address_that_was_refused_is_not_asked_again_in_the_same_run(
    desk: Desk, mail_server: MailServer
) -> None:
    mail_server.faults["RCPT"] = "550 5.1.1 no such user"
    for _ in range(3):
        welcome(desk, email="gone@example.com")
    tally = desk.work()
    assert (tally.ended["skipped"], len(tally.letters)) == (2, 1)
