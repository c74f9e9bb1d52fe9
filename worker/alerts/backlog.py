"""Probes of what a work table has waiting: a few index entries, whatever it holds."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, text

from models.work import SCHEMA_VERSION
from worker.alerts.stakes import Stakes, of_rows
from worker.work_tables import WorkTable

#: Counting ends here: a backlog of a million must not slow the look.
MOST_COUNTED = 1000
#: Of so many of the oldest rows it is asked whom they touch.
MOST_ASKED = 200


class Part(StrEnum):
    """Which of the pending rows, as SQL."""

    #: Nobody has taken them, though it is their time. Claimed rows are not due.
    DUE = "next_attempt_at <= now()"
    #: Tried, and not passed.
    FAILING = "last_error IS NOT NULL"


#: The order of the index that finds a part's oldest rows.
ORDER = {Part.DUE: "next_attempt_at, id", Part.FAILING: "pending_since"}
# A due row waits since it became due: the wait before a retry is no neglect.
SINCE = {Part.DUE: "next_attempt_at", Part.FAILING: "pending_since"}
_OLDEST = """
SELECT {since} AS since, now() - greatest({since}, CAST(:began AS timestamptz)) AS age,
       last_error
FROM {table} WHERE state = 'pending' AND {part} AND schema_version <= :version
ORDER BY {order} LIMIT 1
"""
_COUNT = """
SELECT count(*) FROM (
  SELECT FROM {table}
  WHERE state = 'pending' AND {part} AND schema_version <= :version
  ORDER BY {order} LIMIT :most) AS counted
"""
_IDS = """
SELECT id FROM {table}
WHERE state = 'pending' AND {part} AND schema_version <= :version
ORDER BY {order} LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class Oldest:
    """The row of a part that waits longest."""

    since: datetime
    #: How long it has waited while somebody was watching.
    age: timedelta
    last_error: str | None


def oldest(
    connection: Connection, table: WorkTable, part: Part, began: datetime | None
) -> Oldest | None:
    """Return the oldest row of a part; None: there is none.

    Args:
        connection: An open transaction.
        table: The work table.
        part: Which of its pending rows.
        began: Ages count from here at the earliest (``heartbeats.watching_since``);
            None: from wherever they began.
    """
    query = _OLDEST.format(
        table=table.name, part=part, since=SINCE[part], order=ORDER[part]
    )
    parameters = {"began": began, "version": SCHEMA_VERSION}
    row = connection.execute(text(query), parameters).one_or_none()
    return None if row is None else Oldest(*row)


def count(connection: Connection, table: WorkTable, part: Part) -> int:
    """Return how many rows a part has, up to ``MOST_COUNTED``."""
    query = text(_COUNT.format(table=table.name, part=part, order=ORDER[part]))
    parameters = {"most": MOST_COUNTED, "version": SCHEMA_VERSION}
    return int(connection.execute(query, parameters).scalar_one())


def stakes(connection: Connection, table: WorkTable, part: Part) -> Stakes:
    """Return whom the oldest rows of a part touch."""
    query = text(_IDS.format(table=table.name, part=part, order=ORDER[part]))
    parameters = {"most": MOST_ASKED + 1, "version": SCHEMA_VERSION}
    ids = connection.execute(query, parameters).scalars().all()
    found = of_rows(connection, table, ids[:MOST_ASKED])
    return replace(found, capped=found.capped or len(ids) > MOST_ASKED)


def rows(counted: int) -> str:
    """Return a count as one reads it: ``1 row``, ``at least 1,000 rows``."""
    if counted == 1:
        return "1 row"
    least = "at least " if counted >= MOST_COUNTED else ""
    return f"{least}{counted:,} rows"
