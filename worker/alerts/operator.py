"""What operators ask of alerts and decide about them; every decision is on record.

The watch decides what is wrong; here a person says "I know" or "not now". Neither
changes whether an alert is open: only the condition's end does.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from models.alerts import WORST_FIRST, AlertState
from worker.audit import actor, audit
from worker.errors import PaddlewheelError

#: Silences everything.
EVERYTHING = "all"
LONGEST_SILENCE = timedelta(days=30)
_DURATION = re.compile(r"([0-9]{1,5})(m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,18}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

# What the clock and the silences say stands beside the columns of an alert.
_FACTS = """
SELECT a.*, now() AS asked_at,
       coalesce(a.resolved_at, now()) - least(a.since, a.opened_at) AS lasted,
       (SELECT max(s.until) FROM alert_silences s
        WHERE s.until > now() AND s.target IN (a.fingerprint, a.kind, 'all'))
         AS silenced_until,
       told_severity IS NULL OR coalesce((
         SELECT bool_and(m.state = 'pending') FROM alert_messages m
         WHERE m.alert_id = a.id), false) AS is_untold
FROM alerts a
"""
_LIST_OPEN = text(
    f"{_FACTS} WHERE state = 'open' ORDER BY {WORST_FIRST}, id LIMIT :most"
)
_LIST_RESOLVED = text(
    f"{_FACTS} WHERE state = 'resolved' ORDER BY resolved_at DESC, id DESC LIMIT :most"
)
_ONE = text(f"{_FACTS} WHERE id = :id")
_LOCK = text("SELECT * FROM alerts WHERE id = :id FOR UPDATE")
_ACK = text("""
UPDATE alerts SET acked_at = now(), acked_by = :actor WHERE id = :id
""")
_MESSAGES = text("""
SELECT key, kind, severity, state, way, failures, reason, last_error, created_at,
       finished_at, next_attempt_at
FROM alert_messages WHERE alert_id = :id ORDER BY id DESC LIMIT :most
""")
_SILENCES = text("""
SELECT id, target, until, reason, actor, created_at FROM alert_silences
WHERE until > now() AND (:any OR target = ANY(:targets)) ORDER BY until, id LIMIT :most
""")
_SILENCE = text("""
INSERT INTO alert_silences (target, until, reason, actor)
VALUES (:target, now() + :span, :reason, :actor) RETURNING id, target, until
""")
_SILENCE_BY_ID = text("""
SELECT id, target, until <= now() AS is_over FROM alert_silences
WHERE id = :id FOR UPDATE
""")
_END_SILENCE = text("UPDATE alert_silences SET until = now() WHERE id = :id")


class OperatorError(PaddlewheelError):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Acked:
    """Who knows of an alert, and since when."""

    by: str
    at: datetime
    #: Somebody had taken note before; nothing was changed.
    before: bool


def duration_of(words: str) -> timedelta:
    """Read a span of time: ``30m``, ``2h``, ``1d``, at most 30 days.

    Raises:
        OperatorError: It is something else.
    """
    match = _DURATION.fullmatch(words.strip())
    if match is None:
        raise OperatorError("Say for how long as 30m, 2h or 1d.")
    found = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta() < found <= LONGEST_SILENCE:
        raise OperatorError("A silence lasts from 1m to 30d.")
    return found


def alerts(connection: Connection, *, everything: bool, most: int) -> list[Row[Any]]:
    """Return the open alerts, worst first; with ``everything`` over ones after them."""
    found = list(connection.execute(_LIST_OPEN, {"most": most}))
    if everything and len(found) < most:
        rest = {"most": most - len(found)}
        found += connection.execute(_LIST_RESOLVED, rest)
    return found


def alert_of(connection: Connection, alert_id: int) -> Row[Any]:
    """Return an alert.

    Raises:
        OperatorError: There is none.
    """
    return _found(connection.execute(_ONE, {"id": alert_id}).one_or_none(), alert_id)


def messages_of(connection: Connection, alert_id: int, most: int) -> list[Row[Any]]:
    """Return what was told about an alert, newest first."""
    return list(connection.execute(_MESSAGES, {"id": alert_id, "most": most}))


def ack(connection: Connection, alert_id: int, note: str) -> Acked:
    """Take note of an alert: no more reminders; that it is over is still told.

    Raises:
        OperatorError: There is none, or it is over.
    """
    row = connection.execute(_LOCK, {"id": alert_id}).one_or_none()
    alert = _found(row, alert_id)
    if alert.state != AlertState.OPEN:
        raise OperatorError(f"Alert {alert_id} is over: there is nothing to take on.")
    if alert.acked_at is not None:
        return Acked(alert.acked_by, alert.acked_at, before=True)
    who = actor()
    connection.execute(_ACK, {"id": alert_id, "actor": who})
    detail = {"alert": alert_id, "severity": alert.severity, "note": note}
    audit(connection, "alert acked", alert.fingerprint, detail)
    return Acked(who, alert_of(connection, alert_id).acked_at, before=False)


def silence(
    connection: Connection,
    named: str,
    span: timedelta,
    reason: str,
    kinds: Collection[str],
) -> Row[Any]:
    """Tell nobody of something for a while.

    Args:
        connection: The transaction.
        named: Id of an alert, a kind, or ``all``. An id stands for the alert's
            fingerprint: the silence holds if it ends and comes back.
        span: For how long, from now.
        reason: Why, for the others.
        kinds: The kinds of alert there are.

    Returns:
        ``id``, ``target`` and ``until``.

    Raises:
        OperatorError: There is no such alert or kind.
    """
    target = _target(connection, named, kinds)
    values = {"target": target, "span": span, "reason": reason, "actor": actor()}
    made = connection.execute(_SILENCE, values).one()
    detail = {"silence": made.id, "until": made.until.isoformat(), "reason": reason}
    audit(connection, "alerts silenced", target, detail)
    return made


def unsilence(connection: Connection, silence_id: int) -> str:
    """End a silence now, and return what it was about.

    Raises:
        OperatorError: There is none, or it is over.
    """
    row = connection.execute(_SILENCE_BY_ID, {"id": silence_id}).one_or_none()
    if row is None:
        raise OperatorError(f"There is no silence {silence_id}.")
    if row.is_over:
        raise OperatorError(f"Silence {silence_id} is over already.")
    connection.execute(_END_SILENCE, {"id": silence_id})
    audit(connection, "silence ended", row.target, {"silence": silence_id})
    return str(row.target)


def silences(
    connection: Connection, most: int, alert: Row[Any] | None = None
) -> list[Row[Any]]:
    """Return the silences that hold, the first to end first; of one alert, if given."""
    targets = [] if alert is None else [alert.fingerprint, alert.kind, EVERYTHING]
    values = {"any": alert is None, "targets": targets, "most": most}
    return list(connection.execute(_SILENCES, values))


def _target(connection: Connection, named: str, kinds: Collection[str]) -> str:
    if named == EVERYTHING or named in kinds:
        return named
    if _NUMBER.fullmatch(named):
        return str(alert_of(connection, int(named)).fingerprint)
    message = (
        f"Nothing is called that. Name an alert by its number, {EVERYTHING!r}, or one"
        f" of: {', '.join(sorted(kinds))}."
    )
    raise OperatorError(message)


def _found(row: Row[Any] | None, alert_id: int) -> Row[Any]:
    if row is None:
        raise OperatorError(f"There is no alert {alert_id}.")
    return row
