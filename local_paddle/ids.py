"""Paddle ids: a prefix and 26 characters that sort by creation.

https://developer.paddle.com/api-reference/about/paddle-ids. Ours are ULIDs in lower
case, strictly increasing within a process, because clients page by ``after=<id>``.
"""

import hashlib
import re
import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 26
_RANDOM_BITS = 80
_STEP_BITS = 40
_BITS_PER_CHARACTER = 5
_PADDLE_ID = re.compile(r"[a-z]+_[a-z\d]{26}")


class Ids:
    """Makes ids, each greater than the one before."""

    def __init__(self) -> None:
        """Begin with nothing made."""
        self._last = 0

    def new(self, prefix: str) -> str:
        """Return ``<prefix>_`` and 26 characters."""
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS
        fresh |= secrets.randbits(_RANDOM_BITS)
        floor = self._last + 1 + secrets.randbits(_STEP_BITS)
        self._last = max(floor, fresh)
        return f"{prefix}_{_written(self._last)}"


def stable_id(prefix: str, name: str) -> str:
    """Return the same id for the same name, for what a catalog seeds."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16])
    return f"{prefix}_{_written(number)}"


def is_paddle_id(text: object, prefix: str) -> bool:
    """Tell whether the text is an id with this prefix."""
    return (
        isinstance(text, str)
        and text.startswith(f"{prefix}_")
        and _PADDLE_ID.fullmatch(text) is not None
    )


def _written(number: int) -> str:
    letters = []
    for _ in range(ID_LENGTH):
        letters.append(ALPHABET[number & 31])
        number >>= _BITS_PER_CHARACTER
    return "".join(reversed(letters))
