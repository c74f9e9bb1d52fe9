"""How things stand, from rows alone: what waits, what is held up, what is silent.

One query per question; the numbers are those that alerts and the demo decide by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, text

from models.alerts import WORST_FIRST
from worker.heartbeats import queue_ages
from worker.last_runs import LastRun, last_runs
from worker.notices.counting import COUNTS
from worker.open_findings import OpenFindings, open_findings
from worker.work_tables import (
    ALERT_MESSAGES,
    CHECKOUTS,
    CUSTOMER_FETCHES,
    HELD_BY_BILLING,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    RUNS,
    WORK_TABLES,
)


class Level(IntEnum):
    """How urgent it is; also the exit code."""

    QUIET = 0
    LOOK = 1
    NOW = 2


#: Older than this, something that should take a second is stuck.
STUCK_SECONDS = 60
#: The sweep beats every few seconds.
SILENT_SECONDS = 30
#: What operators call the tables.
STAGES = {
    "checkouts": "open checkouts",
    "inbox": "record",
    "inbox_variants": "compare",
    "customer_fetches": "ask for buyers",
    "access_changes": "activate",
    "notifications": "notify",
    "platform_deliveries": "tell the platform",
    "alert_messages": "alert",
    "reconciliation_runs": "reconcile",
}
#: Stuck there, the world outside refuses; nothing of ours stands still.
WAYS_OUT = (
    CHECKOUTS,
    CUSTOMER_FETCHES,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    ALERT_MESSAGES,
    RUNS,
)

_STAGE = """
SELECT count(*) FILTER (WHERE lease_token IS NULL AND next_attempt_at <= now()),
       count(*) FILTER (WHERE lease_token IS NOT NULL),
       count(*) FILTER (WHERE lease_token IS NULL AND next_attempt_at > now()),
       extract(epoch FROM now() - min(pending_since))
FROM {table} WHERE state = 'pending'
"""
_DEAD = text("""
SELECT work_table, count(*) FROM dead_letters WHERE state = 'open' GROUP BY work_table
""")
_PARKED = text("""
SELECT reason, currency, count(*) AS lines,
       count(DISTINCT customer_id) AS buyers, sum(total_minor) AS total_minor,
       min(since) AS since
FROM parked GROUP BY reason, currency ORDER BY reason, currency
""")
_SINGLE = text(f"""
SELECT (SELECT count(*) FROM notifications WHERE state = 'doubtful') AS doubtful,
       (SELECT max(received_at) FROM inbox) AS last_delivery,
       (SELECT extract(epoch FROM now() - beat_at) FROM heartbeats
        WHERE name = 'rows.sweep') AS beat_seconds,
       (SELECT count(*) FROM enrollments WHERE state = 'active') AS active,
       (SELECT environment FROM deployment) AS environment,
       (SELECT count(*) FROM alerts WHERE state = 'open') AS alerts,
       (SELECT severity FROM alerts WHERE state = 'open'
        ORDER BY {WORST_FIRST} LIMIT 1) AS worst_alert,
       EXISTS (SELECT FROM alerts WHERE state = 'open' AND severity = 'critical'
               AND acked_at IS NULL) AS has_urgent_alert
""")  # noqa: S608 (a constant)


@dataclass(frozen=True, slots=True)
class Stage:
    """One work table."""

    name: str
    waiting: int
    in_work: int
    backing_off: int
    dead: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Parked:
    """Money that is in while access waits, per reason and currency."""

    reason: str
    currency: str
    lines: int
    buyers: int
    total_minor: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages to people of a kind that are in a state (``worker.notices.counting``)."""

    kind: str
    state: str
    messages: int


@dataclass(frozen=True, slots=True)
class Status:
    """All of it."""

    environment: str | None
    stages: tuple[Stage, ...]
    #: Dead letters for broker messages that led to no row.
    stray_messages: int
    parked: tuple[Parked, ...]
    doubtful: int
    active_enrollments: int
    last_delivery: datetime | None
    beat_seconds: float | None
    billing_enabled: bool = True
    #: Open alerts, and the severity of the worst.
    alerts: int = 0
    worst_alert: str | None = None
    #: A critical one that nobody has taken note of.
    has_urgent_alert: bool = False
    #: What a person must look at, per kind.
    findings: tuple[OpenFindings, ...] = ()
    #: How our rows were compared, per kind.
    runs: tuple[LastRun, ...] = ()
    #: Seconds since each queue last showed that it is served.
    queues: Mapping[str, float] = field(default_factory=dict)
    #: What people are told, per kind and state.
    messages: tuple[Messages, ...] = ()

    @property
    def dead(self) -> int:
        """Open dead letters."""
        return sum(stage.dead for stage in self.stages) + self.stray_messages

    @property
    def level(self) -> Level:
        """How urgent it is."""
        if self.beat_seconds is None or self.beat_seconds > SILENT_SECONDS:
            return Level.NOW
        ways_out = {STAGES[table.name] for table in WAYS_OUT}
        held = () if self.billing_enabled else HELD_BY_BILLING
        wanted = {STAGES[table.name] for table in held}
        stuck = [
            stage
            for stage in self.stages
            if (stage.oldest_seconds or 0) > STUCK_SECONDS and stage.name not in wanted
        ]
        is_stuck_inside = any(stage.name not in ways_out for stage in stuck)
        if is_stuck_inside or self.has_urgent_alert:
            return Level.NOW
        waits = (self.dead, self.doubtful, self.parked, self.findings, self.alerts)
        return Level.LOOK if stuck or any(waits) else Level.QUIET

    def advice(self) -> list[str]:
        """Return what to type next."""
        lines = []
        if not self.billing_enabled:
            lines.append(
                "PADDLE_BILLING_ENABLED is off: events are stored and wait, and nothing"
                " is compared."
            )
        if self.beat_seconds is None or self.beat_seconds > SILENT_SECONDS:
            lines.append("The sweep is silent: are beat and the sweep worker running?")
        if self.alerts:
            lines.append("./paddlewheel alerts list")
        if self.dead:
            lines.append("./paddlewheel deadletters list")
        if self.parked:
            lines.append("./paddlewheel parked list")
        if self.findings:
            lines.append("./paddlewheel findings list")
        if self.doubtful:
            lines.append("./paddlewheel notifications list --state doubtful")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {**asdict(self), "dead": self.dead, "level": self.level.name.lower()}


def status_of(
    connection: Connection,
    *,
    billing_enabled: bool = True,
    providers: Sequence[str] = (),
) -> Status:
    """Ask how things stand.

    Args:
        connection: Where to look.
        billing_enabled: With billing off, events are meant to wait.
        providers: Who can be asked, and so is compared with.
    """
    dead = {row[0]: row[1] for row in connection.execute(_DEAD)}
    single = connection.execute(_SINGLE).one()
    beat = single.beat_seconds
    return Status(
        environment=single.environment,
        stages=tuple(
            _stage(connection, table.name, dead.get(table.name, 0))
            for table in WORK_TABLES
        ),
        stray_messages=dead.get(None, 0),
        parked=tuple(Parked(*row) for row in connection.execute(_PARKED)),
        doubtful=single.doubtful,
        active_enrollments=single.active,
        last_delivery=single.last_delivery,
        beat_seconds=None if beat is None else float(beat),
        billing_enabled=billing_enabled,
        alerts=single.alerts,
        worst_alert=single.worst_alert,
        has_urgent_alert=single.has_urgent_alert,
        findings=open_findings(connection),
        runs=last_runs(connection, providers),
        queues=queue_ages(connection),
        messages=tuple(Messages(*row) for row in connection.execute(text(COUNTS))),
    )


def _stage(connection: Connection, table: str, dead: int) -> Stage:
    row = connection.execute(text(_STAGE.format(table=table))).one()
    waiting, in_work, backing_off, oldest = row
    seconds = None if oldest is None else float(oldest)
    return Stage(STAGES[table], waiting, in_work, backing_off, dead, seconds)
