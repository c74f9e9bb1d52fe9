"""Beat, a worker or the watchman is silent: who should notice things does not live.

A silence counts from when somebody could have heard: from when the watch runs, and
for queues from when beat came back. Of what is told of already every silence counts,
so that a pause of everything does not look like a return.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, text

import celeryconfig
from models.alerts import Severity
from worker.alerts import backlog
from worker.alerts.backlog import Part
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.signs import Signs, read_signs
from worker.alerts.stakes import Stakes
from worker.heartbeats import BEAT, WATCHMAN, expect, of_queue, saw
from worker.pulses import QUEUES
from worker.settings import Settings
from worker.work_tables import WORK_TABLES, WorkTable

BROKER = "broker"
#: Money, access, and what heals everything.
URGENT = frozenset({"critical", "access", "sweep"})
#: The line of the Procfile that serves a queue, where it is not called like it.
LINES = {"critical": "worker", "access": "worker", "reconcile": "fetch"}
#: Claimed rows are at the end of what is not due yet. Among rows that wait for their
#: next attempt a claim could hide; looking further would cost too much.
MOST_LOOKED_AT = 1000

CLAIMED = """
SELECT max(leased_until) - CAST(:lease AS interval) FROM (
  SELECT leased_until FROM {table}
  WHERE state = 'pending' AND next_attempt_at > now()
    AND next_attempt_at <= now() + CAST(:lease AS interval)
  ORDER BY next_attempt_at DESC, id DESC LIMIT :most) AS last
"""


class Silent(Condition):
    """Something that must not stop has not shown itself for too long."""

    kind = "silent"
    opens = (
        "Beat, a worker or the watchman has not shown itself for"
        " `ALERT_SILENT_SECONDS`. All workers at once are one alert, about the broker."
        " Critical but for the watchman and the queues `fetch`, `reconcile`,"
        " `notify` and `maintenance`."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Compare the last signs of life with the clock."""
        names = [BEAT, WATCHMAN, *map(of_queue, QUEUES)]
        expect(connection, names)
        told = open_subjects(connection, self.kind)
        signs = read_signs(connection, config, names, told)
        if _see_work(connection, config, signs):
            signs = read_signs(connection, config, names, told)
        if signs.is_silent(BEAT):
            yield _beat(signs)
        if signs.is_silent(WATCHMAN):
            yield _watchman(signs)
        yield from _queues(signs)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Ask the oldest rows that wait meanwhile."""
        if subject == WATCHMAN:
            return Stakes()
        return at_least(
            [
                backlog.stakes(connection, table, Part.DUE)
                for table in WORK_TABLES
                if subject in {BEAT, BROKER, subject_of(queue_of(table))}
            ]
        )


def subject_of(queue: str) -> str:
    """Return how alerts call who serves a queue: one worker's silence is one alert."""
    return f"line {LINES.get(queue, queue)}"


def queue_of(table: WorkTable) -> str:
    """Return the queue that serves a work table."""
    return celeryconfig.task_routes[table.task]["queue"]


def _see_work(connection: Connection, config: Settings, signs: Signs) -> bool:
    """Take note of claims: under a backlog pulses come late though there is work."""
    quiet = [q for q in QUEUES if signs.silence_of(of_queue(q)) > signs.limit / 3]
    lease = timedelta(seconds=config.lease_seconds)
    for table in WORK_TABLES:
        if queue_of(table) in quiet:
            at = connection.execute(
                text(CLAIMED.format(table=table.name)),
                {"lease": lease, "most": MOST_LOOKED_AT},
            ).scalar_one()
            if at is not None:
                saw(connection, of_queue(queue_of(table)), at)
    return bool(quiet)


def _queues(signs: Signs) -> Iterable[Finding]:
    names = list(map(of_queue, QUEUES))
    # Without beat there are no pulses: that is one trouble, not seven. Its own last sign
    # may lie a moment after the last pulse: if it is about to be silent, that decides.
    beat_is_away = signs.is_silent(BEAT) or (
        BROKER not in signs.told and signs.silence_of(BEAT) > signs.limit / 2
    )
    all_silent = not beat_is_away and signs.are_all_silent(names, BROKER)
    if all_silent:
        yield _broker(signs)
    came_back = signs.came_back(names, BROKER)
    silent = [
        queue
        for queue in QUEUES
        if subject_of(queue) in signs.told or not (beat_is_away or all_silent)
        if signs.is_silent(of_queue(queue), subject_of(queue), came_back)
    ]
    for subject in dict.fromkeys(map(subject_of, silent)):
        yield _line(signs, subject, [q for q in silent if subject_of(q) == subject])


def _beat(signs: Signs) -> Finding:
    return Finding(
        summary="Beat is silent: nothing is swept, retried or looked at in time",
        since=signs.last[BEAT].beat_at,
        next_steps=(
            "./paddlewheel status",
            "start the line `beat` of the Procfile again, where it runs",
            "read its log: begun without a broker, it waits for one",
        ),
        subject=BEAT,
        severity=Severity.CRITICAL,
    )


def _watchman(signs: Signs) -> Finding:
    return Finding(
        summary="The watchman is silent: nobody would tell if beat or the broker ended",
        since=signs.last[WATCHMAN].beat_at,
        next_steps=("start the line `watch` of the Procfile again, where it runs",),
        subject=WATCHMAN,
    )


def _broker(signs: Signs) -> Finding:
    return Finding(
        summary=(
            "Nothing comes out of any queue, though beat lives: the broker is away, or"
            " no worker runs"
        ),
        since=max(signs.last[of_queue(queue)].beat_at for queue in QUEUES),
        next_steps=(
            "./paddlewheel status",
            "does the server of BROKER_URL answer?",
            "does what the Procfile calls `worker`, `notify`, … `sweep` run?",
        ),
        subject=BROKER,
        severity=Severity.CRITICAL,
    )


def _line(signs: Signs, subject: str, queues: list[str]) -> Finding:
    named = f"queue{'s' if len(queues) > 1 else ''} {' and '.join(queues)}"
    return Finding(
        summary=f"Nobody serves the {named}",
        since=min(signs.last[of_queue(queue)].beat_at for queue in queues),
        next_steps=(
            "./paddlewheel status",
            f"start the {subject} of the Procfile again, where it runs",
            "read its log: how did it end, or what does it wait for?",
        ),
        subject=subject,
        severity=Severity.CRITICAL if URGENT & set(queues) else Severity.WARNING,
    )


def at_least(parts: list[Stakes]) -> Stakes:
    """Return what all of them touch at least: the same people may be in several."""
    touched = [part for part in parts if part != Stakes()]
    if len(touched) < 2:  # noqa: PLR2004 (nothing to put together)
        return touched[0] if touched else Stakes()
    currencies = {code for part in touched for code in part.money}
    most = {code: max(p.money.get(code, 0) for p in touched) for code in currencies}
    return Stakes(
        learners=max(part.learners for part in touched),
        money=most,
        unknown=max(part.unknown for part in touched),
        capped=True,
    )
