"""Rows that wait too long: nobody takes them, or they fail again and again."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection

from models.alerts import Severity
from worker.alerts import backlog
from worker.alerts.backlog import Part
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects, telling_subjects
from worker.alerts.silent import BROKER, Silent, queue_of, subject_of
from worker.alerts.stakes import Stakes
from worker.heartbeats import BEAT, watching_since
from worker.settings import Settings
from worker.status import STAGES
from worker.work_tables import (
    ACCESS_CHANGES,
    BY_NAME,
    HELD_BY_BILLING,
    INBOX,
    VARIANTS,
    WORK_TABLES,
    WorkTable,
)

#: Here money and access do not move.
URGENT = frozenset({INBOX, ACCESS_CHANGES})
#: Here a row that fails is late too; elsewhere somebody outside refuses it, which is
#: told of by itself.
INSIDE = frozenset({INBOX, VARIANTS, ACCESS_CHANGES})


class Waiting(Condition):
    """The oldest waiting row of a stage is too old."""

    kind = "waiting"
    opens = (
        "The oldest row of a stage has waited for longer than `ALERT_WAITING_SECONDS`:"
        " nobody takes it, though somebody seems to serve its queue, or inside it fails"
        " again and again. Critical for recording and activating."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Probe the oldest rows of each stage."""
        limit = timedelta(seconds=config.alert_waiting_seconds)
        began = watching_since(connection)
        told = open_subjects(connection, self.kind)
        silent = telling_subjects(connection, Silent.kind)
        for table, part in _places(config):
            is_told = _subject(table, part) in told
            if not is_told and part is Part.DUE and silent & _causes(table):
                continue  # told already, by its cause
            found = backlog.oldest(connection, table, part, None if is_told else began)
            if found is not None and found.age > limit:
                yield _finding(connection, table, part, found)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Ask the oldest rows."""
        table, part = _place(subject)
        return backlog.stakes(connection, table, part)


def _places(config: Settings) -> Iterable[tuple[WorkTable, Part]]:
    for table in WORK_TABLES:
        if table not in HELD_BY_BILLING or config.paddle_billing_enabled:
            yield table, Part.DUE
            if table in INSIDE:
                yield table, Part.FAILING


def _causes(table: WorkTable) -> set[str]:
    """Return what may be silent so that nobody takes the rows of a table."""
    return {BEAT, BROKER, subject_of(queue_of(table))}


def _subject(table: WorkTable, part: Part) -> str:
    return f"{table.name} {part.name.lower()}"


def _finding(
    connection: Connection, table: WorkTable, part: Part, found: backlog.Oldest
) -> Finding:
    counted = backlog.count(connection, table, part)
    rows, stage = backlog.rows(counted), f"the stage “{STAGES[table.name]}”"
    if part is Part.DUE:
        summary = f"Nobody takes what waits in {stage}: {rows}"
        line = subject_of(queue_of(table))
        steps = (
            "./paddlewheel status",
            f"if its workers do nothing, start the {line} of the Procfile again",
        )
    else:
        summary = f"What is done in {stage} fails again and again: {rows}, last: {found.last_error}"
        steps = ("./paddlewheel status", f"read the log lines of {table.task}")
    return Finding(
        summary=summary,
        since=found.since,
        next_steps=steps,
        subject=_subject(table, part),
        severity=Severity.CRITICAL if table in URGENT else Severity.WARNING,
        count=counted,
    )


def _place(subject: str) -> tuple[WorkTable, Part]:
    table, _, part = subject.partition(" ")
    return BY_NAME[table], Part[part.upper()]
