"""Open dead letters by kind: what died of the same error at the same place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from worker.work_tables import BY_NAME, WORK_TABLES, WorkTable

#: Kinds that are told one by one. Our own come first, then the oldest: names of stray
#: messages come from strangers, and there is no end to them.
MOST_KINDS = 50

# One scan of ix_dead_letters_open, which holds the open letters alone and all that is
# asked; then a probe for the newest letter of each kind. Two branches, because no index
# finds "the same or both NULL".
# The scan is bounded by nothing but the number of open letters, so that the counts are
# right: 100,000 of them take some 15 ms, at each look.
_NEWEST = """
SELECT id, work_table, error FROM dead_letters
WHERE state = 'open' AND {task} AND error_class = kinds.error_class
  AND place = kinds.place AND created_at = kinds.newest_at
ORDER BY id DESC LIMIT 1
"""
_KINDS = text(f"""
WITH kinds AS MATERIALIZED (
  SELECT task, error_class, place, count(*) AS letters, min(created_at) AS since,
         max(created_at) AS newest_at, count(*) OVER () AS all_kinds,
         sum(count(*)) OVER () AS all_letters
  FROM dead_letters WHERE state = 'open'
  GROUP BY task, error_class, place
  ORDER BY (task = ANY(:ours)) IS TRUE DESC, min(created_at), task, error_class, place
  LIMIT :most
)
SELECT kinds.*, newest.id, newest.work_table, newest.error
FROM kinds CROSS JOIN LATERAL (
  SELECT * FROM (
    ({_NEWEST.format(task="task = kinds.task")})
    UNION ALL
    ({_NEWEST.format(task="kinds.task IS NULL AND task IS NULL")})
  ) AS either LIMIT 1
) AS newest
""")  # noqa: S608 (constants)
_ROWS = text("""
SELECT row_id FROM dead_letters
WHERE state = 'open' AND work_table = :table AND task = :task
  AND error_class = :error_class AND place = :place
ORDER BY id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class LetterKind:
    """Dead letters of one task, error class and place."""

    #: None: messages that name no task. A stray message's is a stranger's text.
    task: str | None
    error_class: str
    place: str
    letters: int
    since: datetime
    #: Of the newest letter.
    letter: int
    error: str
    #: None: messages that lead to no row.
    table: WorkTable | None

    @property
    def subject(self) -> str:
        """What it is called, whole; it may hold a stranger's text."""
        parts = (self.task or "no task", self.error_class, self.place)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Letters:
    """All open dead letters, in kinds."""

    kinds: Sequence[LetterKind] = ()
    #: What is beyond those kinds.
    more_kinds: int = 0
    more_letters: int = 0


def open_kinds(connection: Connection) -> Letters:
    """Return the open dead letters by kind, our own tasks' first, then the oldest."""
    ours = [table.task for table in WORK_TABLES]
    found = connection.execute(_KINDS, {"ours": ours, "most": MOST_KINDS}).all()
    if not found:
        return Letters()
    kinds = [
        LetterKind(
            row.task,
            row.error_class,
            row.place,
            row.letters,
            row.since,
            row.id,
            row.error,
            BY_NAME.get(row.work_table),
        )
        for row in found
    ]
    told = sum(kind.letters for kind in kinds)
    more = found[0].all_kinds - len(kinds)
    return Letters(kinds, more, int(found[0].all_letters) - told)


def rows_of(connection: Connection, kind: LetterKind, most: int) -> list[int]:
    """Return the rows of a kind, oldest letters first; of messages there are none."""
    if kind.table is None:
        return []
    parameters = {
        "table": kind.table.name,
        "task": kind.task,
        "error_class": kind.error_class,
        "place": kind.place,
        "most": most,
    }
    return list(connection.execute(_ROWS, parameters).scalars())
