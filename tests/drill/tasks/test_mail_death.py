"""A process that is killed around DATA: a doubt where there is one, never two mails."""

import os
import signal
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests import outgoing
from tests.drill.tasks.conftest import Sender, StartSender
from tests.fixtures.mail_server import HANG, MailServer
from tests.fixtures.processes import eventually
from worker.doubtful import mark_doubtful

pytestmark = pytest.mark.drill
SHORT = {
    "lock_timeout_seconds": 0.8,
    "statement_timeout_seconds": 1.5,
    "soft_limit_seconds": 3.5,
    "hard_limit_seconds": 3.7,
    "lease_seconds": 4,
}
STATE = text("SELECT state FROM notifications")
DUE = text("""
UPDATE notifications SET next_attempt_at = now()
WHERE state = 'pending' AND leased_until < clock_timestamp()
""")
Send = Callable[[], Sender]


@pytest.fixture
def start_sending(
    engine: Engine,
    mail_server: MailServer,
    process_env: Callable[..., dict[str, str]],
    start_sender: StartSender,
) -> Send:
    """Return a function that starts a process which sends what is due."""
    environment = process_env(smtp_url=mail_server.url, **SHORT)
    with engine.begin() as connection:
        outgoing.add_notification(connection)
    return lambda: start_sender(environment)


def state(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(STATE).scalar_one())


def swept(engine: Engine) -> bool:
    """Do what the sweep does; tell whether it found a doubt."""
    with engine.begin() as connection:
        return mark_doubtful(connection) == 1


def test_killed_before_data_the_mail_is_sent_later(
    engine: Engine, mail_server: MailServer, start_sending: Send
) -> None:
    mail_server.faults["RCPT"] = HANG
    process = start_sending()
    eventually(lambda: mail_server.reached("RCPT"))
    process.kill()
    mail_server.faults.clear()
    assert state(engine) == "pending"

    def due() -> bool:
        with engine.begin() as connection:
            return connection.execute(DUE).rowcount == 1

    eventually(due)
    assert start_sending().wait() == 0
    assert state(engine) == "sent"
    assert len(mail_server.mails) == 1


@pytest.mark.parametrize(
    ("step", "mails"), [("DATA", 0), ("content", 0), ("answer", 1)]
)
def test_killed_while_sending_the_mail_is_doubtful(
    engine: Engine,
    mail_server: MailServer,
    start_sending: Send,
    step: str,
    mails: int,
) -> None:
    mail_server.faults[step] = HANG
    process = start_sending()
    eventually(lambda: mail_server.reached(step))
    process.kill()
    mail_server.faults.clear()
    assert state(engine) == "sending"
    assert not swept(engine), "its lease is not over"
    eventually(lambda: swept(engine))
    assert start_sending().wait() == 0
    assert state(engine) == "doubtful"
    assert len(mail_server.mails) == mails


def test_killed_between_the_yes_and_its_note_the_mail_is_doubtful(
    engine: Engine, mail_server: MailServer, start_sending: Send
) -> None:
    with engine.connect() as holder:

        def hold_the_row() -> None:
            holder.execute(text("SELECT id FROM notifications FOR UPDATE"))

        mail_server.before_answer = hold_the_row
        process = start_sending()
        assert mail_server.has_accepted.wait(60)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with engine.connect() as looker:
            eventually(lambda: looker.execute(waiting).scalar_one())
        process.kill()
        holder.rollback()
    assert state(engine) == "sending"
    eventually(lambda: swept(engine))
    assert start_sending().wait() == 0
    assert state(engine) == "doubtful"
    assert len(mail_server.mails) == 1


def test_frozen_past_its_lease_the_sender_changes_nothing(
    engine: Engine, mail_server: MailServer, start_sending: Send
) -> None:
    thawed = threading.Event()
    mail_server.before_answer = lambda: thawed.wait(60)
    process = start_sending()
    assert mail_server.has_accepted.wait(60)
    os.kill(process.pid, signal.SIGSTOP)
    eventually(lambda: swept(engine))
    thawed.set()
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait() == 0
    assert state(engine) == "doubtful"
    assert len(mail_server.mails) == 1
