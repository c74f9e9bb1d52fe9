"""Runs a check, and writes what came of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text
from sqlalchemy.exc import OperationalError

from models.access_rules import LIVE_STATUSES
from models.subscription_rules import SERVED
from worker import findings
from worker.channels.deadline import Deadline
from worker.checks.check import Check
from worker.checks.touched import condition, touched
from worker.findings import Found
from worker.settings import Settings

#: Findings of a check that one look writes; more are counted, or for the next look.
MOST = 500
#: What has begun since is work under way.
PATIENCE = timedelta(minutes=2)
#: Nobody has taken up what is due since then.
STUCK = timedelta(minutes=10)
#: It was tried all the time since then, and failed.
FAILING = timedelta(hours=1)

#: SQLSTATE of a statement that took longer than it may.
_CANCELED = "57014"
_TAKE_TIME = text("SELECT set_config('statement_timeout', :milliseconds, true)")
# What is hashed and sorted fits into memory at a million purchases.
_TAKE_ROOM = text("SET LOCAL work_mem = '128MB'")
# What was touched lately is in memory: an index is worth its way.
_REACH = text("SET LOCAL random_page_cost = 1.1")
_AMONG = re.compile(r"AMONG\[(.+?)\]")
_KNOWN = text("""
SELECT subject FROM findings
WHERE kind = :kind AND state <> 'cleared' AND subject COLLATE "C" > :after
  AND (CAST(:last AS text) IS NULL OR subject COLLATE "C" <= :last)
""")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a look takes in, and by when it must be over."""

    deadline: Deadline
    #: Only what was touched since then, and what was wrong before; None: everything.
    since: datetime | None = None
    #: Only subjects behind this one.
    after: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a check has found."""

    #: At most ``MOST``, by subject.
    rows: Sequence[Row[Any]]
    #: All there are within the bounds.
    total: int

    @property
    def is_cut(self) -> bool:
        """Whether there are more than were read."""
        return self.total > len(self.rows)

    @property
    def last(self) -> str | None:
        """The subject up to which all were read; None: there are no more."""
        return self.rows[-1].subject if self.is_cut else None


@cache
def _statement(check: Check, *, is_recent: bool, is_behind: bool) -> TextClause:
    among = check.whole
    if is_recent and check.among:
        among = rf"(\1) {condition(check.among)}"
    query = _AMONG.sub(among, check.query)
    behind = ' WHERE subject COLLATE "C" > :after' if is_behind else ""
    return text(
        f"SELECT *, count(*) OVER () AS total FROM ({query}) AS found{behind}"  # noqa: S608
        ' ORDER BY subject COLLATE "C" LIMIT :most'
    )


def look(
    connection: Connection, check: Check, config: Settings, bounds: Bounds
) -> Looked | None:
    """Run a check; touches no rows, and leaves no setting of its own behind.

    Returns:
        None: It was not over in time.
    """
    if check.needs_hook and not config.platform_hook_url:
        return Looked((), 0)
    try:
        with connection.begin_nested() as room:
            looked = _look(connection, check, config, bounds)
            room.rollback()
    except TimeoutError:
        return None
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _CANCELED:
            raise
        return None
    return looked


def _look(
    connection: Connection, check: Check, config: Settings, bounds: Bounds
) -> Looked:
    _limit(connection, bounds)
    connection.execute(_TAKE_ROOM)
    parameters = {
        "most": MOST,
        "after": bounds.after,
        "patience": PATIENCE,
        "stuck": STUCK,
        "failing": FAILING,
        "live": sorted(LIVE_STATUSES[config.access_from]),
        "served": sorted(SERVED),
        "billing": config.paddle_billing_enabled,
    }
    keys = touched(connection, check, bounds.since) if bounds.since else None
    if keys is not None:
        connection.execute(_REACH)
        _limit(connection, bounds)
    statement = _statement(
        check, is_recent=keys is not None, is_behind=bool(bounds.after)
    )
    rows = connection.execute(statement, parameters | (keys or {})).all()
    return Looked(rows, rows[0].total if rows else 0)


def _limit(connection: Connection, bounds: Bounds) -> None:
    """Let no statement take longer than what is left."""
    milliseconds = max(int(bounds.deadline.left() * 1000), 1)
    connection.execute(_TAKE_TIME, {"milliseconds": str(milliseconds)})


def write(connection: Connection, check: Check, looked: Looked, after: str = "") -> int:
    """Write what was found; what was found before and is so no longer is cleared.

    Args:
        connection: An open transaction.
        check: What was looked for.
        looked: What was found. Of what lies behind the last that was read, nobody
            knows whether it is so no longer.
        after: Only subjects behind this one were looked at.

    Returns:
        How much of it a person has accepted.
    """
    read = {"kind": check.kind.value, "after": after, "last": looked.last}
    known = connection.execute(_KNOWN, read).scalars().all()
    found = [
        Found(
            check.kind,
            row.subject,
            row.learner_id,
            row.currency,
            row.amount_minor,
            {"severity": check.severity.value, **row.detail},
        )
        for row in looked.rows
    ]
    return len(findings.note(connection, known, (check.kind,), found))
