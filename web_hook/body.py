"""Reading a body within bounds of size, time and memory.

uvicorn itself waits for a half-sent body for as long as it takes, and takes it at any
size.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

#: What Paddle's own kits read at most; its largest bodies have some 100 kB.
MAX_BODY_BYTES = 2 * 1024 * 1024
#: The sender gives up after 5 s too.
BODY_SECONDS = 5.0
#: Of all requests together, from the first byte to the answer.
MAX_HELD_BYTES = 64 * 1024 * 1024


#: ASGI extension: the whole body has come, so reading it cannot wait.
WHOLE: dict[str, dict[object, object]] = {"paddlewheel.whole": {}}


class BodyTooLargeError(Exception):
    """More than ``MAX_BODY_BYTES`` came, or were announced."""


class BodyTooSlowError(Exception):
    """The body was not there in time."""


class SenderGoneError(Exception):
    """The connection ended before the body did."""


class NoRoomError(Exception):
    """Too many bytes are held for other requests."""


class Room:
    """Counts the bytes of bodies in memory, of all requests together."""

    def __init__(self, limit_bytes: int = MAX_HELD_BYTES) -> None:
        """Begin with an empty room."""
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Take bytes in.

        Raises:
            NoRoomError: Nothing was taken.
        """
        if self.held_bytes + size_bytes > self._limit_bytes:
            raise NoRoomError
        self.held_bytes += size_bytes

    def give(self, size_bytes: int) -> None:
        """Let bytes go."""
        self.held_bytes -= size_bytes


class Body:
    """One body on its way in; holds its share of the room until ``release``."""

    def __init__(self, room: Room) -> None:
        """Begin without a byte."""
        self._room = room
        self._size_bytes = 0

    async def read(
        self, receive: Receive, announced_bytes: int, *, is_whole: bool = False
    ) -> bytes:
        """Read to the end.

        Args:
            receive: As ASGI gives it.
            announced_bytes: The content length, 0 where there is none.
            is_whole: Everything is here already.

        Raises:
            BodyTooLargeError: Raised before a byte more than the limit is read.
            BodyTooSlowError: It took longer than ``BODY_SECONDS``.
            SenderGoneError: The connection ended first.
            NoRoomError: Other requests hold too much.
        """
        if announced_bytes > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if is_whole:
            return await self._read(receive)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(receive)
        except TimeoutError:
            raise BodyTooSlowError from None

    def release(self) -> None:
        """Give the share of the room back."""
        self._room.give(self._size_bytes)
        self._size_bytes = 0

    async def _read(self, receive: Receive) -> bytes:
        chunks = []
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise SenderGoneError
            chunk = message.get("body", b"")
            if self._size_bytes + len(chunk) > MAX_BODY_BYTES:
                raise BodyTooLargeError
            self._room.take(len(chunk))
            self._size_bytes += len(chunk)
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
