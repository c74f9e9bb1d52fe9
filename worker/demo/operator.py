"""The demo's operator: hears of trouble, and does what the alert says to do.

By the functions that the commands use, and only about what was sent broken on purpose:
whatever else has died stays, and keeps its alert open.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, text

from worker.alerts.dead_letters import DeadLetters, alert_subject
from worker.alerts.letter_kinds import LetterKind, open_kinds
from worker.alerts.open_alert import open_alerts
from worker.demo.evidence import broken_on_purpose
from worker.replay_many import Kind, discard_many, open_letters

_OF_EVENTS = text("""
SELECT l.id FROM dead_letters l JOIN inbox i ON i.id = l.row_id
WHERE l.id = ANY(:letters) AND l.work_table = 'inbox' AND i.event_id = ANY(:events)
ORDER BY l.id
""")


def untold_kinds(connection: Connection) -> list[LetterKind]:
    """Return the kinds of dead letters of which nobody has been told yet."""
    told = _told(connection)
    kinds = open_kinds(connection).kinds
    return [kind for kind in kinds if alert_subject(kind) not in told]


def let_rest(engine: Engine, truth: dict[str, Any]) -> int:
    """Discard the dead letters that alerts tell of and that nobody will miss.

    Args:
        engine: The demo's own.
        truth: The local Paddle's; it says what was sent broken on purpose.

    Returns:
        How many letters were discarded.
    """
    with engine.connect() as connection:
        told = _told(connection)
        kinds = open_kinds(connection).kinds
        mine = [kind for kind in kinds if alert_subject(kind) in told]
        letters = list(_letters_of(connection, mine))
        values = {"letters": letters, "events": sorted(broken_on_purpose(truth))}
        chosen = list(connection.execute(_OF_EVENTS, values).scalars())
    return sum(part.closed for part in discard_many(engine, chosen))


def _told(connection: Connection) -> set[str]:
    return {
        alert.subject
        for alert in open_alerts(connection).values()
        if alert.kind == DeadLetters.kind and alert.is_told
    }


def _letters_of(connection: Connection, kinds: Iterable[LetterKind]) -> Iterable[int]:
    for kind in kinds:
        named = Kind(kind.task, kind.error_class, kind.place)
        yield from open_letters(connection, named)
