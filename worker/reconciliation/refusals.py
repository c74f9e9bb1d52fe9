"""Why a provider is not asked how it delivered, and since when.

Kept among the cursors, one row for each provider, as long as it is so.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

#: Who was refused asks again after that; who had no answer, after that.
PAUSE = timedelta(minutes=10)
PAUSE_OF_OUTAGE = timedelta(minutes=2)

_REFUSED = text("""
INSERT INTO cursors (name, position) VALUES (:name, :words)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, moved_at = now()
""")
_ANSWERED = text("DELETE FROM cursors WHERE name = :name")
_READ = text("""
SELECT position AS words, moved_at > now() - CASE WHEN position = ''
  THEN CAST(:outage AS interval) ELSE CAST(:pause AS interval) END AS is_fresh
FROM cursors WHERE name = :name
""")


def note(connection: Connection, provider: str, words: str) -> None:
    """Note how the provider answered; empty words: it did."""
    named = {"name": _name_of(provider)}
    if words:
        connection.execute(_REFUSED, {**named, "words": words})
    else:
        connection.execute(_ANSWERED, named)


def put_off(connection: Connection, provider: str) -> None:
    """Note that it did not answer: no person has to do anything about that."""
    connection.execute(_REFUSED, {"name": _name_of(provider), "words": ""})


def refusal(connection: Connection, provider: str) -> str:
    """Return why the provider may not be asked; empty: it may, or never was."""
    row = _read(connection, provider)
    return row.words if row else ""


def is_fresh(connection: Connection, provider: str) -> bool:
    """Tell whether it was asked in vain so lately that it is not asked again."""
    row = _read(connection, provider)
    return bool(row and row.is_fresh)


def _read(connection: Connection, provider: str) -> Row[Any] | None:
    pauses = {"pause": PAUSE, "outage": PAUSE_OF_OUTAGE}
    given = {"name": _name_of(provider), **pauses}
    return connection.execute(_READ, given).one_or_none()


def _name_of(provider: str) -> str:
    return f"explanations:{provider}"
