"""Dead letters: filed once per subject, replayed once, whoever asks how often.

A letter about a row is the row's own state told a second time, for people; replaying
it puts the same row back to pending. Nothing is copied, so nothing can differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from worker.failures import Failure
from worker.work_tables import Claimant, WorkTable

_BURY = text("""
INSERT INTO dead_letters
  (subject, work_table, row_id, task, task_id, worker, error_class, error, place,
   attempts)
SELECT :table || ':' || row_id, :table, row_id, :task, :task_id, :worker,
       error_class, error, place, attempts
FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS bigint[]),
            CAST(:classes AS text[]), CAST(:errors AS text[]),
            CAST(:places AS text[]))
  AS dead(row_id, attempts, error_class, error, place)
ON CONFLICT (subject) DO UPDATE SET
  state = 'open', task_id = excluded.task_id, worker = excluded.worker,
  error_class = excluded.error_class, error = excluded.error,
  place = excluded.place, attempts = excluded.attempts,
  created_at = now(), closed_at = NULL
RETURNING row_id, id
""")
_CLOSE = text("""
UPDATE dead_letters SET state = 'replayed', closed_at = now()
WHERE state = 'open' AND subject = ANY(:subjects)
""")
_FILE = text("""
INSERT INTO dead_letters
  (subject, task, task_id, worker, error_class, error, message)
VALUES (:subject, :task, :task_id, :worker, :error_class, :error, :message)
ON CONFLICT (subject) DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Burial:
    """A row that is dead, and why."""

    row_id: int
    attempts: int
    failure: Failure


def bury(
    connection: Connection,
    table: WorkTable,
    who: Claimant,
    burials: Sequence[Burial],
) -> dict[int, int]:
    """File a letter for each row that died in this transaction.

    Returns:
        The letter's id for each row.
    """
    if not burials:
        return {}
    filed = connection.execute(
        _BURY,
        {
            "table": table.name,
            "task": table.task,
            "task_id": who.task_id,
            "worker": who.worker,
            "ids": [burial.row_id for burial in burials],
            "attempts": [burial.attempts for burial in burials],
            "classes": [burial.failure.error_class for burial in burials],
            "errors": [burial.failure.error for burial in burials],
            "places": [burial.failure.place for burial in burials],
        },
    )
    return {row.row_id: row.id for row in filed}


def close_letters(
    connection: Connection, table: WorkTable, row_ids: Sequence[int]
) -> None:
    """Close the letters about rows that are pending again by themselves."""
    subjects = [f"{table.name}:{row_id}" for row_id in row_ids]
    connection.execute(_CLOSE, {"subjects": subjects})


@dataclass(frozen=True, slots=True)
class StrayMessage:
    """A broker message that leads to no row: unknown, undecodable, wrong."""

    #: SHA-256 of the raw message, in hex.
    digest: str
    raw: bytes
    task: str | None
    task_id: str | None
    worker: str
    error_class: str
    error: str


def file_message(connection: Connection, stray: StrayMessage) -> None:
    """File a letter for a message without rows; the same message only once."""
    connection.execute(
        _FILE,
        {
            "subject": f"message:{stray.digest}",
            "task": stray.task,
            "task_id": stray.task_id,
            "worker": stray.worker,
            "error_class": stray.error_class,
            "error": stray.error,
            "message": stray.raw,
        },
    )
