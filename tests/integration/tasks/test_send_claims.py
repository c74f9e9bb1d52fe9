"""Messages whose claim was lost on the way: at most once, and never back in the queue."""

from datetime import timedelta

import pytest

from tests.fixtures.mail_server import MailServer
from tests.integration.tasks.conftest import Desk, claim, welcome
from worker import lifecycle
from worker.doubtful import mark_doubtful
from worker.errors import LostLeaseError
from worker.notices.sending import Sending
from worker.work_tables import NOTIFICATIONS


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


def begin(desk: Desk, lease: lifecycle.Lease, row_id: int) -> None:
    """Let a mail be about to go out."""
    with desk.engine.connect() as connection:
        message_id = f"<{row_id}@example.com>"
        Sending(connection, lease, row_id, message_id, timedelta(seconds=4)).begin()
