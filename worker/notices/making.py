"""Makes the messages about money that are due, each once."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from models.key import Key
from models.notices import NoticeKind
from worker.bulk import keys_of
from worker.notices.due import DUE
from worker.notices.news import WAYS
from worker.settings import Settings

#: Made by one tick of the clock, at most; the rest by the next one.
MOST = 1000
_ONLY = """(s.provider, s.{column}) IN (
  SELECT * FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[])))"""


class Named(StrEnum):
    """What the keys name that are asked about."""

    SUBJECTS = "id"
    #: Whatever these have bought.
    CUSTOMERS = "customer_id"


def make_all(connection: Connection, kind: NoticeKind, config: Settings) -> list[int]:
    """Make the messages of a kind that the clock has made due; see ``make``."""
    values = {"most": MOST, **times_of(config)}
    return _make(connection, _making(kind, None), kind, values)


def make(
    connection: Connection,
    kind: NoticeKind,
    config: Settings,
    keys: Collection[Key],
    named: Named = Named.SUBJECTS,
) -> list[int]:
    """Make the messages of one kind that are due.

    Args:
        connection: An open transaction.
        kind: A kind about money.
        config: The settings.
        keys: Only about these.
        named: What the keys are.

    Returns:
        Ids of the new rows of ``notifications``.
    """
    if not keys:
        return []
    # No limit: nobody comes back for what an event has told.
    values = {"most": None, **keys_of(sorted(keys)), **times_of(config)}
    return _make(connection, _making(kind, named), kind, values)


def _make(
    connection: Connection,
    statement: TextClause,
    kind: NoticeKind,
    values: Mapping[str, Any],
) -> list[int]:
    known = _only_named(statement, {"kind": kind, **values})
    return list(connection.execute(statement, known).scalars())


def what_made(
    connection: Connection, kind: NoticeKind, key: str, subject: Key, config: Settings
) -> Row[Any] | None:
    """Return what made a message due; None: it is no longer true.

    Returns:
        ``event_id``, and ``due_at`` if it is the clock.
    """
    values = {"key": key, **keys_of([subject]), **times_of(config)}
    statement = _still(kind)
    return connection.execute(statement, _only_named(statement, values)).first()


def times_of(config: Settings) -> dict[str, timedelta]:
    """Return how long is waited, as the statements name it."""
    return {
        "trial": timedelta(days=config.notify_trial_days),
        "parked": timedelta(minutes=config.notify_parked_minutes),
        "checkout": timedelta(hours=config.notify_checkout_hours),
    }


@cache
def _making(kind: NoticeKind, named: Named | None) -> TextClause:
    due = DUE[kind].statement(_only(named))
    return text(f"""
INSERT INTO notifications (key, kind, channel, learner_id, provider, subject_id)
SELECT due.key || way.suffix, :kind, way.channel, due.learner_id, due.provider,
       due.subject_id
FROM ({due}) AS due
CROSS JOIN LATERAL {WAYS.format(learner="due.learner_id")} AS way
WHERE NOT EXISTS (SELECT FROM notifications n WHERE n.key = due.key || way.suffix)
ORDER BY due.key, way.channel LIMIT CAST(:most AS bigint)
ON CONFLICT (key) DO NOTHING
RETURNING id
""")  # noqa: S608 (constants)


@cache
def _still(kind: NoticeKind) -> TextClause:
    due = DUE[kind].statement(_only(Named.SUBJECTS), is_made=True)
    return text(f"""
SELECT due.event_id, due.due_at FROM ({due}) AS due WHERE due.key = :key
""")  # noqa: S608


def _only(named: Named | None) -> str:
    return "true" if named is None else _ONLY.format(column=named)


def _only_named(statement: TextClause, values: dict[str, Any]) -> dict[str, Any]:
    named = statement.compile().params
    return {name: value for name, value in values.items() if name in named}
