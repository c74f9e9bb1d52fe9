"""One end for a whole conversation, however slowly the other side speaks.

Time-outs of sockets start anew with each byte, so a server that sends one byte a
second is never too late for them. What cannot be bounded from inside (the resolver
knows no time-out at all) is done on a thread that is not waited for.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from worker.settings import Settings

T = TypeVar("T")

#: Rows are begun during the first half of the soft limit (worker.drain); this share of
#: it is for the last one, and a tenth remains for writing down the result.
SHARE_OF_ONE_ROW = 0.4
#: An alert gets more: its services may be slow, and few rows are begun in one run, all
#: of them in the first tenth of it.
SHARE_TO_BEGIN_ALERTS = 0.1
SHARE_OF_ONE_ALERT = 0.8

#: What ``socket.getaddrinfo`` gives for each address: family, type, protocol, name,
#: and the address itself, whose shape depends on the family.
Address = tuple[Any, ...]


class Deadline:
    """A moment by which all must be over."""

    def __init__(self, seconds: float) -> None:
        """Set it so many seconds from now."""
        self._at = time.monotonic() + seconds

    @classmethod
    def of_one_row(cls, config: Settings) -> "Deadline":
        """Set it so that a row begun as late as can be still ends in good time."""
        return cls(config.soft_limit_seconds * SHARE_OF_ONE_ROW)

    @classmethod
    def of_one_alert(cls, config: Settings) -> "Deadline":
        """Set it so that services that take their time can still answer."""
        return cls(config.soft_limit_seconds * SHARE_OF_ONE_ALERT)

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._at

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            message = "the time is over"
            raise TimeoutError(message)
        return seconds


def within(deadline: Deadline, work: Callable[[], T]) -> T:
    """Do something that knows no deadline of its own, on a thread; wait no longer.

    What is not over by then goes on unheeded, until its own time-outs end it.

    Raises:
        TimeoutError: It is not over.
    """
    results: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (raised again by the waiter)
            problems.append(error)

    thread = threading.Thread(target=run, daemon=True, name="within")
    thread.start()
    thread.join(deadline.left())
    if problems:
        raise problems[0]
    if not results:
        message = "not over in time"
        raise TimeoutError(message)
    return results[0]


def dial(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers.

    Each address gets its share of the time, so that one in a black hole (IPv6, often)
    does not use up what the next would have needed.

    Raises:
        OSError: None answered, or the name was not found in time.
    """
    addresses = look_up(host, port, deadline)
    problem = OSError("the name has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        share = deadline.left() / (len(addresses) - number)
        made = socket.socket(family, kind, protocol)
        made.settimeout(share)
        try:
            made.connect(address)
        except OSError as error:
            problem = error
            made.close()
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise problem


def look_up(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    """Resolve a name, or take an address as it is.

    Raises:
        OSError: The name was not found in time.
    """

    def resolve() -> Sequence[Address]:
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            message = "the name is none"
            raise OSError(message) from None

    return within(deadline, resolve)
