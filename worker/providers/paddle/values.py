"""Paddle's ways of writing money and time, read strictly.

Amounts are strings of an integer in the currency's lowest denomination ("10 USD is
1000", "100 JPY is 100"); times are RFC 3339 with 0 to 9 fractional digits. Source:
Paddle's OpenAPI description of 2025-05-27 and its API reference.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

from worker.errors import MalformedPayloadError

AMOUNT = re.compile(r"-?[0-9]{1,19}", re.ASCII)
#: A hundred million millions of a currency with cents: the sums of a shop fit a bigint.
LARGEST_MINOR = 10**16
#: Of one price on one line.
LARGEST_COUNT = 10**9
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)
CURRENCY = re.compile("[A-Z]{3}", re.ASCII)
PERCENTAGE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,10})?", re.ASCII)
HUNDRED = Decimal(100)
#: Kinds of discounts whose amount is money.
FLAT = frozenset({"flat", "flat_per_seat"})
#: Paddle's ids have 30 characters; an index of PostgreSQL takes 2,700 bytes.
LONGEST_ID = 255
#: Far outside what a shop can have seen; a wild time would win every comparison.
FIRST_YEAR, LAST_YEAR = 2000, 2199


def minor_of(value: str, field: str, *, may_be_negative: bool = False) -> int:
    """Read an amount.

    Raises:
        MalformedPayloadError: Not an integer, too large, or negative where impossible.
    """
    if not AMOUNT.fullmatch(value):
        raise MalformedPayloadError(f"{field} is not an integer amount")
    amount = int(value)
    if abs(amount) > LARGEST_MINOR:
        raise MalformedPayloadError(f"{field} is larger than can be stored")
    if amount < 0 and not may_be_negative:
        raise MalformedPayloadError(f"{field} is negative")
    return amount


def count_of(value: float, field: str) -> int:
    """Read how many, which Paddle may write as ``2.0``.

    Raises:
        MalformedPayloadError: Not a whole number, negative, or too large.
    """
    if not 0 <= value <= LARGEST_COUNT or value % 1:
        raise MalformedPayloadError(f"{field} is no whole number that can be stored")
    return int(value)


def optional_count_of(value: float | None, field: str) -> int | None:
    """Read how many, which may be missing."""
    return None if value is None else count_of(value, field)


def discount_amount_of(value: str, kind: str) -> str:
    """Read what a discount takes off: minor units, or per cent with decimals.

    Raises:
        MalformedPayloadError: Not what its kind needs; a kind that is new may be either.
    """
    field = "data.amount"
    if kind in FLAT:
        return str(minor_of(value, field))
    if not PERCENTAGE.fullmatch(value):
        raise MalformedPayloadError(f"{field} is no percentage")
    if kind == "percentage" and Decimal(value) > HUNDRED:
        raise MalformedPayloadError(f"{field} is more than 100 per cent")
    return value


def optional_currency_of(value: str | None, field: str) -> str | None:
    """Read a currency's code that may be missing."""
    return None if value is None else currency_of(value, field)


def currency_of(value: str, field: str) -> str:
    """Read a currency's code; one that is new is taken as it is.

    Raises:
        MalformedPayloadError: Not three capital letters, as ISO 4217 has them.
    """
    if not CURRENCY.fullmatch(value):
        raise MalformedPayloadError(f"{field} is no currency code")
    return value


def time_of(value: str, field: str) -> datetime:
    """Read a time, in UTC; digits finer than a microsecond are cut off.

    Neither Python nor PostgreSQL keeps them. Cutting never turns two times around, it
    only makes some equal, and ``models.clock.Clock`` is a total order without them: what
    is equal is told apart by the rank of its status, which says which state comes
    later, then by the event's own time and id.

    Raises:
        MalformedPayloadError: No zone, not a time (a leap second is none that can be
            stored), or outside of all reason.
    """
    if not TIME.fullmatch(value):
        raise MalformedPayloadError(f"{field} is not a time with a zone")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedPayloadError(f"{field} is not a time") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise MalformedPayloadError(f"{field} lies in a year of no use")
    return moment


def optional_time_of(value: str | None, field: str) -> datetime | None:
    """Read a time that may be missing."""
    return None if value is None else time_of(value, field)


def text_of(value: str, field: str) -> str:
    """Check that PostgreSQL can keep a text.

    Raises:
        MalformedPayloadError: It holds a NUL or half a surrogate pair.
    """
    if "\x00" in value:
        raise MalformedPayloadError(f"{field} contains a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MalformedPayloadError(f"{field} is not valid Unicode") from None
    return value


def optional_text_of(value: str | None, field: str) -> str | None:
    """Check a text that may be missing."""
    return None if value is None else text_of(value, field)


def id_of(value: str, field: str) -> str:
    """Check an id: something that is kept in an index.

    Raises:
        MalformedPayloadError: It is empty, too long, or no text to keep.
    """
    if not 0 < len(value) <= LONGEST_ID:
        message = f"{field} is empty or longer than {LONGEST_ID} characters"
        raise MalformedPayloadError(message)
    return text_of(value, field)


def optional_id_of(value: str | None, field: str) -> str | None:
    """Check an id that may be missing."""
    return None if value is None else id_of(value, field)
