"""The provider's objects and our rows side by side, field by field.

Shares nothing with the product's own comparison: two that compare in different ways are
not blind in the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

Objects = Mapping[str, Sequence[Any]]
#: Entity, id, of a part: its id, and the field.
Place = tuple[str, ...]

#: By table: our column, and where the provider has it.
FIELDS = {
    "customers": {
        "email": "email",
        "name": "name",
        "locale": "locale",
        "status": "status",
    },
    "transactions": {
        "status": "status",
        "customer_id": "customer_id",
        "address_id": "address_id",
        "subscription_id": "subscription_id",
        "origin": "origin",
        "collection_mode": "collection_mode",
        "currency": "currency_code",
        "subtotal_minor": "details.totals.subtotal",
        "tax_minor": "details.totals.tax",
        "total_minor": "details.totals.total",
        "grand_total_minor": "details.totals.grand_total",
        "fee_minor": "details.totals.fee",
        "invoice_number": "invoice_number",
        "period_starts_at": "billing_period.starts_at",
        "period_ends_at": "billing_period.ends_at",
        "opened_at": "created_at",
        "billed_at": "billed_at",
    },
    "subscriptions": {
        "status": "status",
        "customer_id": "customer_id",
        "address_id": "address_id",
        "currency": "currency_code",
        "collection_mode": "collection_mode",
        "cycle_interval": "billing_cycle.interval",
        "cycle_frequency": "billing_cycle.frequency",
        "opened_at": "created_at",
        "started_at": "started_at",
        "first_billed_at": "first_billed_at",
        "next_billed_at": "next_billed_at",
        "paused_at": "paused_at",
        "canceled_at": "canceled_at",
        "period_starts_at": "current_billing_period.starts_at",
        "period_ends_at": "current_billing_period.ends_at",
        "scheduled_action": "scheduled_change.action",
        "scheduled_at": "scheduled_change.effective_at",
    },
    "adjustments": {
        "transaction_id": "transaction_id",
        "subscription_id": "subscription_id",
        "customer_id": "customer_id",
        "action": "action",
        "kind": "type",
        "status": "status",
        "reason": "reason",
        "currency": "currency_code",
        "tax_minor": "totals.tax",
        "total_minor": "totals.total",
        "opened_at": "created_at",
    },
}
#: By table of parts: whose, the column that says so, the list, and its fields as above.
PARTS = {
    "transaction_lines": (
        *("transactions", "transaction_id", "details.line_items"),
        {
            "id": "id",
            "price_id": "price_id",
            "quantity": "quantity",
            "tax_minor": "totals.tax",
            "total_minor": "totals.total",
        },
    ),
    "payments": (
        *("transactions", "transaction_id", "payments"),
        {
            "id": "payment_attempt_id",
            "status": "status",
            "amount_minor": "amount",
            "error_code": "error_code",
            "captured_at": "captured_at",
        },
    ),
    "subscription_items": (
        *("subscriptions", "subscription_id", "items"),
        {
            "id": "price.id",
            "status": "status",
            "quantity": "quantity",
            "next_billed_at": "next_billed_at",
        },
    ),
    "adjustment_lines": (
        *("adjustments", "adjustment_id", "items"),
        {
            "id": "id",
            "line_id": "item_id",
            "kind": "type",
            "total_minor": "totals.total",
        },
    ),
}


def told(objects: Objects) -> dict[Place, Any]:
    """Return every field that the provider tells, by entity."""
    return dict(_told(objects))


def held(engine: Engine) -> dict[Place, Any]:
    """Return the same fields of our rows."""
    found: dict[Place, Any] = {}
    for table, fields in FIELDS.items():
        for row in _rows(engine, table, ["id", *fields], "clock_event IS NOT NULL"):
            found |= {(table, row["id"], name): row[name] for name in fields}
    for table, (_, parent, _, fields) in PARTS.items():
        for row in _rows(engine, table, [parent, *fields]):
            where = (table, row[parent], row["id"])
            found |= {(*where, name): row[name] for name in fields if name != "id"}
    return found


def differences(engine: Engine, objects: Objects) -> dict[Place, Any]:
    """Return what is not the same, as the provider has it and as we have it."""
    theirs, ours = told(objects), held(engine)
    missing = "(nothing)"
    pairs = {
        place: (theirs.get(place, missing), ours.get(place, missing))
        for place in theirs.keys() | ours.keys()
    }
    return {place: pair for place, pair in pairs.items() if pair[0] != pair[1]}


def _told(objects: Objects) -> Iterator[tuple[Place, Any]]:
    for table, fields in FIELDS.items():
        for one in objects[table]:
            yield from _fields((table, one["id"]), one, fields)
    for table, (owner, _, where, fields) in PARTS.items():
        for one in objects[owner]:
            for part in _at(one, where):
                place = (table, one["id"], _at(part, fields["id"]))
                yield from _fields(place, part, fields)


def _fields(
    place: Place, thing: Any, fields: Mapping[str, str]
) -> Iterator[tuple[Place, Any]]:
    for column, path in fields.items():
        if column != "id":
            yield (*place, column), _read(thing, column, path)


def _at(thing: Any, path: str) -> Any:
    for name in path.split("."):
        thing = None if thing is None else thing[name]
    return thing


def _read(thing: Any, column: str, path: str) -> Any:
    value = _at(thing, path)
    if value is None:
        return None
    if column.endswith("_at"):
        return datetime.fromisoformat(value)
    return int(value) if column.endswith("_minor") else value


def _rows(
    engine: Engine, table: str, columns: Sequence[str], where: str = "true"
) -> list[Mapping[str, Any]]:
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE {where}"
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]
