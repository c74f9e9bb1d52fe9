"""Everything the local Paddle knows, in one SQLite file.

One connection, used from the server's event loop only. Each change is a transaction
that never spans an ``await``, so a ``kill -9`` leaves a purchase whole or absent, and
deliveries that were due stay due. ``synchronous=NORMAL`` in WAL mode outlives the
death of the process; only a power cut may cost the last moments, which is fine here.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_paddle.clock import instant_of
from local_paddle.signing import compact

Entity = dict[str, Any]

FILE_NAME = "paddle.sqlite3"
FOLDER_MODE = 0o700

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entities_email
    ON entities (kind, lower(json_extract(body, '$.email')));
CREATE INDEX IF NOT EXISTS entities_customer
    ON entities (kind, json_extract(body, '$.customer_id'));
CREATE INDEX IF NOT EXISTS entities_transaction
    ON entities (kind, json_extract(body, '$.transaction_id'));
CREATE TABLE IF NOT EXISTS events (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    event_type TEXT NOT NULL, occurred_at TEXT NOT NULL, entity_id TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS notifications (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, event_id TEXT, event_type TEXT,
    variant TEXT, setting_id TEXT NOT NULL, origin TEXT NOT NULL, body BLOB NOT NULL,
    occurred_at TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'not_attempted',
    due_at REAL, times_attempted INTEGER NOT NULL DEFAULT 0, fault TEXT,
    last_attempt_at TEXT, retry_at TEXT, delivered_at TEXT, replayed_at TEXT
);
CREATE INDEX IF NOT EXISTS notifications_event ON notifications (event_id);
CREATE INDEX IF NOT EXISTS notifications_due
    ON notifications (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS logs (
    id TEXT PRIMARY KEY, notification_id TEXT NOT NULL, response_code INTEGER NOT NULL,
    response_content_type TEXT, response_body TEXT NOT NULL, attempted_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logs_notification ON logs (notification_id, id);
CREATE TABLE IF NOT EXISTS deliveries (
    n INTEGER PRIMARY KEY AUTOINCREMENT, notification_id TEXT NOT NULL, fault TEXT,
    outcome TEXT NOT NULL DEFAULT 'in_flight', status_code INTEGER,
    answer_lost INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_notification ON deliveries (notification_id);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS agenda (
    deed TEXT NOT NULL, entity_id TEXT NOT NULL, at INTEGER NOT NULL,
    turn INTEGER NOT NULL, PRIMARY KEY (deed, entity_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS agenda_due ON agenda (at, turn, entity_id);
CREATE INDEX IF NOT EXISTS entities_subscription
    ON entities (kind, json_extract(body, '$.subscription_id'));
"""


class Store:
    """The SQLite file and the few statements that every part shares."""

    def __init__(self, folder: Path) -> None:
        """Open the file, making folder and tables as needed."""
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            folder / FILE_NAME, isolation_level=None, check_same_thread=False
        )
        self._db.row_factory = sqlite3.Row
        self._db.create_function("instant", 1, _microseconds_of, deterministic=True)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all changes inside, or none; inner transactions join the outer."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement and return the rows it changed."""
        return self._db.execute(sql, values).rowcount

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self._db.execute(sql, values).fetchall()

    def value(self, sql: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401
        """Return the first column of the first row, or None."""
        row = self._db.execute(sql, values).fetchone()
        return row[0] if row else None

    def insert(self, table: str, **columns: object) -> int:
        """Add a row and return its number."""
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        return self._db.execute(sql, tuple(columns.values())).lastrowid or 0

    def put(self, kind: str, entity: Entity) -> None:
        """Write an entity, new or changed."""
        self.run(
            "INSERT INTO entities VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, entity["id"], compact(entity)),
        )

    def drop(self, kind: str, entity_id: str) -> None:
        """Forget an entity."""
        self.run("DELETE FROM entities WHERE kind = ? AND id = ?", (kind, entity_id))

    def get(self, kind: str, entity_id: str) -> Entity | None:
        """Return one entity, or None."""
        return _entity(
            self.value(
                "SELECT body FROM entities WHERE kind = ? AND id = ?", (kind, entity_id)
            )
        )

    def all(self, kind: str) -> list[Entity]:
        """Return every entity of a kind, oldest first."""
        found = self.rows(
            "SELECT body FROM entities WHERE kind = ? ORDER BY id", (kind,)
        )
        return [json.loads(row["body"]) for row in found]

    def having(self, kind: str, field: str, value: str) -> list[Entity]:
        """Return the entities of a kind whose field has this value, oldest first."""
        found = f"kind = ? AND json_extract(body, '$.{field}') = ?"
        sql = f"SELECT body FROM entities WHERE {found} ORDER BY id"  # noqa: S608
        return [json.loads(row["body"]) for row in self.rows(sql, (kind, value))]

    def customer_of(self, email: str) -> Entity | None:
        """Return the customer with this e-mail, whatever its case, or None."""
        return _entity(
            self.value(
                "SELECT body FROM entities WHERE kind = 'customer'"
                " AND lower(json_extract(body, '$.email')) = lower(?) ORDER BY id",
                (email,),
            )
        )

    def fact(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return a remembered value."""
        text = self.value("SELECT value FROM facts WHERE name = ?", (name,))
        return default if text is None else json.loads(text)

    def remember(self, name: str, value: object) -> None:
        """Keep a small value under a name."""
        self.run(
            "INSERT INTO facts VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, compact(value)),
        )

    def next_number(self, name: str, first: int) -> int:
        """Count up a number that survives restarts."""
        number = int(self.fact(name, first - 1)) + 1
        self.remember(name, number)
        return number


def _entity(body: str | None) -> Entity | None:
    return json.loads(body) if body is not None else None


def _microseconds_of(text: str | None) -> int | None:
    # Timestamps differ in their number of digits, so they never compare as text.
    if text is None:
        return None
    try:
        return int(instant_of(text).timestamp() * 1_000_000)
    except ValueError:
        return None
