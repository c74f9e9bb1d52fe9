"""Writes snapshots into the ledger: locks first, facts second.

Rows that do not exist yet are made as stubs, so that there is always something to
lock; every batch locks in the same order (kinds as in ``ENTITIES``, each by key), and
only a later statement reads what it decides on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from sqlalchemy import Connection, Table, text

from models.clock import Clock
from models.fold import PaymentFact
from models.kept_snapshots import (
    AddressSnapshot,
    BusinessSnapshot,
    DiscountSnapshot,
    PriceSnapshot,
    ProductSnapshot,
)
from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import (
    AdjustmentLineSnapshot,
    AdjustmentSnapshot,
    CustomerSnapshot,
    LineSnapshot,
    PaymentSnapshot,
    SubscriptionItemSnapshot,
    SubscriptionSnapshot,
    TransactionSnapshot,
)
from models.tables.assortment import Discount, Price, Product
from models.tables.base import Base
from models.tables.ledger import (
    Adjustment,
    AdjustmentLine,
    Payment,
    Transaction,
    TransactionLine,
)
from models.tables.parties import Address, Business, Customer
from models.tables.subscriptions import Subscription, SubscriptionItem
from worker.bulk import Row, keys_of, upsert

KEY = ("provider", "id")
CLOCK = (
    "clock_terminal",
    "clock_updated_at",
    "clock_status",
    "clock_occurred_at",
    "clock_event",
)
PAYMENT_CLOCK = CLOCK[1:2] + CLOCK[3:]
#: Told by one event alone, and merged by ``worker.beginnings``.
MERGED = "first_transaction_id"


@dataclass(frozen=True)
class Part:
    """The table of an entity's lines, and the column that names the entity."""

    snapshot: type
    model: type[Base]
    parent: str


@dataclass(frozen=True)
class Entity:
    """Where a kind of snapshot is kept: a column for each field of the same name."""

    snapshot: type[Snapshot]
    model: type[Base]
    part: Part | None = None

    @property
    def table(self) -> Table:
        """The table."""
        return table_of(self.model)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """The columns that a snapshot fills, beside key and clock."""
        return tuple(name for name in facts_of(self.snapshot, self.model))


def table_of(model: type[Base]) -> Table:
    """Return the table of a model."""
    return model.__table__  # type: ignore[return-value]


def facts_of(snapshot: type, model: type[Base]) -> list[str]:
    """Return the fields that a snapshot and its table share."""
    columns = table_of(model).columns
    return [f.name for f in fields(snapshot) if f.name in columns and f.name != MERGED]


#: In the order in which they are locked and written.
ENTITIES: dict[type[Snapshot], Entity] = {
    entity.snapshot: entity
    for entity in (
        Entity(ProductSnapshot, Product),
        Entity(PriceSnapshot, Price),
        Entity(DiscountSnapshot, Discount),
        Entity(AddressSnapshot, Address),
        Entity(BusinessSnapshot, Business),
        Entity(CustomerSnapshot, Customer),
        Entity(
            TransactionSnapshot,
            Transaction,
            Part(LineSnapshot, TransactionLine, "transaction_id"),
        ),
        Entity(
            SubscriptionSnapshot,
            Subscription,
            Part(SubscriptionItemSnapshot, SubscriptionItem, "subscription_id"),
        ),
        Entity(
            AdjustmentSnapshot,
            Adjustment,
            Part(AdjustmentLineSnapshot, AdjustmentLine, "adjustment_id"),
        ),
    )
}

_STUBS = """
INSERT INTO {table} (provider, id)
SELECT provider, id FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS wanted(provider, id)
ON CONFLICT DO NOTHING
"""
# The join keeps (provider, id) pairs together; the sort is the lock order.
_CLOCKS = """
SELECT known.provider, known.id, clock_terminal, clock_updated_at, clock_status,
       clock_occurred_at, clock_event
FROM {table} AS known
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS wanted(provider, id)
  USING (provider, id)
ORDER BY known.provider, known.id {lock}
"""
_GONE_PARTS = """
DELETE FROM {table} AS part
USING unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS told(provider, id)
WHERE part.provider = told.provider AND part.{parent} = told.id
  AND NOT (part.{parent} || ' ' || part.id = ANY(:kept))
"""


def lock(
    connection: Connection, kind: type[Snapshot], keys: Iterable[Key]
) -> dict[Key, Clock]:
    """Lock entities, made as stubs where missing, and return their clocks."""
    ordered = sorted(set(keys))
    if not ordered:
        return {}
    table = ENTITIES[kind].table
    connection.execute(text(_STUBS.format(table=table.name)), keys_of(ordered))
    return _clocks(connection, table, ordered, "FOR UPDATE OF known")


def clocks(
    connection: Connection, kind: type[Snapshot], keys: Iterable[Key]
) -> dict[Key, Clock]:
    """Return the clocks of entities that another lock covers."""
    return _clocks(connection, ENTITIES[kind].table, sorted(set(keys)), "")


def write(
    connection: Connection, kind: type[Snapshot], winners: Mapping[Key, Snapshot]
) -> None:
    """Take over entities with their lines; lines no longer told are removed."""
    if not winners:
        return
    entity = ENTITIES[kind]
    rows = [
        (*key, *snapshot.clock, *_values(snapshot, entity.facts))
        for key, snapshot in sorted(winners.items())
    ]
    upsert(connection, entity.table, KEY + CLOCK + entity.facts, rows)
    if entity.part is not None:
        _write_parts(connection, entity.part, winners)


def write_payments(connection: Connection, facts: Iterable[PaymentFact]) -> None:
    """Merge payment attempts: of each, the newest telling stays."""
    names = tuple(facts_of(PaymentSnapshot, Payment))
    rows = sorted(
        (
            *fact.transaction,
            *_values(fact.payment, names),
            fact.clock.updated_at,
            fact.clock.occurred_at,
            fact.clock.event,
        )
        for fact in facts
    )
    columns = ("provider", "transaction_id", *names, *PAYMENT_CLOCK)
    upsert(connection, table_of(Payment), columns, rows, newer_by=PAYMENT_CLOCK)


def _write_parts(
    connection: Connection, part: Part, winners: Mapping[Key, Snapshot]
) -> None:
    """Replace the lines of entities: those told are there, no others."""
    facts = tuple(facts_of(part.snapshot, part.model))
    rows = [
        (*key, *_values(line, facts))
        for key, snapshot in sorted(winners.items())
        for line in getattr(snapshot, "lines")  # noqa: B009 (kinds with parts have it)
    ]
    table = table_of(part.model)
    upsert(connection, table, ("provider", part.parent, *facts), rows)
    kept = [f"{entity} {line}" for _, entity, line, *_ in rows]
    statement = text(_GONE_PARTS.format(table=table.name, parent=part.parent))
    connection.execute(statement, {**keys_of(winners), "kept": kept})


def _clocks(
    connection: Connection, table: Table, keys: Sequence[Key], lock_: str
) -> dict[Key, Clock]:
    if not keys:
        return {}
    statement = text(_CLOCKS.format(table=table.name, lock=lock_))
    return {
        Key(row.provider, row.id): Clock(*row[2:])
        for row in connection.execute(statement, keys_of(keys))
        if row.clock_event is not None
    }


def _values(thing: object, names: Sequence[str]) -> Row:
    return tuple(getattr(thing, name) for name in names)
