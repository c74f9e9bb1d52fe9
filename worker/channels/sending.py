"""The moment before the first byte of a request, and what becomes of its bytes after."""

import socket
from collections.abc import Callable, Mapping
from typing import Any

from worker.channels.deadline import Deadline

#: So long the system goes on delivering what was sent, to somebody who does not confirm
#: it: behind a partition it would do so for a quarter of an hour, the sender gone or not.
DELIVERY_SECONDS = 20
#: Only Linux can be told.
SOCKET_OPTIONS = (
    [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DELIVERY_SECONDS * 1000)]
    if hasattr(socket, "TCP_USER_TIMEOUT")
    else []
)
#: What httpcore calls that moment, whatever the version of HTTP.
_SENDING = ".send_request_headers.started"


def sent_within(
    deadline: Deadline, begin: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Return the extensions of a request that leaves in time or not at all.

    Whoever waits for it can give up, but not take it back: the name may still be looked
    up, and then the request would leave long after.

    Args:
        deadline: Until when it may leave; after that ``TimeoutError`` is raised.
        begin: Called when the connection stands, before the first byte goes out; what it
            raises leaves, with nothing sent.
    """

    def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith(_SENDING):
            deadline.left()
            begin()

    return {"trace": trace}
