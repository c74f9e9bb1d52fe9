"""Gives a dead row another chance, or lets it rest: once, by name, on record.

A replay is the same row back to pending with its counters at zero; an event's
generation goes up. Whoever comes second finds the letter closed and changes nothing.
One letter is done as many are (``worker/replay_many.py``), with a word on what is wrong.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from models.operations import LetterState
from worker.audit import audit
from worker.errors import PaddlewheelError
from worker.providers.contract import KEPT, NOT_HANDLED, NOT_NEEDED, UNKNOWN_TYPE
from worker.replay_many import close, replay_part
from worker.work_tables import BY_NAME, WorkTable

_LETTER = text("SELECT * FROM dead_letters WHERE id = :id")
_TAKE_UP = text("""
WITH left_aside AS MATERIALIZED (
  SELECT id FROM inbox
  WHERE state = 'ignored' AND provider = :provider AND event_type = ANY(:types)
    AND (reason = ANY(:reasons) OR reason ^@ ANY(:prefixes))
  ORDER BY id LIMIT :most FOR UPDATE
)
UPDATE inbox SET state = 'pending', reason = NULL, last_error = NULL,
  generation = generation + 1, finished_at = NULL, pending_since = now(),
  next_attempt_at = now(), rung_until = now()
WHERE id IN (SELECT id FROM left_aside)
""")

#: Events that one transaction takes up.
TAKEN_UP_A_BATCH = 5_000


class ReplayError(PaddlewheelError):
    """The letter cannot be replayed; the message says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A row that is pending again."""

    table: WorkTable
    row_id: int


def replay(connection: Connection, letter_id: int) -> Replayed:
    """Put a dead letter's row back to pending.

    Raises:
        ReplayError: No such letter, closed already, or it is about no row.
    """
    letter = _open_letter(connection, letter_id)
    if letter.work_table is None:
        message = (
            f"Dead letter {letter_id} is a broker message that leads to no row: there"
            " is nothing to replay. The rows are rung for anyway; discard it."
        )
        raise ReplayError(message)
    table = BY_NAME[letter.work_table]
    if not replay_part(connection, [letter_id]).closed:
        # It may have been closed since it was read: the row was waited for.
        _open_letter(connection, letter_id)
        message = f"{table.name} {letter.row_id} is no longer {table.dead}."
        raise ReplayError(message)
    return Replayed(table, letter.row_id)


def discard(connection: Connection, letter_id: int) -> None:
    """Let a dead letter rest.

    Raises:
        ReplayError: No such letter, or closed already.
    """
    _open_letter(connection, letter_id)
    if not close(connection, [letter_id], LetterState.DISCARDED):
        _open_letter(connection, letter_id)


def take_up_handled(
    connection: Connection, provider: str, handled: Collection[str]
) -> int:
    """Put events back to pending that an earlier release ignored for their type.

    What was ignored for another reason (``simulated``) stays so.

    Returns:
        How many there were in this batch; 0 when none is left.
    """
    parameters = {
        "provider": provider,
        "types": list(handled),
        "reasons": [NOT_HANDLED, UNKNOWN_TYPE],
        "prefixes": [KEPT, NOT_NEEDED],
        "most": TAKEN_UP_A_BATCH,
    }
    taken = connection.execute(_TAKE_UP, parameters).rowcount
    if taken:
        detail = {"types": sorted(handled)}
        audit(connection, "events taken up", f"{taken} of {provider}", detail)
    return taken


def _open_letter(connection: Connection, letter_id: int) -> Row[Any]:
    letter = connection.execute(_LETTER, {"id": letter_id}).one_or_none()
    if letter is None:
        raise ReplayError(f"There is no dead letter {letter_id}.")
    if letter.state != LetterState.OPEN:
        raise ReplayError(f"Dead letter {letter_id} was {letter.state} already.")
    return letter
