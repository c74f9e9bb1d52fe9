"""What the readers of Paddle's entities share."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from models.clock import UNKNOWN_RANKS, Clock, Ranks
from models.key import Key
from worker.errors import MalformedPayloadError
from worker.providers.checkouts import REFERENCE
from worker.providers.paddle.payload import Period, Totals
from worker.providers.paddle.values import id_of, minor_of, optional_time_of

ClockOf = Callable[[Ranks, str], Clock]
PROVIDER = "paddle"
#: Levels of ``custom_data``; far fewer than where an encoder or PostgreSQL gives up.
DEEPEST = 100
#: An escaped NUL whose backslash is not itself escaped.
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
#: Where a seller names the course on a price or product.
COURSE_FIELD = "course"
#: As in the catalog file; with other ids it stands in one index.
LONGEST_COURSE = 100
#: Where a shop names its checkout.
REFERENCE_FIELD = "reference"
TOTALS = ("subtotal", "discount", "tax", "total")

CustomData = dict[str, Any] | None


def key_of(entity_id: str) -> Key:
    """Return the key of an entity."""
    return Key(PROVIDER, id_of(entity_id, "data.id"))


def ranks_of(ranks: Mapping[str, Ranks], status: str) -> Ranks:
    """Return the ranks of a status, also of one that is new."""
    return ranks.get(status, UNKNOWN_RANKS)


def amounts_of(totals: Totals, field: str, *, may_be_negative: bool) -> dict[str, int]:
    """Read subtotal, discount, tax and total."""
    return {
        name: minor_of(
            getattr(totals, name), f"{field}.{name}", may_be_negative=may_be_negative
        )
        for name in TOTALS
    }


def optional_minor(value: str | None, field: str) -> int | None:
    """Read an amount that may be missing, and may be negative."""
    return None if value is None else minor_of(value, field, may_be_negative=True)


def period_of(period: Period | None, field: str) -> dict[str, Any]:
    """Read a billing period as the facts ``period_starts_at`` and ``period_ends_at``."""
    starts, ends = (period.starts_at, period.ends_at) if period else (None, None)
    return {
        "period_starts_at": optional_time_of(starts, f"{field}.starts_at"),
        "period_ends_at": optional_time_of(ends, f"{field}.ends_at"),
    }


def unique(items: list[Any], field: str) -> list[Any]:
    """Check that no id stands twice."""
    if len({item.id for item in items}) != len(items):
        raise MalformedPayloadError(f"{field} stands twice")
    return items


def course_of(*holders: CustomData) -> str | None:
    """Return the course that the first of some ``custom_data`` names."""
    for holder in holders:
        course = (holder or {}).get(COURSE_FIELD)
        if isinstance(course, str) and course:
            if len(course) > LONGEST_COURSE:
                raise MalformedPayloadError(
                    f"custom_data.course is longer than {LONGEST_COURSE} characters"
                )
            return id_of(course, "custom_data.course")
    return None


def reference_of(custom_data: CustomData) -> str | None:
    """Return the shop's own name of a checkout; what has no such form is none."""
    reference = (custom_data or {}).get(REFERENCE_FIELD)
    if isinstance(reference, str) and REFERENCE.fullmatch(reference):
        return reference
    return None


def storable_of(raw: msgspec.Raw) -> CustomData:
    """Read the ``custom_data`` of a purchase; see ``storable``."""
    try:
        custom_data = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return storable(custom_data) if isinstance(custom_data, dict) else None


def storable(custom_data: CustomData) -> CustomData:
    """Return ``custom_data`` if the ledger can keep it, else None.

    A buyer can write into it, so nothing in it may hold up a purchase; the body as it
    came is kept in any case.
    """
    if custom_data is None or _is_deeper(custom_data, DEEPEST):
        return None
    try:
        encoded = msgspec.json.encode(custom_data)
    except (msgspec.EncodeError, UnicodeEncodeError, RecursionError):
        return None
    # jsonb keeps no NUL.
    return None if ESCAPED_NUL.search(encoded) else custom_data


def _is_deeper(value: object, levels: int) -> bool:
    inside: Iterable[object] = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    else:
        return False
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inside)
