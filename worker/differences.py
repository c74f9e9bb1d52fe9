"""What a provider's answers say, and in what our rows differ from that.

Compared in the database, as the answers would be stored: no rounding or spelling of
ours can look like a difference for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, TextClause, text

from models.clock import Clock
from models.key import Key
from models.snapshot import Snapshot
from models.snapshots import PaymentSnapshot, TransactionSnapshot
from models.tables.ledger import Payment
from worker.bulk import Row, arrays, keys_of, unnested
from worker.errors import MalformedPayloadError
from worker.ledger import CLOCK, ENTITIES, KEY, Entity, Part, facts_of, table_of
from worker.providers.contract import Ignored, StoredEvent, SyntheticEvent
from worker.providers.registry import PROVIDERS

#: Computed by us, by our settings or in our words: the provider has no part in it.
OURS = frozenset({"user_id", "user_refusal", "failure"})
#: What stands for an entity's lines and payments among the names of its fields.
LINES = "lines"
PAYMENTS = "payments"


@dataclass(frozen=True, slots=True)
class Told:
    """An entity that was asked for, as an event, and what that says."""

    event: SyntheticEvent
    snapshot: Snapshot


@dataclass(slots=True)
class Known:
    """What the ledger has of an entity, against what was told of it."""

    clock: Clock
    #: Names of what differs.
    fields: list[str]
    #: The latest event that our rows come from, of those that tell the very state that
    #: was told now; None: none of ours tells that.
    latest: datetime | None = None


def told_of(provider: str, kind: str, entity: bytes, **event: Any) -> Told:  # noqa: ANN401 (see there)
    """Read an entity that was asked for.

    Args:
        provider: Who was asked.
        kind: As in ``customer``.
        entity: As the API wrote it.
        **event: See ``worker.providers.contract.Provider.synthetic``.

    Raises:
        MalformedPayloadError: It is no such entity; the message names the field.
    """
    made = PROVIDERS[provider].synthetic(kind, entity, **event)
    return Told(made, snapshot_of(provider, made))


def snapshot_of(provider: str, made: SyntheticEvent) -> Snapshot:
    """Return what an event of an answer says.

    Raises:
        MalformedPayloadError: It cannot be understood.
    """
    parts = (made.event_id, made.event_type, made.occurred_at, made.body)
    reading = PROVIDERS[provider].read(StoredEvent(0, provider, *parts))
    if isinstance(reading, Ignored):
        raise MalformedPayloadError(reading.reason)
    return reading


def differences(
    connection: Connection, snapshots: Sequence[Snapshot]
) -> dict[Key, Known]:
    """Compare some entities of one kind with our rows, without locking them.

    Returns:
        What the ledger has of each that it knows more of than the name.
    """
    if not snapshots:
        return {}
    entity = ENTITIES[type(snapshots[0])]
    known = _known(connection, entity, snapshots)
    if entity.part is not None:
        for key in _other_parts(connection, entity.part, snapshots):
            if key in known:
                known[key].fields.append(LINES)
    if entity.snapshot is TransactionSnapshot:
        _compare_payments(connection, snapshots, known)
    return known


def _known(
    connection: Connection, entity: Entity, snapshots: Sequence[Snapshot]
) -> dict[Key, Known]:
    facts = _compared(entity.facts)
    rows = [(*one.key, *_values(one, facts)) for one in snapshots]
    given = arrays(entity.table, KEY + facts, rows)
    found = connection.execute(_rows_statement(entity.table, facts), given)
    updated = {one.key: one.clock.updated_at for one in snapshots}
    known = {}
    for row in found:
        key, clock = Key(row.provider, row.id), Clock(*row[2:7])
        latest = clock.occurred_at if clock.updated_at == updated[key] else None
        known[key] = Known(clock, list(row.fields), latest)
    return known


def _other_parts(
    connection: Connection, part: Part, snapshots: Sequence[Snapshot]
) -> list[Key]:
    """Return the entities whose lines are not those that were told."""
    table = table_of(part.model)
    facts = tuple(facts_of(part.snapshot, part.model))
    columns = ("provider", part.parent, *facts)
    rows = [
        (*one.key, *_values(line, facts))
        for one in snapshots
        for line in getattr(one, "lines")  # noqa: B009 (kinds with parts have it)
    ]
    statement = _parts_statement(table, part.parent, columns)
    given = {**_arrays(table, columns, rows), **keys_of(one.key for one in snapshots)}
    return [Key(*row) for row in connection.execute(statement, given)]


def _compare_payments(
    connection: Connection, snapshots: Sequence[Snapshot], known: dict[Key, Known]
) -> None:
    """Look at the payments that were told; others stay as they were told before."""
    table = table_of(Payment)
    facts = _compared(tuple(facts_of(PaymentSnapshot, Payment)))
    columns = ("provider", "transaction_id", *facts, "clock_updated_at")
    rows = [
        (*one.key, *_values(payment, facts), one.clock.updated_at)
        for one in snapshots
        if isinstance(one, TransactionSnapshot)
        for payment in one.payments
    ]
    statement = _payments_statement(table, columns, facts)
    for row in connection.execute(statement, _arrays(table, columns, rows)):
        mine = known.get(Key(row.provider, row.transaction_id))
        if mine is None:
            continue
        if row.differs:
            mine.fields.append(PAYMENTS)
        if row.latest is not None:
            mine.latest = max(row.latest, mine.latest or row.latest)


def _compared(facts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in facts if name not in OURS)


def _values(thing: object, names: Sequence[str]) -> Row:
    return tuple(getattr(thing, name) for name in names)


def _arrays(
    table: Table, columns: Sequence[str], rows: Sequence[Row]
) -> dict[str, list[Any]]:
    return arrays(table, columns, rows) if rows else {name: [] for name in columns}


@cache
def _rows_statement(table: Table, facts: tuple[str, ...]) -> TextClause:
    clock = ", ".join(f"known.{name}" for name in CLOCK)
    names = ", ".join(
        f"CASE WHEN known.{name} IS DISTINCT FROM told.{name} THEN '{name}' END"
        for name in facts
    )
    return text(
        f"SELECT known.provider, known.id, {clock},"  # noqa: S608 (names of ours)
        f" array_remove(CAST(ARRAY[{names}] AS text[]), NULL) AS fields"
        f" FROM {unnested(table, KEY + facts, 'told')}"
        f" JOIN {table.name} AS known USING (provider, id)"
        " WHERE known.clock_event IS NOT NULL"
    )


@cache
def _parts_statement(table: Table, parent: str, columns: tuple[str, ...]) -> TextClause:
    listed = ", ".join(columns)
    return text(
        f"WITH told AS (SELECT {listed} FROM {unnested(table, columns)}),"  # noqa: S608 (names of ours)
        f" known AS (SELECT {listed} FROM {table.name} JOIN unnest("
        f"CAST(:providers AS text[]), CAST(:ids AS text[])) AS asked(provider, {parent})"
        f" USING (provider, {parent}))"
        f" SELECT DISTINCT provider, {parent} FROM ("
        "(TABLE told EXCEPT TABLE known) UNION ALL (TABLE known EXCEPT TABLE told)"
        ") AS differing"
    )


# A payment that a later state told stays as that told it.
@cache
def _payments_statement(
    table: Table, columns: tuple[str, ...], facts: tuple[str, ...]
) -> TextClause:
    ours, theirs = (
        ", ".join(f"{side}.{name}" for name in facts) for side in ("known", "told")
    )
    return text(
        "SELECT told.provider, told.transaction_id,"  # noqa: S608 (names of ours)
        " bool_or(known.id IS NULL OR (known.clock_updated_at <= told.clock_updated_at"
        f" AND ROW({ours}) IS DISTINCT FROM ROW({theirs}))) AS differs,"
        " max(known.clock_occurred_at)"
        " FILTER (WHERE known.clock_updated_at = told.clock_updated_at) AS latest"
        f" FROM {unnested(table, columns, 'told')}"
        f" LEFT JOIN {table.name} AS known USING (provider, transaction_id, id)"
        " GROUP BY told.provider, told.transaction_id"
    )
