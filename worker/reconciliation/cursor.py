"""How far the provider's list of events was compared: the stored cursor.

It lags ``OVERLAP`` behind, so that each walk reads the last minutes again: an event
whose delivery was under way, or that the provider listed late, is seen by the next one.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import Connection, text

from models.reconciliation import RunScope
from worker.envelope import Envelope

OVERLAP = timedelta(minutes=10)
#: How long providers list events.
LISTED_FOR = timedelta(days=90)
#: How positions of a walk begin that is not behind an id: from the list's oldest, back
#: from its newest, behind a page that showed nothing, and what is asked after the last.
OLDEST, BACK, HOLE, EXPLAIN = ">", "<", "!", "?"

_READ = text("SELECT position, reached_at FROM cursors WHERE name = :name")
# Ids sort by creation, as bytes. A walk from further back takes nothing back.
_MOVE = text("""
INSERT INTO cursors AS old (name, position, reached_at)
VALUES (:name, :position, :reached_at)
ON CONFLICT (name) DO UPDATE SET moved_at = now(),
  position = greatest(old.position COLLATE "C", excluded.position COLLATE "C"),
  reached_at = greatest(old.reached_at, excluded.reached_at)
""")
_FORGET = text("UPDATE cursors SET position = '', moved_at = now() WHERE name = :name")


def name_of(provider: str) -> str:
    """Return the cursor's name."""
    return f"events:{provider}"


def begin(
    connection: Connection,
    provider: str,
    scope: RunScope = RunScope.RECENT,
    since: datetime | None = None,
) -> str:
    """Return the position at which a new run of events begins.

    Args:
        connection: The transaction that adds the run.
        provider: Whose events.
        scope: Of the run; only ``recent`` goes on where the last walk ended.
        since: What the run was asked to go back to.

    Returns:
        Empty where there is no cursor: the walk itself decides.
    """
    if scope is not RunScope.RECENT:
        return ""
    row = connection.execute(_READ, {"name": name_of(provider)}).one_or_none()
    if row is None:
        return ""
    if since is not None and (row.reached_at is None or since < row.reached_at):
        return BACK
    return row.position or OLDEST


def reached(connection: Connection, provider: str) -> datetime | None:
    """Return before when everything was compared; None: nothing was."""
    row = connection.execute(_READ, {"name": name_of(provider)}).one_or_none()
    return row.reached_at if row else None


def move(
    connection: Connection, provider: str, position: str, reached_at: datetime | None
) -> None:
    """Move the cursor forward; it never goes back."""
    connection.execute(
        _MOVE,
        {"name": name_of(provider), "position": position, "reached_at": reached_at},
    )


def forget(connection: Connection, provider: str) -> None:
    """Let go of an id that the provider no longer knows."""
    connection.execute(_FORGET, {"name": name_of(provider)})


def settled(events: Iterable[Envelope], before: datetime) -> Envelope | None:
    """Return the last event in front of the first that is not older.

    Args:
        events: A page, in the order of ids; odd ones have no time.
        before: What counts as old.
    """
    old = takewhile(
        lambda one: one.occurred_at is None or one.occurred_at < before, events
    )
    return next((one for one in reversed(list(old)) if not one.is_odd), None)
