"""The little that is read of an event before it is stored: its id, its type, its time.

Everything else is read by the workers, in their own time. A body that does not give
these three in the expected form is not refused: a delivery is signed, so it is kept,
under an id made of its bytes, for a person to look at. A 4xx would only start 60
retries. What a provider lists is read the same way, so that it meets what it delivered.

The checks here are also what keeps a group insert whole: a NUL or a lone surrogate in
one id would fail the statement for all its neighbours.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

#: What ids and event types look like; Paddle's are far narrower.
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
#: RFC 3339, the form Paddle documents: 0 to 9 digits of a second.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
#: Times outside are mistakes, and PostgreSQL takes fewer of them than Python.
_SANE_YEARS = range(2000, 2200)
#: Ids that we make ourselves begin so; a sender must not be able to make one.
DIGEST_PREFIX = "sha256:"


class _Peek(msgspec.Struct):
    event_id: str
    event_type: str
    occurred_at: str


_decoder = msgspec.json.Decoder(_Peek)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Under which id a body is stored, and what is known of it so far."""

    event_id: str
    #: Empty for an odd body, as is the time.
    event_type: str | None
    occurred_at: datetime | None
    #: SHA-256 of the body.
    digest: bytes

    @property
    def is_odd(self) -> bool:
        """Whether the body had no id, type and time that we can use."""
        return self.event_type is None


def peek(body: bytes) -> Envelope:
    """Read the id, the type and the time of a body. Never raises."""
    digest = hashlib.sha256(body).digest()
    try:
        seen = _decoder.decode(body)
        occurred_at = _time_of(seen.occurred_at)
    except (ValueError, RecursionError):
        # msgspec's errors and Unicode errors are ValueErrors.
        return odd(digest)
    if (
        occurred_at is None
        or not _NAME.fullmatch(seen.event_id)
        or not _NAME.fullmatch(seen.event_type)
        or seen.event_id.startswith(DIGEST_PREFIX)
    ):
        return odd(digest)
    return Envelope(seen.event_id, seen.event_type, occurred_at, digest)


def odd(digest: bytes) -> Envelope:
    """Return the envelope of a body that is kept for a person to look at."""
    return Envelope(DIGEST_PREFIX + digest.hex(), None, None, digest)


def _time_of(text: str) -> datetime | None:
    if not _TIME.fullmatch(text):
        return None
    # Digits beyond the microsecond are cut off (Python >= 3.11).
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.year in _SANE_YEARS else None
