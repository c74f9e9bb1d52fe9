"""A connection to the mail server, by the standard library, under one deadline."""

import io
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from worker.channels.deadline import Deadline, dial

PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
GREETING = 220
#: The server hangs up, after any command (RFC 5321, 3.8).
CLOSING = 421
#: What can be a reply at all (RFC 5321, 4.2.1).
REPLIES = range(200, 600)


@dataclass(frozen=True, slots=True)
class Route:
    """Where mail goes: ``SMTP_URL``, taken apart."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> "Route":
        """Take an address apart; the settings have checked its scheme."""
        parts = urlsplit(url)
        return cls(
            parts.scheme,
            parts.hostname or "localhost",
            parts.port or PORTS[parts.scheme],
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )


class Connection(smtplib.SMTP):
    """``smtplib`` with every wait bounded by one deadline, which may be moved."""

    def __init__(self, route: Route, deadline: Deadline) -> None:
        """Prepare; ``open`` connects."""
        # Without a name of our own smtplib asks the resolver, without a time-out.
        super().__init__(local_hostname="localhost")
        self._route = route
        # smtplib checks the certificate against the name its own constructor was given.
        self._host = route.host
        self.deadline = deadline
        #: What is being done, for messages.
        self.stage = "connecting"
        #: Whether the last command was answered, and not with a goodbye: only then can
        #: the next reply be that to the next command.
        self.in_step = False

    def open(self) -> None:
        """Connect, greet, secure and log in.

        Raises:
            OSError: The server cannot be reached or trusted.
            smtplib.SMTPException: It does not want us.
        """
        code, words = self.connect(self._route.host, self._route.port)
        if code != GREETING:
            raise smtplib.SMTPConnectError(code, words)
        self._name_ourselves()
        self.stage = "EHLO"
        self.ehlo_or_helo_if_needed()
        if self._route.scheme == "smtp+starttls":
            self.stage = "STARTTLS"
            self._limit()
            self.starttls(context=_tls())
            self.ehlo_or_helo_if_needed()
        if self._route.user is not None:
            self.stage = "AUTH"
            self.login(self._route.user, self._route.password or "")

    def leave(self) -> None:
        """Say goodbye without waiting for an answer: nothing depends on it."""
        with suppress(OSError, smtplib.SMTPException):
            self.putcmd("QUIT")
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply; the whole of it, and all before, by the deadline."""
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Received(self.sock, self))
        code, words = super().getreply()
        self.in_step = code in REPLIES and code != CLOSING
        return code, words

    def send(self, s: Any) -> None:  # noqa: ANN401 (as smtplib has it)
        """Send; ``sendall`` takes a time-out as the time for all."""
        self.in_step = False
        self._limit()
        super().send(s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del timeout
        plain = dial(host, port, self.deadline)
        self.stage = "the greeting"
        if self._route.scheme != "smtps":
            return plain
        plain.settimeout(self.deadline.left())
        return _tls().wrap_socket(plain, server_hostname=host)

    def _limit(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.deadline.left())

    def _name_ourselves(self) -> None:
        # RFC 5321 4.1.4: a client without a name of its own gives its address.
        address = str(self.sock.getsockname()[0]) if self.sock else "127.0.0.1"
        name = socket.gethostname()
        literal = f"IPv6:{address}" if ":" in address else address
        self.local_hostname = name if "." in name else f"[{literal}]"


class _Received(io.RawIOBase):
    """What a socket receives, up to the deadline of its connection."""

    def __init__(self, sock: socket.socket, connection: Connection) -> None:
        self._sock = sock
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (a writable buffer)
        self._sock.settimeout(self._connection.deadline.left())
        return self._sock.recv_into(buffer)


def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
