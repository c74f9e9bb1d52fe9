"""Every answer of the receiver, ready-made.

Paddle keeps and shows what it is answered, and so does whoever tries the door: a
refusal says the same whatever its reason, and nothing says what runs here.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, in the form in which ASGI sends it."""

    status: int
    body: bytes
    #: Ends the connection: for answers given before the request was read.
    is_last: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = ()
    start: MutableMapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Make the first message once."""
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
        ]
        if self.is_last:
            headers.append((b"connection", b"close"))
        message = {
            "type": "http.response.start",
            "status": self.status,
            "headers": headers,
        }
        object.__setattr__(self, "start", message)

    async def send(self, send: Send) -> None:
        """Send it whole."""
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})


STORED = Answer(200, b"ok\n")
REFUSED = Answer(400, b"refused\n")
TOO_SLOW = Answer(408, b"body too slow\n", is_last=True)
TOO_LARGE = Answer(413, b"body too large\n", is_last=True)
UNAVAILABLE = Answer(
    503,
    b"try again\n",
    headers=((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),),
)
#: The same, where the body was not read to its end.
UNAVAILABLE_AT_ONCE = Answer(
    503, UNAVAILABLE.body, is_last=True, headers=UNAVAILABLE.headers
)
NOT_FOUND = Answer(404, b"not found\n", is_last=True)
POST_ONLY = Answer(405, b"post only\n", is_last=True, headers=((b"allow", b"POST"),))
GET_ONLY = Answer(405, b"get only\n", is_last=True, headers=((b"allow", b"GET, HEAD"),))
HEALTHY = Answer(200, b"ok\n")
