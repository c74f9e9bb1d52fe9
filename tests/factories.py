"""Rows as the product would have written them, for tests that begin in the middle."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from tests.purchases import Body, encoded
from worker.work_tables import WorkTable

_EVENT = text("""
INSERT INTO inbox (provider, event_id, event_type, occurred_at, digest, received_at)
VALUES ('paddle', :event_id, :event_type, :occurred_at, :digest,
        coalesce(:received_at, now()))
ON CONFLICT DO NOTHING RETURNING id, received_at
""")
_LINE = text("""
INSERT INTO transaction_lines
  (provider, transaction_id, id, price_id, quantity, recurring, prorated,
   subtotal_minor, discount_minor, tax_minor, total_minor)
VALUES ('paddle', :id, :line_id, :price_id, 1, false, false, 0, 0, 0, 0)
""")
_BODY = text("INSERT INTO inbox_bodies VALUES (:id, :received_at, :body)")


def add_event(connection: Connection, body: Body) -> int:
    """Store an event as the receiver does; return its row's id."""
    return add_bytes(
        connection,
        encoded(body),
        body["event_id"],
        body["event_type"],
        datetime.fromisoformat(body["occurred_at"]),
    )


def add_bytes(
    connection: Connection,
    raw: bytes,
    event_id: str,
    event_type: str | None = None,
    occurred_at: datetime | None = None,
) -> int:
    """Store raw bytes; without a type they count as odd."""
    row = connection.execute(
        _EVENT,
        {
            "event_id": event_id,
            "event_type": event_type,
            "occurred_at": occurred_at,
            "digest": hashlib.sha256(raw).digest(),
            "received_at": datetime.now(UTC),
        },
    ).one()
    where = {"id": row.id, "received_at": row.received_at, "body": raw}
    connection.execute(_BODY, where)
    return int(row.id)


def add_events(engine: Engine, bodies: Iterable[Body]) -> list[int]:
    """Store events, in order, in one transaction."""
    with engine.begin() as connection:
        return [add_event(connection, body) for body in bodies]


def add_work(engine: Engine, rows: int, **columns: Any) -> list[int]:
    """Add plain inbox rows without bodies, for tests of the lifecycle alone."""
    with engine.begin() as connection:
        ids = connection.execute(
            text("""
            INSERT INTO inbox (provider, event_id, digest)
            SELECT 'paddle', 'evt_' || n, '' FROM generate_series(1, :rows) AS n
            ORDER BY n RETURNING id
            """),
            {"rows": rows},
        ).scalars()
        made = sorted(ids)
    for name, value in columns.items():
        change(engine, made, name, value)
    return made


def change(engine: Engine, ids: Iterable[int], column: str, value: Any) -> None:
    """Set one column of inbox rows."""
    with engine.begin() as connection:
        statement = text(f"UPDATE inbox SET {column} = :value WHERE id = ANY(:ids)")
        connection.execute(statement, {"value": value, "ids": list(ids)})


def add_offer(
    engine: Engine,
    price: str,
    course: str,
    *,
    days: int | None = None,
    version: int = 1,
) -> int:
    """Add an offer; an older version of the same course ends."""
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO courses (key, kind, title) VALUES (:course, 'course', :course)
            ON CONFLICT DO NOTHING
            """),
            {"course": course},
        )
        connection.execute(
            text("""
            UPDATE offers SET valid_until = now()
            WHERE price_id = :price AND course_key = :course AND valid_until IS NULL
            """),
            {"price": price, "course": course},
        )
        added = connection.execute(
            text("""
            INSERT INTO offers (provider, price_id, course_key, version, days)
            VALUES ('paddle', :price, :course, :version, :days) RETURNING id
            """),
            {"price": price, "course": course, "version": version, "days": days},
        )
        return int(added.scalar_one())


def rows(engine: Engine, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def one(engine: Engine, query: str, **values: Any) -> Any:
    """Return the one value that a query finds."""
    ((value,),) = rows(engine, query, **values)
    return value


def make_due(engine: Engine, table: WorkTable) -> None:
    """Let the time pass that pending rows have to wait."""
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE {table.name} SET next_attempt_at = now() - interval '1 s'")
        )


def add_line(
    engine: Engine, transaction_id: str, price_id: str, line_id: str | None = None
) -> None:
    """Add a line to a transaction, one of the price for nothing."""
    values = {"id": transaction_id, "price_id": price_id}
    with engine.begin() as connection:
        connection.execute(_LINE, {**values, "line_id": line_id or price_id})
