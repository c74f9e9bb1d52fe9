"""Where a checkout stands, for whoever opened it: what a thank-you page shows.

The rows of the public view ``payment_status``, and only with the owner's id: a
reference or an id of the provider's stands in addresses and can be guessed or shared.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from worker.providers.registry import PROVIDERS


class PaymentState(StrEnum):
    """How a checkout stands; made by the view."""

    #: Opened; nothing was tried yet.
    PENDING = "pending"
    #: The money is on its way, or in and not yet booked.
    PROCESSING = "processing"
    #: Paid and booked: access follows.
    COMPLETED = "completed"
    #: The last attempt was declined; the buyer may try again.
    FAILED = "failed"
    #: Will not be paid.
    CANCELED = "canceled"
    #: Open for 24 hours without an attempt; a late payment still completes it.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class PaymentSession:
    """One checkout; see ``docs/integrate.md`` for each field."""

    provider: str
    #: The shop's own name of it.
    reference: str | None
    transaction_id: str
    #: The user id that was signed into it.
    owner: str
    state: PaymentState
    error_code: str | None
    #: ``error_code`` in words for a buyer.
    reason: str | None
    currency: str | None
    total_minor: int | None
    opened_at: datetime | None
    expires_at: datetime | None
    changed_at: datetime | None


_COLUMNS = ", ".join(PaymentSession.__slots__)
# Two checkouts of one reference: what was paid is not undone by opening it again.
_FIND = f"""
SELECT {_COLUMNS} FROM payment_status
WHERE owner = :owner AND {{which}}
ORDER BY state = 'completed' DESC, state = 'processing' DESC, opened_at DESC NULLS LAST,
         transaction_id DESC
LIMIT 1
"""  # noqa: S608 (names of ours)
_BY_REFERENCE = text(_FIND.format(which="reference = :named"))
_BY_ID = text(
    _FIND.format(which="provider = ANY(:providers) AND transaction_id = :named")
)


def find(
    connection: Connection,
    owner: str,
    *,
    reference: str | None = None,
    transaction_id: str | None = None,
) -> PaymentSession | None:
    """Find a checkout of its owner.

    Args:
        connection: Any that may read the view.
        owner: The user id of who asks, from the shop's session; never from the request.
        reference: The shop's own name of the checkout.
        transaction_id: Or the provider's.

    Returns:
        None: There is none of that name, or it is not this owner's, or nobody's.
    """
    statement = _BY_REFERENCE if reference else _BY_ID
    named = reference or transaction_id
    if not owner or not named:
        return None
    values = {"owner": owner, "named": named, "providers": list(PROVIDERS)}
    found = connection.execute(statement, values).one_or_none()
    if found is None:
        return None
    row: dict[str, Any] = dict(found._mapping)  # noqa: SLF001 (public API)
    return PaymentSession(**{**row, "state": PaymentState(found.state)})
