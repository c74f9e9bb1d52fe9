"""Mail, for the suite of the channels' contract."""

from models.notices import NoticeKind
from tests.fixtures.mail_server import DROP, HANG, SLOW, MailServer
from tests.integration.worker.channels.conformance import PERSON, Fault
from worker.channels.contract import Message, Recipient
from worker.channels.letter import Words
from worker.channels.mail import Mail
from worker.channels.smtp import Route

SENDER = "The shop <shop@example.com>"
ADDRESS = f"{PERSON[1]}@example.com"
FAULTS = {
    Fault.BUSY: ("RCPT", f"451 4.7.1 <{ADDRESS}> ({PERSON[0]}) later"),
    Fault.REFUSED: ("content", f"554 5.7.1 {ADDRESS}: no"),
    Fault.NOBODY: ("RCPT", f"550 5.1.1 <{ADDRESS}> is unknown"),
    Fault.US: ("MAIL", "530 5.7.0 log in first"),
    Fault.SILENT: ("MAIL", HANG),
    Fault.SLOW: ("MAIL", SLOW),
    Fault.LOST: ("answer", DROP),
    Fault.MUTE: ("answer", HANG),
}


def message(number: int, address: str | None = None) -> Message:
    """Return a mail."""
    return Message(
        NoticeKind.WELCOME,
        f"welcome:{number}",
        f"<{number}@example.com>",
        Recipient(PERSON[0], address or ADDRESS, "en"),
        Words("subject", "text", "<p>text</p>"),
        {},
    )


class MailSide:
    """A mail server, misbehaving."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    def channel(self) -> Mail:
        return Mail(Route.of(self._server.url), SENDER)

    def nowhere(self) -> Mail:
        return Mail(Route.of("smtp://127.0.0.1:9"), SENDER)

    def message(self, number: int, address: str | None = None) -> Message:
        return message(number, address)

    def misbehave(self, fault: Fault | None) -> None:
        self._server.faults.clear()
        if fault is not None:
            step, what = FAULTS[fault]
            self._server.faults[step] = what

    def received(self) -> int:
        return len(self._server.mails)

    def connections(self) -> int:
        return self._server.connections

    def cut(self) -> None:
        self._server.cut_all()
