"""What may be posted, field by field, with Paddle's kind of complaint.

A complaint is 400 ``invalid_field`` with a list of fields; lengths and formats are
those of Paddle's OpenAPI description of 2025-05-27. Fields that Paddle takes and this
copy does not (prices inside a transaction) are refused, not ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_paddle.answer import invalid
from local_paddle.clock import instant_of
from local_paddle.ids import is_paddle_id
from local_paddle.period import duration_of
from local_paddle.store import Entity

#: Returns what is wrong with a value, or None.
Check = Callable[[Any], str | None]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_EMAIL_CHARACTERS = 320
COUNTRY = re.compile(r"[A-Z]{2}")
CURRENCY = re.compile(r"[A-Z]{3}")
_MINOR_UNITS = re.compile(r"\d{1,18}")
URL_CHARACTERS = 2048
_MOST_ITEMS = 100
_MOST_QUANTITY = 999_999
PRORATION_MODES = (
    "prorated_immediately",
    "prorated_next_billing_period",
    "full_immediately",
    "full_next_billing_period",
    "do_not_bill",
)
STATUSES = ("active", "archived")


@dataclass(frozen=True)
class Field:
    """One field of a form."""

    check: Check
    is_required: bool = False
    is_nullable: bool = False


Form = Mapping[str, Field]


def read(form: Form, given: object, *, is_partial: bool = False) -> Entity:
    """Return the body if it fits the form.

    Raises:
        ApiError: ``invalid_field`` with every field that does not.

    """
    if not isinstance(given, dict):
        raise invalid(("", "must be an object"))
    complaints = [(name, "unknown field") for name in given if name not in form]
    for name, field in form.items():
        if name not in given:
            if field.is_required and not is_partial:
                complaints.append((name, "is required"))
            continue
        if given[name] is None and field.is_nullable:
            continue
        wrong = field.check(given[name])
        if wrong:
            complaints.append((name, wrong))
    if complaints:
        raise invalid(*complaints)
    return given


def text(least: int, most: int) -> Check:
    """Allow text of a length."""

    def check(value: Any) -> str | None:  # noqa: ANN401
        if isinstance(value, str) and least <= len(value) <= most:
            return None
        return f"must be text of {least} to {most} characters"

    return check


def word(*allowed: str) -> Check:
    """Allow one of some words."""

    def check(value: Any) -> str | None:  # noqa: ANN401
        return None if value in allowed else f"must be one of {', '.join(allowed)}"

    return check


def paddle_id(prefix: str) -> Check:
    """Allow an id."""

    def check(value: Any) -> str | None:  # noqa: ANN401
        wrong = f"must be an id that begins with {prefix}_"
        return None if is_paddle_id(value, prefix) else wrong

    return check


def matching(pattern: re.Pattern[str], complaint: str) -> Check:
    """Allow text that fits a pattern."""

    def check(value: Any) -> str | None:  # noqa: ANN401
        fits = isinstance(value, str) and pattern.fullmatch(value)
        return None if fits else complaint

    return check


def email(value: Any) -> str | None:  # noqa: ANN401
    """Allow an e-mail address."""
    fits = isinstance(value, str) and len(value) <= _EMAIL_CHARACTERS
    return None if fits and _EMAIL.fullmatch(value) else "must be an e-mail address"


def custom_data(value: Any) -> str | None:  # noqa: ANN401
    """Allow an object of one's own."""
    return None if isinstance(value, dict) else "must be an object"


def flag(value: Any) -> str | None:  # noqa: ANN401
    """Allow true and false."""
    return None if isinstance(value, bool) else "must be true or false"


def money(value: Any) -> str | None:  # noqa: ANN401
    """Allow an amount in minor units with its currency."""
    if not isinstance(value, dict) or set(value) != {"amount", "currency_code"}:
        return "must have amount and currency_code"
    amount, currency = value["amount"], value["currency_code"]
    if not isinstance(amount, str) or not _MINOR_UNITS.fullmatch(amount):
        return "amount must be a string of digits, in minor units"
    fits = isinstance(currency, str) and CURRENCY.fullmatch(currency)
    return None if fits else "currency_code must be three capital letters"


def items(value: Any) -> str | None:  # noqa: ANN401
    """Allow 1 to 100 prices with quantities."""
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_ITEMS:
        return f"must be a list of 1 to {_MOST_ITEMS} items"
    for item in value:
        if not isinstance(item, dict) or set(item) != {"price_id", "quantity"}:
            return "an item has price_id and quantity"
        quantity = item["quantity"]
        if type(quantity) is not int or not 1 <= quantity <= _MOST_QUANTITY:
            return f"quantity must be 1 to {_MOST_QUANTITY}"
        if not is_paddle_id(item["price_id"], "pri"):
            return "price_id must be an id that begins with pri_"
    return None


def kept_items(value: Any) -> str | None:  # noqa: ANN401
    """Allow prices with or without quantities: what has none keeps its own."""
    if not isinstance(value, list):
        return items(value)
    return items([{"quantity": 1, **i} if isinstance(i, dict) else i for i in value])


def adjusted_items(value: Any) -> str | None:  # noqa: ANN401
    """Allow lines to give back: whole, their tax, or an amount of them."""
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_ITEMS:
        return f"must be a list of 1 to {_MOST_ITEMS} items"
    for item in value:
        if not isinstance(item, dict) or not {"item_id", "type"} <= set(item):
            return "an item has item_id and type"
        if item["type"] not in {"full", "partial", "tax"}:
            return "type must be one of full, partial, tax"
        amount = item.get("amount")
        has_amount = isinstance(amount, str) and _MINOR_UNITS.fullmatch(amount)
        if (item["type"] == "partial") != bool(has_amount):
            return "amount belongs to type partial: a string of digits"
    return None


def contacts(value: Any) -> str | None:  # noqa: ANN401
    """Allow people with a name and an e-mail address."""
    for contact in value if isinstance(value, list) else [None]:
        if not isinstance(contact, dict) or not set(contact) <= {"name", "email"}:
            return "must be a list of name and email"
    return None


def instant(value: Any) -> str | None:  # noqa: ANN401
    """Allow an RFC 3339 instant."""
    try:
        instant_of(value)
    except (TypeError, ValueError):
        return "must be an RFC 3339 datetime"
    return None


def at_once_or_instant(value: Any) -> str | None:  # noqa: ANN401
    """Allow ``immediately`` or an instant."""
    return None if value == "immediately" else instant(value)


def checkout(value: Any) -> str | None:  # noqa: ANN401
    """Allow the page that opens a checkout; null stands for the account's own."""
    url = value.get("url") if isinstance(value, dict) else 0
    is_one = isinstance(url, str) and 0 < len(url) <= URL_CHARACTERS
    return None if url is None or is_one else "must have a url, or null in it"


def duration(value: Any) -> str | None:  # noqa: ANN401
    """Allow an interval with its frequency."""
    try:
        is_one = isinstance(value, dict) and duration_of(value)
    except (TypeError, ValueError):
        is_one = None
    return None if is_one else "must have interval and frequency"


def invoice_details(value: Any) -> str | None:  # noqa: ANN401
    """Allow what an invoice needs to know."""
    if not isinstance(value, dict) or "payment_terms" not in value:
        return "must have payment_terms"
    return duration(value["payment_terms"])


def whole_number(value: Any) -> str | None:  # noqa: ANN401
    """Allow a count."""
    fits = type(value) is int and value >= 1
    return None if fits else "must be a whole number from 1"


def nothing(_: Any) -> str | None:  # noqa: ANN401
    """Allow null only."""
    return "must be null"


def names(value: Any) -> str | None:  # noqa: ANN401
    """Allow a list of texts."""
    fits = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return None if fits else "must be a list of texts"
