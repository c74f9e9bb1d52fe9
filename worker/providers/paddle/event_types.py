"""Every event type of Paddle, and what becomes of it: one table, nothing decided twice.

``docs/events.md`` is written from it. A type that is missing here is one that Paddle
has added since: its events are kept and can be replayed by a release that knows it.
Source: OpenAPI description of 2025-05-27, Paddle's SDKs and its pages up to 2026-09.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.snapshot import Snapshot
from worker.providers.contract import KEPT, NOT_NEEDED
from worker.providers.paddle.adjustments import adjustment_of
from worker.providers.paddle.assortment import discount_of, price_of, product_of
from worker.providers.paddle.parties import address_of, business_of, customer_of
from worker.providers.paddle.reading import ClockOf
from worker.providers.paddle.subscriptions import subscription_of
from worker.providers.paddle.transactions import transaction_of

Reader = Callable[[bytes, ClockOf], Snapshot]


class Outcome(StrEnum):
    """What becomes of an event."""

    #: The ledger takes it over, and access follows.
    APPLIED = "applied"
    #: Its body is stored and shown to operators; nothing is computed from it.
    KEPT = "kept"
    #: It says nothing that another event does not say.
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class EventType:
    """One type and its outcome."""

    name: str
    outcome: Outcome
    #: What the ledger takes from it, or why nothing is computed from it.
    words: str
    #: Reads ``data``, where it is applied.
    reader: Reader | None

    @property
    def entity(self) -> str:
        """What ``data`` is a snapshot of."""
        return entity_of(self.name)

    @property
    def reason(self) -> str:
        """Return what stands at the row of an event that is not applied."""
        return f"{_PREFIXES[self.outcome]}{self.words}"


_PREFIXES = {Outcome.APPLIED: "", Outcome.KEPT: KEPT, Outcome.IGNORED: NOT_NEEDED}
_READERS: Mapping[str, Reader] = {
    "transaction": transaction_of,
    "subscription": subscription_of,
    "adjustment": adjustment_of,
    "customer": customer_of,
    "address": address_of,
    "business": business_of,
    "product": product_of,
    "price": price_of,
    "discount": discount_of,
}
_CATALOG = ("created", "imported", "updated")

#: Entity, the last parts of its types' names, outcome, words.
_GROUPS: tuple[tuple[str, tuple[str, ...], Outcome, str], ...] = (
    (
        "transaction",
        (
            "billed",
            "canceled",
            "completed",
            "created",
            "paid",
            "past_due",
            "payment_failed",
            "ready",
            "revised",
            "updated",
        ),
        Outcome.APPLIED,
        "transactions with lines and payments",
    ),
    (
        "subscription",
        (
            "activated",
            "canceled",
            "created",
            "imported",
            "past_due",
            "paused",
            "resumed",
            "trialing",
            "updated",
        ),
        Outcome.APPLIED,
        "subscriptions with items",
    ),
    (
        "adjustment",
        ("created", "updated"),
        Outcome.APPLIED,
        "refunds, credits and disputes with lines",
    ),
    ("customer", _CATALOG, Outcome.APPLIED, "customers, by whom learners are known"),
    ("address", _CATALOG, Outcome.APPLIED, "addresses of customers"),
    ("business", _CATALOG, Outcome.APPLIED, "businesses of customers"),
    ("product", _CATALOG, Outcome.APPLIED, "products"),
    ("price", _CATALOG, Outcome.APPLIED, "prices, which lead to courses"),
    ("discount", _CATALOG, Outcome.APPLIED, "discounts with their codes"),
    (
        "discount_group",
        ("created", "updated"),
        Outcome.KEPT,
        "groups only sort discounts in Paddle's dashboard",
    ),
    (
        "payment_method",
        ("deleted", "saved"),
        Outcome.KEPT,
        "how somebody paid stands in the payments of a transaction",
    ),
    (
        "payout",
        ("created", "paid"),
        Outcome.KEPT,
        "payouts are Paddle's accounting with the seller",
    ),
    (
        "report",
        ("created", "updated"),
        Outcome.KEPT,
        "reports are files that somebody asked Paddle for",
    ),
    (
        "api_key",
        ("created", "expired", "expiring", "revoked", "updated"),
        Outcome.KEPT,
        "keys of the API move neither money nor access",
    ),
    (
        "api_key_exposure",
        ("created",),
        Outcome.KEPT,
        "keys of the API move neither money nor access",
    ),
    (
        "api_key_rotation",
        ("created", "updated"),
        Outcome.KEPT,
        "keys of the API move neither money nor access",
    ),
    (
        "client_token",
        ("created", "revoked", "updated"),
        Outcome.KEPT,
        "tokens of a checkout page move neither money nor access",
    ),
    (
        "invoice",
        ("canceled", "created", "issued", "overdue", "paid", "scheduled"),
        Outcome.IGNORED,
        "Paddle describes no invoice, and its transaction tells the same",
    ),
)


def entity_of(event_type: str) -> str:
    """Return what events of a type are about: ``transaction`` of ``transaction.paid``."""
    return event_type.partition(".")[0]


EVENT_TYPES: Mapping[str, EventType] = {
    f"{entity}.{last}": EventType(
        f"{entity}.{last}", outcome, words, _READERS.get(entity)
    )
    for entity, names, outcome, words in _GROUPS
    for last in names
}
