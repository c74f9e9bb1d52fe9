"""Every kind of message, over the wire, to people who call themselves anything."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler

import pytest
from sqlalchemy import Engine, text

from models.notices import NoticeKind
from tasks.remind import plan
from tests.factories import rows
from tests.fixtures.answering import KEY, Answering, reply
from tests.fixtures.mail_server import MailServer, content_of
from tests.integration.tasks.conftest import Desk
from tests.notices import BUYER, DUE, of_another, tell
from tests.subscriptions import subscription
from worker.notices.kinds import KINDS
from worker.settings import Settings
from worker.work_tables import NOTIFICATIONS

NAMES = {
    "controls": "Ada\r\nBcc: eve@evil.example\r\n\r\nbody\0\x08\x1b[31m",
    "html": "</p><script>alert(1)</script><img src=x onerror=alert(1)>",
    "right to left": "Ada \u202egnp.exe\u202c \u2066x\u2069 \u200fy",
    "10 kB": "x" * 10_000,
}
HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
]
PARTS = ["multipart/alternative", "text/plain", "text/html"]
#: Controls, what turns writing around, and a name of more than 80 letters: in no part.
UNSEEN = ("\0", "\x08", "\x1b", "\u202e", "\u2066", "\u200f", 81 * "x")
#: Words in the text, and elements in HTML.
ELEMENTS = ("<script", "<img")
LINKS = {
    "url": "https://example.com/a.pdf",
    "checkout": {"url": "https://example.com/b"},
}
#: What happens to a subscription: its learner is told of each step.
LIFE = (("active", -0.5), ("paused", -0.4), ("active", -0.3), ("canceled", -0.2))


@pytest.fixture
def desk(
    shop: Engine,
    mail_server: MailServer,
    answering: Answering,
    settings_of_tasks: Callable[..., Settings],
) -> Iterator[Desk]:
    """A shop that tells of everything; the provider knows every link."""

    def tell_links(request: BaseHTTPRequestHandler) -> None:
        reply(request, 200, {"data": LINKS})

    answering.answer = tell_links
    config = settings_of_tasks(
        smtp_url=mail_server.url,
        notify_on=",".join(KINDS),
        notify_checkout_hours=1,
        paddle_api_key=KEY,
        paddle_api_url=answering.url,
        # Nothing hangs here: a busy machine may take its time.
        soft_limit_seconds=60,
        hard_limit_seconds=70,
        lease_seconds=80,
    )
    from tasks.send import Post  # noqa: PLC0415 (the app reads settings at import)

    with ExitStack() as opened:

        def make(config: Settings) -> Post:
            return opened.enter_context(Post(config))

        yield Desk(shop, NOTIFICATIONS, config, make)


def call_everybody(engine: Engine, name: str) -> None:
    """Give learners and courses a name, as far as PostgreSQL holds it."""
    with engine.begin() as connection:
        for statement in ("learners SET name = :name", "courses SET title = :name"):
            values = {"name": name.replace("\0", "")}
            connection.execute(text(f"UPDATE {statement}"), values)


def read_back(server: MailServer) -> Iterator[tuple[list[str], EmailMessage]]:
    """Return envelope and mail, as they came over the wire."""
    for mail in server.mails:
        parsed = message_from_bytes(content_of(mail), policy=default)
        assert isinstance(parsed, EmailMessage)
        yield [str(to) for to in mail.rcpt_tos], parsed


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_kind_arrives_whole_whatever_people_call_themselves(
    desk: Desk, mail_server: MailServer, name: str
) -> None:
    for number, make in enumerate(DUE.values(), 1):
        tell(desk.engine, *of_another(number, [BUYER, *make()]))
    tell(desk.engine, BUYER)
    plan()
    for status, at in LIFE:
        period = at if status == "active" else None
        tell(desk.engine, subscription(status, at=at, period=period))
        call_everybody(desk.engine, name)
        desk.work()

    sent = rows(desk.engine, "SELECT kind FROM notifications WHERE state = 'sent'")
    assert {kind for (kind,) in sent} == set(NoticeKind)
    assert len(mail_server.mails) == len(sent)
    for recipients, mail in read_back(mail_server):
        assert mail.keys() == HEADERS
        assert not mail.defects
        assert [one.addr_spec for one in mail["To"].addresses] == recipients
        assert [part.get_content_type() for part in mail.walk()] == PARTS
        plain, html = (part.get_content() for part in mail.iter_parts())
        told = f"{mail['To']}{mail['Subject']}{plain}{html}"
        assert [one for one in UNSEEN if one in told] == []
        assert [one for one in ELEMENTS if one in html] == []
