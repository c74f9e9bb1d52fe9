"""One HTTP POST to a destination, by hand.

By hand because a fault must cut the connection in the middle of a body, and because
one process has to deliver hundreds a second. Idle connections are reused for a moment
only: one that the receiver is about to close would lose a delivery that it never saw.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import httptools

#: Paddle gives a receiver five seconds
#: (https://developer.paddle.com/webhooks/respond-to-webhooks).
ANSWER_SECONDS = 5.0
REUSE_SECONDS = 1.0
READ_BYTES = 65_536
USER_AGENT = "Paddle"


class NoAnswerError(Exception):
    """No answer came in time, or the connection broke; the message says which."""


@dataclass
class Answer:
    """What the receiver answered."""

    status_code: int = 0
    content_type: str | None = None
    body: bytes = b""


@dataclass(frozen=True)
class Address:
    """Where a destination listens."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an ``http://`` address.

        Raises:
            ValueError: It is another kind of address.

        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            message = f"{url} is no http:// address; the local Paddle speaks no TLS"
            raise ValueError(message)
        path = parts.path or "/"
        return cls(
            parts.hostname, parts.port or 80, f"{path}?{parts.query}".rstrip("?")
        )


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0

    def is_fresh(self) -> bool:
        young = time.monotonic() - self.idle_since < REUSE_SECONDS
        return young and not self.reader.at_eof() and not self.writer.is_closing()


@dataclass
class _Reply:
    """Collects what the parser reports."""

    answer: Answer = field(default_factory=Answer)
    is_complete: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.answer.content_type = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self.answer.body += part

    def on_message_complete(self) -> None:
        self.is_complete = True


class Wire:
    """Connections to the destinations."""

    def __init__(self, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Begin with no connection."""
        self._answer_seconds = answer_seconds
        self._idle: dict[Address, deque[_Connection]] = {}

    async def post(self, url: str, body: bytes, signature: str) -> Answer:
        """Send a delivery and return the answer.

        Raises:
            NoAnswerError: None came within Paddle's five seconds.

        """
        address = Address.of(url)
        request = _head(address, len(body), signature) + body
        connection = None
        try:
            async with asyncio.timeout(self._answer_seconds):
                connection = await self._connect(address)
                connection.writer.write(request)
                await connection.writer.drain()
                answer, is_reusable = await _read(connection.reader)
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            _close(connection)
            raise NoAnswerError(type(error).__name__) from error
        except BaseException:
            _close(connection)
            raise
        self._release(address, connection, is_reusable=is_reusable)
        return answer

    async def cut(self, url: str, body: bytes, signature: str) -> None:
        """Send half of a delivery and hang up."""
        address = Address.of(url)
        request = _head(address, len(body), signature) + body[: len(body) // 2]
        try:
            async with asyncio.timeout(self._answer_seconds):
                _, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(request)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            raise NoAnswerError(type(error).__name__) from error

    def close(self) -> None:
        """Hang up all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.close()
        self._idle.clear()

    async def _connect(self, address: Address) -> _Connection:
        idle = self._idle.setdefault(address, deque())
        while idle:
            connection = idle.pop()
            if connection.is_fresh():
                return connection
            connection.writer.close()
        return _Connection(*await asyncio.open_connection(address.host, address.port))

    def _release(
        self, address: Address, connection: _Connection, *, is_reusable: bool
    ) -> None:
        if not is_reusable:
            connection.writer.close()
            return
        connection.idle_since = time.monotonic()
        self._idle.setdefault(address, deque()).append(connection)


def _close(connection: _Connection | None) -> None:
    if connection:
        connection.writer.close()


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    reply = _Reply()
    parser = httptools.HttpResponseParser(reply)
    while not reply.is_complete:
        part = await reader.read(READ_BYTES)
        if not part:
            message = "the receiver hung up"
            raise ConnectionResetError(message)
        parser.feed_data(part)
    reply.answer.status_code = parser.get_status_code()
    return reply.answer, parser.should_keep_alive()


def _head(address: Address, length: int, signature: str) -> bytes:
    return (
        f"POST {address.path} HTTP/1.1\r\n"
        f"Host: {address.host}:{address.port}\r\n"
        f"User-Agent: {USER_AGENT}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {length}\r\n"
        f"Paddle-Signature: {signature}\r\n\r\n"
    ).encode()
