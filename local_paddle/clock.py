"""The local Paddle's two clocks: its own, which can be moved, and the wall's.

Entities and events follow its own clock, so that a year of renewals passes in a moment.
Deliveries follow the wall's, because receivers check a signature's time against theirs;
there only the *waiting* between attempts is divided by the factor, so that Paddle's
three days of retries pass in minutes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Clock:
    """``factor`` 60 makes a retry that Paddle makes after 60 s come in 1 s."""

    factor: float = 1.0
    #: How far its own time is ahead of the wall's.
    ahead: timedelta = timedelta()
    _held: datetime | None = None

    def now(self) -> datetime:
        """Return the present instant of its own time, in UTC."""
        return self._held or datetime.now(UTC) + self.ahead

    def move_to(self, instant: datetime) -> None:
        """Set its own time; from there it goes on at the wall's pace."""
        self.ahead = instant - datetime.now(UTC)

    @contextmanager
    def held_at(self, instant: datetime) -> Iterator[None]:
        """Let its own time stand still while something that was due is done."""
        self._held, before = instant, self._held
        try:
            yield
        finally:
            self._held = before

    def epoch(self) -> float:
        """Return the wall's present instant as Unix seconds."""
        return time.time()

    def wait_seconds(self, paddle_seconds: float) -> float:
        """Return how long a wait of Paddle's takes here."""
        return paddle_seconds / self.factor


def rfc3339(at: datetime) -> str:
    """Write an instant as Paddle does: UTC, ``Z``, no trailing zeros in the fraction."""
    text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{at.microsecond:06d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def with_nanoseconds(text: str, nanoseconds: int) -> str:
    """Return the same microsecond as ``text`` with nine digits, as in real events.

    Paddle's events carry up to nine fractional digits where its API shows fewer for the
    same entity; both must be read as one instant.
    """
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction.ljust(6, '0')}{nanoseconds:03d}Z"


def instant_of(text: str) -> datetime:
    """Read an RFC 3339 instant; digits past the microsecond are cut off.

    Raises:
        ValueError: The text is no instant.

    """
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def instant_of_epoch(seconds: float) -> str:
    """Write Unix seconds as Paddle writes an instant."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))
