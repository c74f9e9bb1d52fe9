"""An open alert as the rows have it at this moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from models.alerts import Severity

COLUMNS = (
    "id",
    "fingerprint",
    "kind",
    "subject",
    "severity",
    "summary",
    "next_steps",
    "count",
    "peak",
    "since",
    "opened_at",
    "absent_since",
    "flaps",
    "acked_at",
    "told_severity",
    "reminders",
)
_OPEN = text(f"""
SELECT {", ".join(COLUMNS)}, now() AS now,
       coalesce(extract(epoch FROM now() - absent_since), 0)::float AS absent_seconds,
       coalesce(remind_at <= now(), false) AS is_reminder_due,
       EXISTS (SELECT FROM alert_silences s WHERE s.until > now()
               AND s.target IN (a.fingerprint, a.kind, 'all')) AS is_silenced
FROM alerts a WHERE state = 'open' ORDER BY id
""")  # noqa: S608 (names of ours)

_SUBJECTS = text("SELECT subject FROM alerts WHERE state = 'open' AND kind = :kind")
_TELLING = text("""
SELECT subject FROM alerts a
WHERE state = 'open' AND kind = :kind AND absent_since IS NULL AND acked_at IS NULL
  AND NOT EXISTS (SELECT FROM alert_silences s WHERE s.until > now()
                  AND s.target IN (a.fingerprint, a.kind, 'all'))
""")


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """See ``models.alerts.Alert``; times have a zone."""

    id: int
    fingerprint: str
    kind: str
    subject: str
    severity: str
    summary: str
    next_steps: Sequence[str]
    count: int
    peak: int
    since: datetime
    opened_at: datetime
    absent_since: datetime | None
    flaps: int
    acked_at: datetime | None
    told_severity: str | None
    reminders: int
    #: By the database's clock.
    now: datetime
    absent_seconds: float
    is_reminder_due: bool
    is_silenced: bool

    @property
    def began_at(self) -> datetime:
        """Since when it is so."""
        return min(self.since, self.opened_at)

    @property
    def is_told(self) -> bool:
        """Whether anybody was told."""
        return self.told_severity is not None

    @property
    def is_worse(self) -> bool:
        """Whether it matters more than what was told."""
        told = self.told_severity
        return told is not None and Severity(told).rank < Severity(self.severity).rank

    @property
    def worst_severity(self) -> str:
        """The severity now, or the greater one that was told."""
        told = self.told_severity
        return self.severity if told is None or self.is_worse else told

    def differs(self, values: dict[str, Any]) -> bool:
        """Tell whether it stands otherwise now, by the names of columns."""
        return any(getattr(self, name) != value for name, value in values.items())


def open_alerts(connection: Connection) -> dict[str, OpenAlert]:
    """Return the open alerts by fingerprint, oldest first."""
    rows = connection.execute(_OPEN).mappings()
    return {row["fingerprint"]: OpenAlert(**row) for row in rows}


def open_subjects(connection: Connection, kind: str) -> frozenset[str]:
    """Return of which subjects of a condition there is an open alert.

    For conditions that judge by age: what is told already goes on until it is over,
    even where nobody watched for a while and ages count anew.
    """
    return frozenset(connection.execute(_SUBJECTS, {"kind": kind}).scalars())


def telling_subjects(connection: Connection, kind: str) -> frozenset[str]:
    """Return the same without what is calming down, silenced or acked.

    Only what is so now, and is told again and again, can stand for another alert.
    """
    return frozenset(connection.execute(_TELLING, {"kind": kind}).scalars())
