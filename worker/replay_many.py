"""Many dead letters at once: all of one kind get another chance, or rest.

One alert may stand for a thousand letters. Which are meant is settled once, before the
operator agrees to their number; what dies meanwhile is not among them. They are taken
in the order of their rows, some hundred in a transaction, so that an interruption
leaves whole parts done and the rest untouched.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, Engine, Row, text

from models.operations import LetterState
from worker.audit import audit_all
from worker.work_tables import BY_NAME, INBOX, WorkTable

#: Letters that one transaction closes.
LETTERS_A_BATCH = 500

# Asked at every step: a row that was replayed and died of something else meanwhile has
# the same letter, and it is not what was agreed to.
_OPEN_OF_KIND = """
state = 'open'
  AND (CAST(:task AS text) IS NULL OR task = :task)
  AND (CAST(:error_class AS text) IS NULL OR error_class = :error_class)
  AND (CAST(:place AS text) IS NULL OR place = :place)
"""
# In the order of their rows, so that what is replayed is worked on in its old order.
_OPEN = text(f"""
SELECT id FROM dead_letters WHERE {_OPEN_OF_KIND} ORDER BY work_table, row_id, id
""")  # noqa: S608 (a constant)
_READ = text(f"""
SELECT id, work_table, row_id FROM dead_letters
WHERE id = ANY(:ids) AND work_table IS NOT NULL AND {_OPEN_OF_KIND}
ORDER BY work_table, row_id
""")  # noqa: S608
_CLOSE = text(f"""
WITH mine AS (
  SELECT id FROM dead_letters WHERE id = ANY(:ids) AND {_OPEN_OF_KIND}
  ORDER BY id FOR UPDATE
)
UPDATE dead_letters AS l SET state = :state, closed_at = now()
FROM mine WHERE l.id = mine.id
RETURNING l.id, l.subject, l.task, l.error_class, l.row_id
""")  # noqa: S608
# Rows before letters, in id order: as the tasks lock them.
_LOCK_DEAD = """
SELECT id FROM {table} WHERE id = ANY(:ids) AND state = :dead ORDER BY id FOR UPDATE
"""


# The old error goes too: what nobody has tried again does not fail.
_PUT_BACK = """
UPDATE {table} SET state = 'pending', failures = 0, crashes = 0, finished_at = NULL,
  pending_since = now(), reason = NULL, last_error = NULL,
  lease_token = NULL, leased_until = NULL, leased_by = NULL,
  next_attempt_at = now(), rung_until = now(){generation}
WHERE id = ANY(:ids) AND state = :state RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Which dead letters are meant; what is None does not matter."""

    task: str | None = None
    error_class: str | None = None
    place: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether it names nothing at all."""
        return self == Kind()


ANY = Kind()


@dataclass(slots=True)
class Part:
    """What one transaction has done."""

    #: Letters that were looked at, and closed.
    letters: int
    closed: int = 0
    #: Rows that are pending again, by table.
    rows: dict[WorkTable, list[int]] = field(default_factory=dict)


def open_letters(connection: Connection, kind: Kind) -> list[int]:
    """Return the open letters of a kind, in the order of their rows."""
    return list(connection.execute(_OPEN, asdict(kind)).scalars())


def replay_many(
    engine: Engine, letters: Sequence[int], kind: Kind = ANY
) -> Iterator[Part]:
    """Put the rows of letters back to pending, part by part, each committed.

    Letters that lead to no row stay open, and those whose row is no longer dead.

    Yields:
        What was done, after its commit: the time to ring for its rows.
    """
    for ids in _batches(letters):
        with engine.begin() as connection:
            part = replay_part(connection, ids, kind)
        yield part


def discard_many(
    engine: Engine, letters: Sequence[int], kind: Kind = ANY
) -> Iterator[Part]:
    """Let letters rest, part by part, each committed."""
    for ids in _batches(letters):
        with engine.begin() as connection:
            closed = close(connection, ids, LetterState.DISCARDED, kind)
        yield Part(len(ids), len(closed))


def replay_part(connection: Connection, ids: Sequence[int], kind: Kind = ANY) -> Part:
    """Put the rows of some letters back to pending, in the caller's transaction.

    Rows are locked before letters and in the order of their ids, as tasks do.
    """
    part = Part(len(ids))
    letters: dict[WorkTable, dict[int, int]] = defaultdict(dict)
    for letter in connection.execute(_READ, {"ids": list(ids), **asdict(kind)}):
        letters[BY_NAME[letter.work_table]][letter.row_id] = letter.id
    for table, by_row in letters.items():
        lock = text(_LOCK_DEAD.format(table=table.name))
        parameters = {"ids": list(by_row), "dead": table.dead}
        dead = connection.execute(lock, parameters).scalars()
        replayed = [by_row[row_id] for row_id in dead]
        closed = close(connection, replayed, LetterState.REPLAYED, kind)
        closed_rows = [letter.row_id for letter in closed]
        rows = put_back(connection, table, closed_rows, table.dead)
        part.closed += len(closed)
        part.rows[table] = sorted(rows)
    return part


def close(
    connection: Connection, ids: Sequence[int], state: LetterState, kind: Kind = ANY
) -> Sequence[Row[tuple[object, ...]]]:
    """Close those of some letters that are open, on record, and return them."""
    parameters = {"ids": list(ids), "state": state, **asdict(kind)}
    closed = connection.execute(_CLOSE, parameters).all()
    # A letter opens again if its row dies again: what it said now is kept here.
    details = {
        letter.subject: {
            "letter": letter.id,
            "error": letter.error_class,
            "task": letter.task,
        }
        for letter in closed
    }
    audit_all(connection, f"dead letter {state}", details)
    return closed


def put_back(
    connection: Connection, table: WorkTable, row_ids: Sequence[int], state: str
) -> Sequence[int]:
    """Make rows that are at an end pending again, with their counters at zero.

    Args:
        connection: An open transaction.
        table: Whose rows.
        row_ids: Which; the caller has locked them.
        state: The end that they must be at; others stay as they are.

    Returns:
        Which rows are pending again.
    """
    generation = ", generation = generation + 1" if table is INBOX else ""
    statement = text(_PUT_BACK.format(table=table.name, generation=generation))
    parameters = {"ids": list(row_ids), "state": state}
    return connection.execute(statement, parameters).scalars().all()


def _batches(letters: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(letters), LETTERS_A_BATCH):
        yield letters[start : start + LETTERS_A_BATCH]
