"""Sends the messages to operators: one row after the other, over the first way out.

At least once: a process that dies between the service's yes and its note sends again.
The log and Sentry are always told, before any way is tried.
"""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Engine, Row, text

from models.alerts import MessageKind, MessageState, Severity
from worker import lifecycle
from worker.alerts.delivery import UndeliveredError, deliver
from worker.alerts.ways import Refusal, Way, letter_of, ways_of
from worker.channels.deadline import Deadline
from worker.failures import Failure, Verdict
from worker.lifecycle import Ending, Lease
from worker.patience import patiently
from worker.sentry import tell_alert
from worker.settings import Settings

log = structlog.get_logger()

#: By position in ``ALERT_URLS``, ways that did not answer: until when, by the monotonic
#: clock, the others are asked first. Kept by whoever makes senders, over many runs.
SilentWays = dict[int, float]
SILENT_SECONDS = 60.0

TOO_LATE = Ending(MessageState.SKIPPED, "over before it could be told")
GOT_WORSE = Ending(MessageState.SKIPPED, "told as worse")
IS_BACK = Ending(MessageState.SKIPPED, "it is back, and that is told")
UNTOLD = Ending(MessageState.SKIPPED, "an earlier message was still to be told")
NO_WAY = Ending(MessageState.SENT, "log and Sentry only")
SENT = Ending(MessageState.SENT)
#: What is not worth telling any more once the alert is over.
ABOUT_NOW = frozenset({MessageKind.OPENED, MessageKind.WORSE, MessageKind.REMINDER})
#: Put off like a fault of the machinery: it does not count towards the row's death.
WAITS = Failure(
    Verdict.MACHINERY,
    "EarlierFirst",
    "an earlier message of the same alert is on its way",
)
#: Verdicts that were reached after the log and Sentry had been told.
LOGGED_BEFORE = [UndeliveredError.__name__, WAITS.error_class]

# Overtaken are those that somebody holds: in this claim they had their turn already.
_READ = text("""
SELECT m.key, m.kind, m.severity, m.title, m.body, m.alert_id,
       a.fingerprint, a.state = 'resolved' AS is_over,
       EXISTS (
         SELECT FROM alerts n WHERE n.fingerprint = a.fingerprint AND n.id > a.id
           AND n.told_severity IS NOT NULL
       ) AS is_back,
       EXISTS (
         SELECT FROM alert_messages w
         WHERE w.alert_id = m.alert_id AND w.id > m.id AND w.kind = 'worse'
       ) AS got_worse,
       EXISTS (
         SELECT FROM alert_messages e
         WHERE e.alert_id = m.alert_id AND e.id < m.id AND e.state = 'pending'
       ) AS is_untold,
       EXISTS (
         SELECT FROM alert_messages e
         WHERE e.alert_id = m.alert_id AND e.id < m.id AND e.state = 'pending'
           AND e.lease_token <> m.lease_token AND e.leased_until > clock_timestamp()
       ) AS would_overtake,
       EXISTS (
         SELECT FROM attempts t
         WHERE t.work_table = 'alert_messages' AND t.row_id = m.id
           AND t.error_class = ANY(:logged_before)
       ) AS is_logged
FROM alert_messages m LEFT JOIN alerts a ON a.id = m.alert_id
WHERE m.id = :id
""")
_NOTE_WAY = text("UPDATE alert_messages SET way = :way WHERE id = :id")


class Sender:
    """Sends one row after the other, during one run; needs no Celery."""

    def __init__(self, config: Settings, silent: SilentWays | None = None) -> None:
        """Send by these settings, with what is known of silent ways from before."""
        self._config = config
        self._ways = ways_of(config)
        self._silent: SilentWays = {} if silent is None else silent

    def __call__(
        self, engine: Engine, lease: Lease, row_id: int
    ) -> Ending | Failure | None:
        """Send one message; None: the row is no longer ours.

        Raises:
            UndeliveredError: No way has taken it.
        """
        deadline = Deadline.of_one_alert(self._config)
        with engine.begin() as connection:
            if not lifecycle.hold(connection, lease, [row_id]):
                return None
            values = {"id": row_id, "logged_before": LOGGED_BEFORE}
            message = connection.execute(_READ, values).one()
            needless = why_needless(message)
            if needless:
                lifecycle.finish(connection, lease, {row_id: needless})
        if not message.is_logged and needless != TOO_LATE:
            tell_log_and_sentry(message)
        if needless or message.would_overtake:
            return needless or WAITS
        way = self._send(message, deadline, lease.rows[row_id].failures)
        return patiently(lambda: _end(engine, lease, row_id, way))

    def _send(self, message: Row[Any], deadline: Deadline, failures: int) -> Way | None:
        """Return the way that took it; None: none wants it."""
        severity = Severity(message.severity)
        wanted = [w for w in self._ways if w.min_severity.rank <= severity.rank]
        if not wanted:
            return None
        # A way that is silent would take the time of those after it.
        now = time.monotonic()
        wanted.sort(key=lambda way: self._silent.get(way.position, 0) > now)
        kind = MessageKind(message.kind)
        letter = letter_of(kind, severity, message.title, message.body)
        try:
            delivered = deliver(wanted, letter, deadline, failures)
        except UndeliveredError as error:
            self._note(message.key, error.refusals)
            raise
        self._note(message.key, delivered.refusals)
        self._silent.pop(delivered.way.position, None)
        log.info("alert_sent", key=message.key, way=delivered.way.label)
        return delivered.way

    def _note(self, key: str, refusals: Sequence[Refusal]) -> None:
        for refusal in refusals:
            label, reason = refusal.way.label, refusal.reason
            log.warning("alert_way_failed", key=key, way=label, reason=reason)
            if refusal.is_silent:
                until = time.monotonic() + SILENT_SECONDS
                self._silent[refusal.way.position] = until


def why_needless(message: Row[Any]) -> Ending | None:
    """Return why a message need not go out any more; None: it must.

    What piled up while no way was open comes down to one message: how bad it is now.
    """
    if message.kind in ABOUT_NOW and message.is_over:
        return TOO_LATE
    if message.kind in ABOUT_NOW and message.got_worse:
        return GOT_WORSE
    if message.kind == MessageKind.REMINDER and message.is_untold:
        return UNTOLD
    if message.kind == MessageKind.RESOLVED and message.is_back:
        return IS_BACK
    return None


def tell_log_and_sentry(message: Row[Any]) -> None:
    """Tell those two, which need no way out."""
    is_over = message.kind == MessageKind.RESOLVED
    level = Severity.INFO if is_over else Severity(message.severity)
    # Not as an error: those go to Sentry by themselves, a second time.
    say = log.info if level is Severity.INFO else log.warning
    say(
        "alert_told",
        kind=message.kind,
        severity=message.severity,
        title=message.title,
        alert=message.alert_id,
        key=message.key,
    )
    tags = {"kind": message.kind, "alert": str(message.alert_id or "")}
    tell_alert(message.title, level, message.fingerprint or message.kind, tags)


def _end(engine: Engine, lease: Lease, row_id: int, way: Way | None) -> Ending | None:
    """Note which way took it."""
    ending = SENT if way else NO_WAY
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [row_id]):
            return None
        values = {"id": row_id, "way": way.label if way else None}
        connection.execute(_NOTE_WAY, values)
        lifecycle.finish(connection, lease, {row_id: ending})
    return ending
