"""Somebody outside refuses for long: who takes messages, platform, provider's API."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, text

from models.alerts import Severity
from models.notices import ChannelName
from models.work import SCHEMA_VERSION
from worker.alerts import backlog
from worker.alerts.backlog import Part
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.stakes import Stakes
from worker.heartbeats import watching_since
from worker.providers import errors as api
from worker.settings import Settings
from worker.work_tables import (
    BY_NAME,
    CHECKOUTS,
    CUSTOMER_FETCHES,
    HELD_BY_BILLING,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    RUNS,
    WorkTable,
)

#: What operators are told of who refuses, and what to look at.
Words = tuple[str, str]
#: Of messages to people, by the channel of the oldest.
CHANNELS: dict[str, Words] = {
    ChannelName.MAIL: (
        "The mail server does not take what it is sent",
        "the server that SMTP_URL names",
    ),
    ChannelName.WHATSAPP: (
        "WhatsApp does not take what it is sent",
        "WHATSAPP_TOKEN, WHATSAPP_PHONE_NUMBER_ID and WHATSAPP_TEMPLATE",
    ),
}
#: Before a message goes out the provider may be asked for what it says. Its errors, as
#: rows name them.
API_ERRORS = {
    kind.__name__
    for kind in (
        *(api.ApiRefusedError, api.ApiBusyError, api.NoTurnError, api.ApiDownError),
        *(api.ApiLockedError, api.AnotherAccountError),
    )
}
NOT_TOLD = (
    "The provider's API does not tell what messages need",
    "the API key and what it may do",
)
OUTSIDE: dict[WorkTable, Words] = {
    PLATFORM_DELIVERIES: (
        "The course platform does not take what it is sent",
        "the server that PLATFORM_HOOK_URL names",
    ),
    CHECKOUTS: (
        "Checkouts cannot be opened",
        "what the last error names: the API key, a setting or the provider's dashboard",
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
#: In the order in which their rows are looked at.
TABLES = (NOTIFICATIONS, *OUTSIDE)
# Of the row that ``backlog.oldest`` finds.
_CHANNEL = text("""
SELECT channel FROM notifications
WHERE state = 'pending' AND last_error IS NOT NULL AND schema_version <= :version
ORDER BY pending_since LIMIT 1
""")


class Refused(Condition):
    """Mails, messages to the course platform or questions do not get through."""

    kind = "refused"
    opens = (
        "The mail server, WhatsApp, the course platform or the provider's API has refused"
        " something for longer than `ALERT_REFUSED_MINUTES`. Critical for the platform:"
        " it decides who gets in."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Probe the oldest refused row of each way out."""
        limit = timedelta(minutes=config.alert_refused_minutes)
        began = watching_since(connection)
        told = open_subjects(connection, self.kind)
        for table in TABLES:
            if table in HELD_BY_BILLING and not config.paddle_billing_enabled:
                continue
            since = None if table.name in told else began
            found = backlog.oldest(connection, table, Part.FAILING, since)
            if found is not None and found.age > limit:
                yield _finding(connection, table, found)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Ask the oldest rows."""
        return backlog.stakes(connection, BY_NAME[subject], Part.FAILING)


def _words(connection: Connection, table: WorkTable, found: backlog.Oldest) -> Words:
    if table is not NOTIFICATIONS:
        return OUTSIDE[table]
    if str(found.last_error).partition(":")[0] in API_ERRORS:
        return NOT_TOLD
    asked = connection.execute(_CHANNEL, {"version": SCHEMA_VERSION})
    return CHANNELS.get(asked.scalar_one_or_none() or "", CHANNELS[ChannelName.MAIL])


def _finding(
    connection: Connection, table: WorkTable, found: backlog.Oldest
) -> Finding:
    what, where = _words(connection, table, found)
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
