"""One look at everything that may be wrong, and what it means for the alerts.

Level-triggered: it decides from rows alone, so a look that is lost, late, doubled or
taken by somebody else changes nothing. The heartbeat is written first; its row makes
looks wait for each other.
"""

import random
import time
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, text

from models.alerts import MessageKind, Severity
from worker.alerts import lives
from worker.alerts.asking import findings_of, stakes_of
from worker.alerts.blind import heartbeat_of
from worker.alerts.condition import Condition
from worker.alerts.conditions import CONDITIONS, VITAL
from worker.alerts.lives import Sighting
from worker.alerts.message import write_message
from worker.alerts.open_alert import OpenAlert, open_alerts
from worker.alerts.words import body_of, title_of
from worker.heartbeats import WATCH, beat, forget
from worker.settings import Settings

#: What a look may take before it leaves the rest to the next one; whoever else needs
#: the worker must not wait for it.
LOOK_SECONDS = 5
#: Against a database that is slow: the usual bound is for work, this is looking.
BOUND = text("SET LOCAL statement_timeout = '2s'")


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is now, and which conditions could be asked."""

    sightings: dict[str, Sighting]
    #: Kinds that gave no answer: their alerts stay as they are.
    blind: frozenset[str]


def watch(engine: Engine, config: Settings) -> list[int]:
    """Look at every condition once, and open, update or resolve alerts.

    Returns:
        Ids of the messages that were written, to be rung for after the commit.
    """
    with engine.begin() as connection:
        connection.execute(BOUND)
        beat(connection, WATCH)
        seen = look(connection, config)
        return follow(connection, config, seen)


def look(connection: Connection, config: Settings) -> Seen:
    """Ask every condition, for as long as a look may take."""
    stop_at = time.monotonic() + LOOK_SECONDS
    sightings: dict[str, Sighting] = {}
    blind = set()
    for condition in _in_turn():
        findings = None
        if time.monotonic() < stop_at:
            findings = findings_of(connection, config, condition)
        if findings is None:
            blind.add(condition.kind)
        for finding in findings or ():
            sighting = Sighting(condition.kind, finding)
            sightings.setdefault(sighting.fingerprint, sighting)
    _note_blindness(connection, blind)
    return Seen(sightings, frozenset(blind))


def _in_turn() -> list[Condition]:
    """Return the vital ones, then the others in any order.

    Where some take all the time there is, none of the others is always the last.
    """
    vital = [condition for condition in CONDITIONS if condition in VITAL]
    others = [condition for condition in CONDITIONS if condition not in VITAL]
    return vital + random.sample(others, len(others))


def _note_blindness(connection: Connection, blind: set[str]) -> None:
    seeing = {condition.kind for condition in CONDITIONS} - blind
    forget(connection, [heartbeat_of(kind) for kind in sorted(seeing)])
    for kind in sorted(blind):
        beat(connection, heartbeat_of(kind))


def follow(connection: Connection, config: Settings, seen: Seen) -> list[int]:
    """Let the alerts follow what was seen, and write what is to be told."""
    known = open_alerts(connection)
    lives.open_or_update(connection, seen.sightings, known)
    absent = [
        alert
        for fingerprint, alert in known.items()
        if fingerprint not in seen.sightings and alert.kind not in seen.blind
    ]
    over = lives.miss_or_resolve(connection, absent, config.alert_calm_seconds)
    written = [_tell_over(connection, alert, config) for alert in over]
    written += [
        _tell_open(connection, alert, config)
        for alert in open_alerts(connection).values()
    ]
    return [message for message in written if message is not None]


def _tell_open(
    connection: Connection, alert: OpenAlert, config: Settings
) -> int | None:
    kind = _news(alert)
    if kind is None or alert.is_silenced:
        return None
    reminders = alert.reminders + (kind is MessageKind.REMINDER)
    key = f"alert:{alert.id}:{kind}"
    if kind is MessageKind.REMINDER:
        key += f":{reminders}"
    elif kind is MessageKind.WORSE:
        key += f":{alert.severity}:{reminders}"
    lives.note_told(connection, alert, reminders, config)
    return _write(connection, config, alert, kind, key)


def _news(alert: OpenAlert) -> MessageKind | None:
    """Return what there is to tell about an open alert."""
    if alert.absent_since is not None:
        return None
    if not alert.is_told:
        return MessageKind.OPENED
    if alert.is_worse:
        return MessageKind.WORSE
    if alert.is_reminder_due and alert.acked_at is None:
        return MessageKind.REMINDER
    return None


def _tell_over(
    connection: Connection, alert: OpenAlert, config: Settings
) -> int | None:
    if not alert.is_told:
        return None
    # In silence too: who was told that it began must hear that it is over.
    key = f"alert:{alert.id}:resolved"
    # Whoever heard of it at its worst must hear that it is over, by the same ways.
    worst = replace(alert, severity=alert.worst_severity)
    return _write(connection, config, worst, MessageKind.RESOLVED, key)


def _write(
    connection: Connection,
    config: Settings,
    alert: OpenAlert,
    kind: MessageKind,
    key: str,
) -> int | None:
    stakes = None
    if kind is not MessageKind.RESOLVED:
        stakes = stakes_of(connection, alert.kind, alert.subject)
    return write_message(
        connection,
        key=key,
        kind=kind,
        severity=Severity(alert.severity),
        title=title_of(kind, alert, config),
        body=body_of(kind, alert, stakes, config),
        alert_id=alert.id,
    )
