"""Addresses that are none, or that the mail server refuses."""

import pytest
from sqlalchemy import text

from tests.fixtures.mail_server import MailServer
from tests.integration.tasks.conftest import Desk, welcome


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


def test_an_impossible_address_kills_its_own_row_only(
    desk: Desk, mail_server: MailServer
) -> None:
    bad = welcome(desk, email="a@b\r\nRCPT TO:<c@d>")
    good = welcome(desk)
    desk.work()
    assert desk.row(bad).state == "failed"
    assert desk.row(good).state == "sent"
    assert len(mail_server.mails) == 1


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
