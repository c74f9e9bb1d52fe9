"""Mail over SMTP: one recipient a message, one connection for the messages of one run.

Until the content is on its way a failure is certain: nothing was delivered, it may be
tried again. A reply 4xx or 5xx after the content is as certain: the server has not
taken it (RFC 5321, 4.2.1). Everything else from there on is a doubt, because the
server may have it, and a mail goes out at most once.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterable
from typing import ClassVar, Self

import structlog
from billiard.exceptions import SoftTimeLimitExceeded

from models.outgoing import NotificationState
from worker.channels.codes import error_of, of_reply
from worker.channels.contract import Message
from worker.channels.deadline import Deadline
from worker.channels.errors import RefusesUsError, UnreachableError
from worker.channels.letter import Letter, write_letter
from worker.channels.replies import clean_words
from worker.channels.smtp import CLOSING, Connection, Route
from worker.errors import PaddlewheelError, PermanentError, TransientError
from worker.lifecycle import Ending
from worker.settings import Settings

log = structlog.get_logger()

#: Classes of replies: the first digit of the code (RFC 5321, 4.2.1).
DONE, REFUSED_NOW, REFUSED = 2, 4, 5
GO_AHEAD = 354
#: Where a refusal may be about the recipient.
END_OF_DATA = "the end of DATA"
AFTER_RCPT = {"RCPT", "DATA", END_OF_DATA}
#: A kept connection that says nothing for this share of the time is replaced; what
#: remains is enough for a new one.
SHARE_OF_RESET = 0.25


class Mail:
    """The mail server; see ``worker.channels.contract.Channel``."""

    #: A server does not look whether it had a Message-ID before.
    takes_key: ClassVar = False

    def __init__(self, route: Route, sender: str) -> None:
        """Prepare; nothing is opened yet."""
        self._route = route
        self._sender = sender
        self._kept: Connection | None = None

    @classmethod
    def of(cls, config: Settings) -> Self:
        """Send over the server of the settings."""
        return cls(Route.of(config.smtp_url), config.mail_from)

    def __enter__(self) -> Self:
        """Use it for one run; nothing is opened yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say goodbye."""
        self._hang_up()

    def deliver(
        self, message: Message, deadline: Deadline, begin: Callable[[], None]
    ) -> Ending:
        """Hand one message to the mail server; see the contract."""
        to = message.recipient
        letter = write_letter(
            self._sender, (to.name, to.address), message.message_id, message.words
        )
        return self.send(letter, deadline, begin)

    def send(
        self, letter: Letter, deadline: Deadline, begin: Callable[[], None]
    ) -> Ending:
        """Hand a letter over; ``begin`` is called just before DATA."""
        try:
            connection = self._approach(letter, deadline)
            begin()
            _ask_for_data(connection, letter)
            return _hand_over(connection, letter)
        finally:
            if self._kept is not None and not self._kept.in_step:
                self._hang_up()

    def _approach(self, letter: Letter, deadline: Deadline) -> Connection:
        """Go as far as the recipient's acceptance, by the kept connection if it lives.

        Servers close one after so many mails, or so much silence: not the mail's fault,
        and nothing of it is out, so one other connection is tried.
        """
        if self._kept is not None:
            try:
                _begin_anew(self._kept, deadline)
                _announce(self._kept, letter)
            except (OSError, smtplib.SMTPException) as error:
                sentence = _sentence(self._kept, error, letter)
                self._hang_up()
                if deadline.is_over:
                    raise TransientError(sentence) from None
            else:
                return self._kept
        self._kept = connection = Connection(self._route, deadline)
        try:
            connection.open()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            kind = RefusesUsError if _is_about_us(error) else UnreachableError
            raise kind(_sentence(connection, error, letter)) from None
        try:
            _announce(connection, letter)
        except (OSError, smtplib.SMTPException) as error:
            raise TransientError(_sentence(connection, error, letter)) from None
        return connection

    def _hang_up(self) -> None:
        if self._kept is not None:
            self._kept.leave()
            self._kept = None


def _is_about_us(error: Exception) -> bool:
    """Tell whether a server that was reached does not take us, before any mail."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code // 100 == REFUSED
    # No STARTTLS, no way to log in, a certificate nobody vouches for, or a password
    # that smtplib cannot send.
    unable = (
        smtplib.SMTPNotSupportedError,
        ssl.SSLCertVerificationError,
        UnicodeError,
    )
    return isinstance(error, unable) or type(error) is smtplib.SMTPException


def _begin_anew(connection: Connection, deadline: Deadline) -> None:
    """Let a kept connection forget the mail before, and show that it lives."""
    connection.stage = "RSET"
    connection.deadline = Deadline(deadline.left() * SHARE_OF_RESET)
    reply = connection.rset()
    connection.deadline = deadline
    if reply[0] // 100 != DONE:
        raise smtplib.SMTPResponseException(*reply)


def _announce(connection: Connection, letter: Letter) -> None:
    """Name sender and recipient.

    Raises:
        PaddlewheelError: The server refuses one of them.
        smtplib.SMTPException: The connection is gone.
    """
    options = _options(connection, letter)
    connection.stage = "MAIL"
    _expect_done(connection, connection.mail(letter.sender, options), letter)
    connection.stage = "RCPT"
    _expect_done(connection, connection.rcpt(letter.recipient), letter)


def _expect_done(
    connection: Connection, reply: tuple[int, bytes], letter: Letter
) -> None:
    if reply[0] == CLOSING:
        raise smtplib.SMTPResponseException(*reply)
    if reply[0] // 100 != DONE:
        raise refusal_of(connection.stage, reply, letter.secrets)


def _options(connection: Connection, letter: Letter) -> list[str]:
    if not letter.international:
        return []
    if not connection.has_extn("smtputf8"):
        message = "the address needs SMTPUTF8, which the mail server does not offer"
        raise PermanentError(message)
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _ask_for_data(connection: Connection, letter: Letter) -> None:
    """Announce the content. Nothing of it is sent yet, so a failure is certain."""
    connection.stage = "DATA"
    try:
        reply = connection.docmd("DATA")
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(_sentence(connection, error, letter)) from None
    if reply[0] != GO_AHEAD:
        raise refusal_of(connection.stage, reply, letter.secrets)


def _hand_over(connection: Connection, letter: Letter) -> Ending:
    """Send the content. From its first byte on only a reply gives certainty."""
    connection.stage = END_OF_DATA
    try:
        connection.send(dotted(letter.content))
        reply = connection.getreply()
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the mail may be out)
        reason = _sentence(connection, error, letter)
        log.warning("mail_in_doubt", error=reason)
        return Ending(NotificationState.DOUBTFUL, reason)
    kind = reply[0] // 100
    if kind == DONE:
        return Ending(NotificationState.SENT)
    if kind in {REFUSED_NOW, REFUSED}:
        raise refusal_of(connection.stage, reply, letter.secrets)
    return Ending(
        NotificationState.DOUBTFUL, f"{connection.stage}: not a reply of SMTP"
    )


def dotted(content: bytes) -> bytes:
    """Return the content as it travels, ended by a dot alone (RFC 5321, 4.5.2)."""
    stuffed = re.sub(rb"(?m)^\.", b"..", content)
    end = b"" if stuffed.endswith(b"\r\n") else b"\r\n"
    return stuffed + end + b".\r\n"


def refusal_of(
    stage: str, reply: tuple[int, bytes], secrets: Iterable[str]
) -> PaddlewheelError:
    """Return the error for a reply that is not the hoped-for one."""
    code, words = reply
    sentence = f"{stage}: {code} {clean_words(words, secrets)}".strip()
    return error_of(of_reply(code, words, named=stage in AFTER_RCPT), sentence)


def _sentence(connection: Connection, error: Exception, letter: Letter) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        raw = words if isinstance(words, bytes) else str(words).encode()
        return (
            f"{connection.stage}: {error.smtp_code} {clean_words(raw, letter.secrets)}"
        ).strip()
    return f"{connection.stage}: {type(error).__name__}"
