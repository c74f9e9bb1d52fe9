"""The life of alerts in rows: opened once, updated, reminded of, resolved.

Everything is decided from what the rows say now, so it does not matter who looks, how
often, or how many at once. The unique index over open fingerprints is what makes two
that see the same thing open one alert.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from models.work import RetryPolicy
from worker.alerts.condition import Finding
from worker.alerts.open_alert import OpenAlert
from worker.alerts.words import MOST_SUMMARY_CHARS, clean
from worker.settings import Settings

MOST_SUBJECT_CHARS = 200
#: Whatever comes back within this has to stay away longer than before.
FLAPPING_FOR = timedelta(days=1)
MOST_DOUBLINGS = 8
MOST_BETWEEN_REMINDERS = timedelta(days=1)

_INSERT = text("""
INSERT INTO alerts (fingerprint, kind, subject, severity, summary, next_steps, count,
                    peak, since, flaps)
SELECT :fingerprint, :kind, :subject, :severity, :summary, :next_steps, :count, :count,
       :since, coalesce((
         SELECT flaps + 1 FROM alerts
         WHERE fingerprint = :fingerprint AND resolved_at > now() - :flapping
         ORDER BY resolved_at DESC LIMIT 1), 0)
ON CONFLICT (fingerprint) WHERE state = 'open' DO NOTHING
""")
_UPDATE = text("""
UPDATE alerts SET severity = :severity, summary = :summary, next_steps = :next_steps,
  count = :count, peak = greatest(peak, :count), absent_since = NULL
WHERE id = :id AND state = 'open'
""")
_MISS = text("""
UPDATE alerts SET absent_since = now()
WHERE id = :id AND state = 'open' AND absent_since IS NULL
""")
_RESOLVE = text("""
UPDATE alerts SET state = 'resolved', resolved_at = now(), remind_at = NULL
WHERE id = :id AND state = 'open' AND absent_since IS NOT NULL
""")
_TELL = text("""
UPDATE alerts SET told_severity = :severity, remind_at = now() + :wait,
  reminders = :reminders, acked_at = CASE WHEN :unack THEN NULL ELSE acked_at END
WHERE id = :id AND state = 'open'
""")


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a condition has seen now."""

    kind: str
    finding: Finding

    @property
    def fingerprint(self) -> str:
        """What makes two sightings the same."""
        subject = subject_of(self.finding)
        return f"{self.kind}:{subject}" if subject else self.kind


def subject_of(finding: Finding) -> str:
    """Return a finding's subject, short and safe, and still its own."""
    subject = finding.subject
    cleaned = clean(subject, MOST_SUBJECT_CHARS)
    if cleaned == subject:
        return subject
    digest = sha256(subject.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{cleaned} {digest}"


def open_or_update(
    connection: Connection, seen: Mapping[str, Sighting], known: Mapping[str, OpenAlert]
) -> None:
    """Open what is new; note of what is known how it stands now.

    Args:
        connection: The transaction of this look.
        seen: What there is now, by fingerprint.
        known: The open alerts, by fingerprint.
    """
    for fingerprint, sighting in seen.items():
        values = _values(sighting)
        alert = known.get(fingerprint)
        if alert is None:
            names = {"fingerprint": fingerprint, "kind": sighting.kind}
            born = {
                "subject": subject_of(sighting.finding),
                "since": sighting.finding.since,
                "flapping": FLAPPING_FOR,
            }
            connection.execute(_INSERT, values | names | born)
        elif alert.absent_since is not None or alert.differs(values):
            connection.execute(_UPDATE, {**values, "id": alert.id})


def miss_or_resolve(
    connection: Connection, absent: list[OpenAlert], calm_seconds: float
) -> list[OpenAlert]:
    """Note what is not there any more, and resolve what has stayed away long enough.

    Returns:
        The alerts that are over, as they were.
    """
    for alert in absent:
        connection.execute(_MISS, {"id": alert.id})
    return [
        alert
        for alert in absent
        if alert.absent_since is not None
        and alert.absent_seconds >= calm_after(alert.flaps, calm_seconds)
        and connection.execute(_RESOLVE, {"id": alert.id}).rowcount
    ]


def calm_after(flaps: int, calm_seconds: float) -> float:
    """Return how long something that came back so often must stay away."""
    return calm_seconds * float(1 << min(flaps, MOST_DOUBLINGS))


def note_told(
    connection: Connection, alert: OpenAlert, reminders: int, config: Settings
) -> None:
    """Note that an alert was told as it stands, and when to tell it again."""
    waits = RetryPolicy(
        timedelta(minutes=config.alert_remind_minutes), MOST_BETWEEN_REMINDERS
    )
    values = {
        "id": alert.id,
        "severity": alert.worst_severity,
        "wait": waits.wait(reminders + 1, spread=0.5),
        "reminders": reminders,
        # Who has taken note of a warning has not taken note of this.
        "unack": alert.is_worse,
    }
    connection.execute(_TELL, values)


def _values(sighting: Sighting) -> dict[str, Any]:
    finding = sighting.finding
    return {
        "severity": finding.severity.value,
        "summary": clean(finding.summary, MOST_SUMMARY_CHARS),
        "next_steps": [clean(step) for step in finding.next_steps],
        "count": finding.count,
    }
