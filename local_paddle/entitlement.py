"""Who should have access, by what Paddle knows: subscriptions, lines, adjustments, dates.

The oracle of demo and drills. It reads the provider's side only and shares no code with
the system under test. How long a course lasts is the seller's business, so a one-off
purchase counts for good here, with the instant of payment beside it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from local_paddle.catalog import COURSES_FACT
from local_paddle.store import Entity, Store
from local_paddle.subscription_facts import (
    ACTIVE,
    ENDED,
    SUSPENDED,
    Viewpoint,
    emails_in,
    recurring_in,
    subscriptions_of,
)
from local_paddle.taken_back import about, adjustments_in, is_disputed, is_refunded

#: From best to worst: one good reason for access is enough.
_RANKS = (ACTIVE, SUSPENDED, ENDED)


@dataclass(frozen=True)
class Reason:
    """One reason for access, or what became of it."""

    email: str
    price_id: str
    state: str
    cause: str
    transaction_id: str | None = None
    subscription_id: str | None = None
    #: When it was paid, or the subscription began.
    since: str | None = None
    quantity: int = 1
    #: As the buyer's browser sent it, or the shop's server.
    custom_data: dict[str, Any] | None = None


def access_of(store: Store, view: Viewpoint) -> list[dict[str, Any]]:
    """Return for each e-mail and price whether it gives access, and why.

    A one-off line of a completed transaction gives access until approved refunds reach
    its total (``ended``) or while a dispute without a reversal of its kind stands
    (``suspended``); an item of a subscription as ``subscriptions_of`` says. Where there
    are several reasons, the best one counts.
    """
    grouped: dict[tuple[str, str], list[Reason]] = defaultdict(list)
    for reason in (*_lines(store), *_items(store, view)):
        grouped[reason.email, reason.price_id].append(reason)
    courses = store.fact(COURSES_FACT, {})
    return [
        _access(reasons, courses.get(price_id, []))
        for (_, price_id), reasons in sorted(grouped.items())
    ]


def reasons_of(store: Store, view: Viewpoint) -> list[dict[str, Any]]:
    """Return each reason by itself, with the courses that its price gives."""
    courses = store.fact(COURSES_FACT, {})
    return [
        {**asdict(reason), "courses": courses.get(reason.price_id, [])}
        for reason in (*_lines(store), *_items(store, view))
    ]


def courses_of(store: Store, view: Viewpoint) -> list[dict[str, Any]]:
    """Return for each e-mail and course whether there is access, over all prices."""
    best: dict[tuple[str, str], str] = {}
    for access in access_of(store, view):
        for course in access["courses"]:
            key = (access["email"], course)
            state = min(best.get(key, ENDED), access["state"], key=_RANKS.index)
            best[key] = state
    return [
        {
            "email": email,
            "course": course,
            "has_access": state == ACTIVE,
            "state": state,
        }
        for (email, course), state in sorted(best.items())
    ]


def _access(reasons: list[Reason], courses: list[str]) -> dict[str, Any]:
    best = min(reasons, key=lambda reason: _RANKS.index(reason.state))
    bought = [r.transaction_id for r in reasons if r.transaction_id]
    subscribed = [r.subscription_id for r in reasons if r.subscription_id]
    return {
        "email": best.email,
        "price_id": best.price_id,
        "courses": courses,
        "has_access": best.state == ACTIVE,
        "state": best.state,
        "cause": best.cause,
        "since": best.since,
        "transaction_ids": list(dict.fromkeys(bought)),
        "subscription_ids": list(dict.fromkeys(subscribed)),
    }


def _lines(store: Store) -> Iterator[Reason]:
    emails, adjustments = emails_in(store), adjustments_in(store)
    for transaction in store.all("transaction"):
        if transaction["status"] != "completed":
            continue
        for line in _one_off(transaction):
            state, cause = _state_of(line, adjustments[transaction["id"]])
            yield Reason(
                emails[transaction["customer_id"]],
                line["price_id"],
                state,
                cause,
                transaction_id=transaction["id"],
                since=_paid_at(transaction),
                quantity=line["quantity"],
                custom_data=transaction["custom_data"],
            )


def _items(store: Store, view: Viewpoint) -> Iterator[Reason]:
    for facts in subscriptions_of(store, view):
        source = {
            "subscription_id": facts["id"],
            "since": facts["started_at"],
            "custom_data": facts["custom_data"],
        }
        for item in facts["items"]:
            state, cause = facts["state"], facts["cause"]
            if item["status"] == "inactive":
                state, cause = ENDED, "item_inactive"
            about = {**source, "quantity": item["quantity"]}
            yield Reason(facts["email"], item["price_id"], state, cause, **about)
        for price_id in facts["former_price_ids"]:
            yield Reason(facts["email"], price_id, ENDED, "item_removed", **source)


def _one_off(transaction: Entity) -> list[Entity]:
    recurring = recurring_in(transaction)
    lines: list[Entity] = transaction["details"]["line_items"]
    return [line for line in lines if line["price_id"] not in recurring]


def _paid_at(transaction: Entity) -> str | None:
    captured = [p["captured_at"] for p in transaction["payments"] if p["captured_at"]]
    paid_at: str | None = captured[-1] if captured else transaction["billed_at"]
    return paid_at


def _state_of(line: Entity, adjustments: list[Entity]) -> tuple[str, str]:
    if is_refunded(line, adjustments):
        return ENDED, "refunded"
    is_held = is_disputed(about(line, adjustments))
    return (SUSPENDED, "disputed") if is_held else (ACTIVE, "purchased")
