"""What can be told of a body that cannot be read: whom and how much it may be about.

For the eyes of operators alone; nothing is ever recorded from it.
"""

import re
from typing import Any

import msgspec

from worker.providers.contract import Glimpse

_ID = re.compile("[a-z]{3,16}_[0-9a-z]{1,60}", re.ASCII)
_CURRENCY = re.compile("[A-Z]{3}", re.ASCII)
_MINOR = re.compile("[0-9]{1,15}", re.ASCII)
_NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def glimpse_of(body: bytes) -> Glimpse:
    """Return what of a body has the form that Paddle describes; never raises."""
    try:
        data = _at(msgspec.json.decode(body), "data")
    except _NOT_JSON:
        return Glimpse()
    own = _matching(_ID, _at(data, "id"))
    customer = own if own and own.startswith("ctm_") else _at(data, "customer_id")
    purchase = own if own and own.startswith("txn_") else _at(data, "transaction_id")
    totals = _at(data, "details", "totals") or _at(data, "totals")
    total = _matching(_MINOR, _at(totals, "total"))
    return Glimpse(
        customer_id=_matching(_ID, customer),
        transaction_id=_matching(_ID, purchase),
        currency=_matching(_CURRENCY, _at(data, "currency_code")),
        total_minor=None if total is None else int(total),
    )


def _at(value: Any, *path: str) -> Any:  # noqa: ANN401 (whatever stands there)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _matching(form: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and form.fullmatch(value) else None
