"""``notifications.send`` against a mail server that misbehaves at every step."""

from email import message_from_bytes
from email.policy import default

import pytest

from tests import outgoing
from tests.fixtures.mail_server import DROP, HANG, MailServer, content_of
from tests.integration.tasks.conftest import Desk, claim, welcome
from worker.errors import TransientError


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


def test_a_kind_nobody_can_write_is_a_dead_letter(desk: Desk) -> None:
    row_id = welcome(desk)
    desk.set("kind = 'horoscope'")
    desk.work()
    assert desk.row(row_id).last_error == (
        "PermanentError: there is no horoscope to send over mail"
    )


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
