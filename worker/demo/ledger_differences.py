"""Holds the local Paddle's objects against our rows, field by field. Pure.

Written for the demo alone, without a look at how reconciliation compares: two that do
the same by different ways do not overlook the same.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
#: By kind and id what is compared.
Objects = Mapping[str, Mapping[str, Row]]


def theirs(truth: Row) -> Objects:
    """Return what the local Paddle has, in the words of our columns."""
    shapes = {
        "customers": _customer,
        "transactions": _transaction,
        "subscriptions": _subscription,
        "adjustments": _adjustment,
    }
    return {
        kind: {one["id"]: shape(one) for one in truth[kind]}
        for kind, shape in shapes.items()
    }


def object_differences(paddle: Objects, ours: Objects) -> Iterator[str]:
    """Return what one side has and the other has not, or otherwise."""
    for kind, known in paddle.items():
        mine = ours[kind]
        for id_ in sorted(known.keys() | mine.keys()):
            if id_ not in mine:
                yield f"{kind} {id_}: we do not have it"
            elif id_ not in known:
                yield f"{kind} {id_}: Paddle does not have it"
            else:
                yield from _fields(f"{kind} {id_}", known[id_], mine[id_])


def _fields(named: str, told: Row, mine: Row) -> Iterator[str]:
    for field, value in told.items():
        if mine[field] != value:
            yield f"{named}: {field} is {mine[field]}, and at Paddle {value}"


def _customer(one: Row) -> Row:
    return {name: one[name] for name in ("email", "name", "status")}


def _transaction(one: Row) -> Row:
    names = ("status", "customer_id", "subscription_id")
    return {
        **{name: one[name] for name in names},
        "currency": one["currency_code"],
        "total_minor": int(one["total"]),
        "tax_minor": int(one["tax"]),
        "billed_at": _instant(one["billed_at"]),
    }


def _subscription(one: Row) -> Row:
    period, change = one["current_billing_period"] or {}, one["scheduled_change"] or {}
    return {
        "status": one["status"],
        "period_starts_at": _instant(period.get("starts_at")),
        "period_ends_at": _instant(period.get("ends_at")),
        "scheduled_action": change.get("action"),
        "scheduled_at": _instant(change.get("effective_at")),
    }


def _adjustment(one: Row) -> Row:
    names = ("action", "status", "transaction_id", "subscription_id")
    return {
        **{name: one[name] for name in names},
        "total_minor": int(one["total"]),
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
