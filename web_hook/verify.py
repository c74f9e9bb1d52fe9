"""Whether a delivery really comes from Paddle: a pure function over bytes.

It is total: whatever bytes come, it answers *accepted* or *refused* with a reason, and
never raises. An exception here would be a 500 that anybody can cause, and that the
provider answers with 60 retries; the provider's own kit raises on several headers.

Source: developer.paddle.com/webhooks/signature-verification (read 2026-11), and the
parameter ``Paddle-Signature`` of Paddle's OpenAPI description.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

MAX_HEADER_BYTES = 4096
#: One today; several are announced for rotations. More only cost hashing time.
MAX_SIGNATURES = 10
#: Twelve digits reach the year 33658.
MAX_TIMESTAMP_DIGITS = 12


class Refusal(StrEnum):
    """Why a delivery is refused. The sender is not told; operators count them."""

    MISSING_HEADER = "missing_header"
    HEADER_TOO_LONG = "header_too_long"
    #: No timestamp, two of them, or one that is not plain digits.
    BAD_TIMESTAMP = "bad_timestamp"
    NO_SIGNATURE = "no_signature"
    TOO_MANY_SIGNATURES = "too_many_signatures"
    #: Forged, changed on the way, or signed with a secret that is not ours.
    WRONG_SIGNATURE = "wrong_signature"
    #: Genuine but old: a replay, a slow way, or one of the two clocks is wrong.
    TOO_OLD = "too_old"
    #: Genuine but from the future: one of the two clocks is wrong.
    TOO_NEW = "too_new"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The delivery is genuine and fresh."""

    #: Which of the secrets matched, from 0: tells when an old one can be removed.
    secret: int
    #: Now less the signature's time: negative where it comes from the future.
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The delivery must not be looked at."""

    reason: Refusal
    #: As of an accepted one; empty unless the signature is ours.
    age_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Header:
    timestamp: bytes
    signatures: list[bytes]


def verify(
    header: bytes | None,
    body: bytes,
    secrets: tuple[bytes, ...],
    now: float,
    tolerance_seconds: float,
) -> Accepted | Refused:
    """Tell whether a body was signed with one of our secrets, and just now.

    The time is judged after the signature, so that *too old* and *too new* always
    speak of genuine deliveries: a rise of them means a drifting clock, not an attack.

    Args:
        header: The value of ``Paddle-Signature``; None where there is none.
        body: The bytes as they came, before any parsing.
        secrets: Keys of the destinations, each the whole string as UTF-8.
        now: Seconds since 1970.
        tolerance_seconds: How far the signature's time may lie from now, both ways.
    """
    parsed = _parse(header)
    if isinstance(parsed, Refusal):
        return Refused(parsed)
    signed = parsed.timestamp + b":" + body
    secret = None
    # Every candidate is compared, whatever the ones before said, so that the time
    # taken does not tell which secret or which signature came close.
    for index, key in enumerate(secrets):
        expected = hmac.digest(key, signed, hashlib.sha256).hex().encode()
        for candidate in parsed.signatures:
            if hmac.compare_digest(expected, candidate):
                secret = index
    if secret is None:
        return Refused(Refusal.WRONG_SIGNATURE)
    age = now - int(parsed.timestamp)
    if age > tolerance_seconds:
        return Refused(Refusal.TOO_OLD, age)
    if -age > tolerance_seconds:
        return Refused(Refusal.TOO_NEW, age)
    return Accepted(secret, age)


def _parse(header: bytes | None) -> _Header | Refusal:
    if not header:
        return Refusal.MISSING_HEADER
    if len(header) > MAX_HEADER_BYTES:
        return Refusal.HEADER_TOO_LONG
    timestamps = []
    signatures = []
    for part in header.split(b";"):
        # Unknown keys are passed over: Paddle may add a scheme beside h1.
        key, _, value = part.strip(b" \t").partition(b"=")
        if key == b"ts":
            timestamps.append(value)
        elif key == b"h1":
            signatures.append(value)
    return _judge(timestamps, signatures)


def _judge(timestamps: list[bytes], signatures: list[bytes]) -> _Header | Refusal:
    # bytes.isdigit() knows ASCII digits only; int() would take "1_0", " 1" and "+1".
    if (
        len(timestamps) != 1
        or len(timestamps[0]) > MAX_TIMESTAMP_DIGITS
        or not timestamps[0].isdigit()
    ):
        return Refusal.BAD_TIMESTAMP
    if not signatures:
        return Refusal.NO_SIGNATURE
    if len(signatures) > MAX_SIGNATURES:
        return Refusal.TOO_MANY_SIGNATURES
    return _Header(timestamps[0], signatures)
