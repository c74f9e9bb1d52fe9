"""Writes many rows in one statement: ``unnest`` of one array per column.

The casts come from the models, so a column has its type in one place. Used on the
hot path, where an ORM's row-by-row work costs twenty times as much; elsewhere the
models themselves are used.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.sqltypes import Enum

from models.key import Key

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
Row = tuple[Any, ...]


def upsert(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Iterable[Row],
    *,
    newer_by: tuple[str, ...] = (),
) -> None:
    """Insert rows; where the primary key is there already, replace the columns.

    Args:
        connection: An open transaction.
        table: The table.
        columns: Which columns the rows have, the whole primary key among them.
        rows: In the order in which they are to be locked; no key twice.
        newer_by: Replace only where these columns, as a tuple, are greater.
    """
    given = list(rows)
    if given:
        statement = _upsert(table, columns, newer_by)
        connection.execute(statement, arrays(table, columns, given))


def keys_of(keys: Iterable[Key]) -> dict[str, list[str]]:
    """Return entities' keys as the arrays ``providers`` and ``ids``, in their order."""
    ordered = list(keys)
    return {
        "providers": [key.provider for key in ordered],
        "ids": [key.id for key in ordered],
    }


def arrays(
    table: Table, columns: Sequence[str], rows: Sequence[Row]
) -> dict[str, list[Any]]:
    """Turn rows into one array per column, as ``unnested`` names them."""
    by_column = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    for name, values in by_column.items():
        if isinstance(table.columns[name].type, JSONB):
            by_column[name] = [None if v is None else Jsonb(v) for v in values]
    return by_column


def unnested(table: Table, columns: Iterable[str], alias: str = "given") -> str:
    """Return a FROM item with the given columns, fed by ``arrays``."""
    names = tuple(columns)
    casts = ", ".join(f"CAST(:{name} AS {_type(table, name)}[])" for name in names)
    return f"unnest({casts}) AS {alias}({', '.join(names)})"


@cache
def _upsert(
    table: Table, columns: tuple[str, ...], newer_by: tuple[str, ...]
) -> TextClause:
    key = [column.name for column in table.primary_key]
    listed = ", ".join(columns)
    changes = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in key)
    sql = (
        f"INSERT INTO {table.name} AS kept ({listed})"  # noqa: S608 (names of ours)
        f" SELECT {listed} FROM {unnested(table, columns)}"
        f" ON CONFLICT ({', '.join(key)})"
        f" DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"
    )
    if newer_by:
        new, old = (
            ", ".join(f"{side}.{c}" for c in newer_by) for side in ("excluded", "kept")
        )
        sql += f" WHERE ({new}) > ({old})"
    return text(sql)


def _type(table: Table, name: str) -> str:
    kind = table.columns[name].type
    return "text" if isinstance(kind, Enum) else str(kind.compile(dialect=DIALECT))


def by_key(
    connection: Connection, statement: TextClause, keys: Iterable[Key]
) -> dict[Key, list[sqlalchemy.Row[Any]]]:
    """Run a statement for some keys, and sort what it finds by its first two columns."""
    found: dict[Key, list[sqlalchemy.Row[Any]]] = defaultdict(list)
    wanted = sorted(set(keys))
    if wanted:
        for row in connection.execute(statement, keys_of(wanted)):
            found[Key(row[0], row[1])].append(row)
    return found
