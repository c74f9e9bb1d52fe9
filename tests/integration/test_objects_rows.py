"""Rows that were edited or deleted by hand come back exactly as they were."""

from typing import Any

import pytest
from sqlalchemy import Column, Engine, Table
from sqlalchemy.dialects.postgresql import JSONB

from models.reconciliation import RunKind
from models.tables.ledger import (
    Adjustment,
    AdjustmentLine,
    Payment,
    Transaction,
    TransactionLine,
)
from models.tables.parties import Customer
from models.tables.subscriptions import Subscription, SubscriptionItem
from tests import subscriptions
from tests.factories import one, rows
from tests.fetching import tell
from tests.purchases import Body, adjustment, purchase
from tests.reconciling_objects import Shelf, edit, reconcile
from worker.bulk import DIALECT
from worker.differences import LINES, OURS, PAYMENTS
from worker.ledger import CLOCK, MERGED, table_of
from worker.providers.api import ApiList

#: Which tables an entity is in, and how a difference in its parts is called.
ENTITIES: dict[RunKind, dict[Table, str]] = {
    RunKind.CUSTOMERS: {table_of(Customer): ""},
    RunKind.TRANSACTIONS: {
        table_of(Transaction): "",
        table_of(TransactionLine): LINES,
        table_of(Payment): PAYMENTS,
    },
    RunKind.SUBSCRIPTIONS: {
        table_of(Subscription): "",
        table_of(SubscriptionItem): LINES,
    },
    RunKind.ADJUSTMENTS: {table_of(Adjustment): "", table_of(AdjustmentLine): LINES},
}
#: Not the provider's: our clocks and markers, and what we compute.
NOT_TOLD = {*CLOCK, *OURS, MERGED, "confirmed_at", "waits_since"}
#: What healing changes: it is another event that tells the same.
CLOCKS = "'clock_occurred_at' - 'clock_event' - 'confirmed_at' - 'waits_since'"
#: By PostgreSQL's type: another value than the one that is there.
OTHER = {
    "TEXT": "concat({0}, 'x')",
    "BIGINT": "coalesce({0}, 0) + 1",
    "INTEGER": "coalesce({0}, 0) + 1",
    "BOOLEAN": "NOT {0}",
    "TIMESTAMP WITH TIME ZONE": "coalesce({0}, now()) + interval '1 day'",
}
FIELDS = "SELECT detail -> 'fields' FROM findings WHERE kind = 'differs_from_provider'"


def began(**data: Any) -> list[Body]:
    """A subscription whose first transaction was opened before it."""
    customer, made, charged = subscriptions.begun(**data)
    charged["data"]["created_at"] = subscriptions.stamp(-30.1)
    return [customer, made, charged]


@pytest.fixture
def told() -> list[Body]:
    """One of each."""
    return [*purchase(), adjustment(total=100), *began(transaction_id="txn_life1")]


@pytest.fixture
def bought(asking: Engine, told: list[Body]) -> Engine:
    """A database that was told."""
    tell(asking, *told)
    return asking


@pytest.fixture
def shelf(told: list[Body]) -> Shelf:
    """What the provider has after that; how a subscription began it does not say."""
    shelf = Shelf(*told)
    for data in shelf.entities[ApiList.SUBSCRIPTIONS].values():
        del data["transaction_id"]
    return shelf


def whole(engine: Engine, kind: RunKind) -> dict[str, list[Any]]:
    return {
        table.name: rows(
            engine,
            f"SELECT to_jsonb(t) - {CLOCKS} AS row FROM {table.name} t ORDER BY row",
        )
        for table in ENTITIES[kind]
    }


def told_columns(table: Table) -> list[Column[Any]]:
    return [
        column
        for column in table.columns
        if not column.primary_key and column.name not in NOT_TOLD
    ]


def other(column: Column[Any]) -> str:
    if isinstance(column.type, JSONB):
        return """'{"edited": true}'"""
    return OTHER[str(column.type.compile(dialect=DIALECT))].format(column.name)


@pytest.mark.parametrize("kind", ENTITIES)
def test_what_was_deleted_comes_back_whole(
    bought: Engine, shelf: Shelf, kind: RunKind
) -> None:
    rightly = whole(bought, kind)
    for table in ENTITIES[kind]:
        edit(bought, f"DELETE FROM {table.name}")

    ended = reconcile(bought, shelf, kind)

    assert ended["healed"] == ended["found"] == len(shelf.entities[ApiList(kind.value)])
    assert whole(bought, kind) == rightly
    assert reconcile(bought, shelf, kind)["found"] == 0


@pytest.mark.parametrize(
    ("kind", "table", "part"),
    [
        (kind, table, part)
        for kind in ENTITIES
        for table, part in ENTITIES[kind].items()
    ],
    ids=str,
)
def test_every_column_that_was_edited_is_seen_and_comes_back(
    bought: Engine, shelf: Shelf, kind: RunKind, table: Table, part: str
) -> None:
    rightly = whole(bought, kind)
    columns = told_columns(table)
    changes = ", ".join(f"{column.name} = {other(column)}" for column in columns)
    edit(bought, f"UPDATE {table.name} SET {changes}")

    ended = reconcile(bought, shelf, kind)

    seen = {name for (fields,) in rows(bought, FIELDS) for name in fields}
    assert seen == ({part} if part else {column.name for column in columns})
    assert ended["healed"] == ended["found"] > 0
    assert whole(bought, kind) == rightly


@pytest.mark.parametrize(
    "kinds",
    [
        (RunKind.TRANSACTIONS, RunKind.SUBSCRIPTIONS),
        (RunKind.SUBSCRIPTIONS, RunKind.TRANSACTIONS),
    ],
)
def test_how_a_subscription_began_is_found_again(
    bought: Engine, shelf: Shelf, kinds: tuple[RunKind, ...]
) -> None:
    for kind in kinds:
        for table in ENTITIES[kind]:
            edit(bought, f"DELETE FROM {table.name}")

    for kind in kinds:
        reconcile(bought, shelf, kind)

    assert one(bought, "SELECT first_transaction_id FROM subscriptions") == "txn_life1"


def test_a_renewal_is_not_taken_for_the_beginning(core: Engine) -> None:
    customer, made, _ = began()
    tell(core, customer, made, subscriptions.charge(number=2, at=-1))

    assert one(core, "SELECT first_transaction_id FROM subscriptions") is None
