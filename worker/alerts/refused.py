"""Somebody outside refuses for long: mail server, course platform, provider's API."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection

from models.alerts import Severity
from worker.alerts import backlog
from worker.alerts.backlog import Part
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.stakes import Stakes
from worker.heartbeats import watching_since
from worker.settings import Settings
from worker.work_tables import (
    BY_NAME,
    CUSTOMER_FETCHES,
    HELD_BY_BILLING,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    RUNS,
    WorkTable,
)

#: What operators are told of who refuses, and what to look at.
OUTSIDE: dict[WorkTable, tuple[str, str]] = {
    NOTIFICATIONS: (
        "The mail server does not take what it is sent",
        "the server that SMTP_URL names",
    ),
    PLATFORM_DELIVERIES: (
        "The course platform does not take what it is sent",
        "the server that PLATFORM_HOOK_URL names",
    ),
    CUSTOMER_FETCHES: (
        "The provider's API does not say who has paid",
        "the API key and what it may do",
    ),
    RUNS: (
        "A comparison does not go on",
        "whether the provider takes the API key, and what it may do",
    ),
}


class Refused(Condition):
    """Mails, messages to the course platform or questions do not get through."""

    kind = "refused"
    opens = (
        "The mail server, the course platform or the provider's API has refused"
        " something for longer than `ALERT_REFUSED_MINUTES`. Critical for the platform:"
        " it decides who gets in."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Probe the oldest refused row of each way out."""
        limit = timedelta(minutes=config.alert_refused_minutes)
        began = watching_since(connection)
        told = open_subjects(connection, self.kind)
        for table in OUTSIDE:
            if table in HELD_BY_BILLING and not config.paddle_billing_enabled:
                continue
            since = None if table.name in told else began
            found = backlog.oldest(connection, table, Part.FAILING, since)
            if found is not None and found.age > limit:
                yield _finding(connection, table, found)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Ask the oldest rows."""
        return backlog.stakes(connection, BY_NAME[subject], Part.FAILING)


def _finding(
    connection: Connection, table: WorkTable, found: backlog.Oldest
) -> Finding:
    what, where = OUTSIDE[table]
    counted = backlog.count(connection, table, Part.FAILING)
    urgent = table is PLATFORM_DELIVERIES
    return Finding(
        summary=f"{what}: {backlog.rows(counted)} waiting, last: {found.last_error}",
        since=found.since,
        next_steps=(
            "./paddlewheel platform list" if urgent else "./paddlewheel status",
            f"look at {where}; the runbook sorts the answers",
        ),
        subject=table.name,
        severity=Severity.CRITICAL if urgent else Severity.WARNING,
        count=counted,
    )
