"""The provider's list of events has not been compared for long.

The list reaches back 90 days. Whoever has not read it by then must compare all objects,
and what only an event tells is gone for good.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from models.alerts import Severity
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.words import span
from worker.heartbeats import watching_since
from worker.providers.accounts import askable
from worker.reconciliation.cursor import LISTED_FOR, name_of
from worker.settings import Settings

#: A month is left then to mend what hinders it.
URGENT = timedelta(days=60)

# Of a list that was never read to its end it counts since it was begun; of one that
# never answered, and so has no cursor, since it was first asked for.
_AGE = text("""
SELECT since, now() - since AS age, now() AS now, is_begun
FROM (
  SELECT coalesce(reached_at, moved_at) AS since, true AS is_begun
  FROM cursors WHERE name = :name
  UNION ALL (
    SELECT created_at, false FROM reconciliation_runs
    WHERE provider = :provider AND kind = 'events' AND scope = 'recent'
    ORDER BY id LIMIT 1)
) AS known
ORDER BY is_begun DESC LIMIT 1
""")


class CursorAge(Condition):
    """The comparison of events does not get through."""

    kind = "cursor_age"
    opens = (
        "The provider's list of events was not compared to its end for"
        " `ALERT_CURSOR_MINUTES`. Critical from"
        f" {URGENT.days} days on: the list reaches back {LISTED_FOR.days}."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Probe the cursor of each provider that can be asked."""
        limit = timedelta(minutes=config.alert_cursor_minutes)
        told = open_subjects(connection, self.kind)
        for provider in askable(config):
            row = known_age(connection, provider)
            if row is None or row.age <= limit:
                continue
            # After everything stood still the first walk gets its time.
            watched = row.now - watching_since(connection)
            is_late = provider in told or watched > limit
            # With billing off it is meant to stand still, but not until it is lost.
            if row.age > URGENT or (config.paddle_billing_enabled and is_late):
                yield finding_of(provider, row.since, row.age, is_begun=row.is_begun)


def known_age(connection: Connection, provider: str) -> Row[Any] | None:
    """Return ``since``, ``age``, ``now`` and ``is_begun`` of a provider's comparison.

    None: nobody has ever asked for its events.
    """
    given = {"name": name_of(provider), "provider": provider}
    return connection.execute(_AGE, given).one_or_none()


def finding_of(
    provider: str, since: datetime, age: timedelta, *, is_begun: bool = True
) -> Finding:
    """Say how far back the last comparison lies.

    Args:
        provider: Whose list it is.
        since: Up to when it was compared; if never, since when that is tried.
        age: How long ago that is.
        is_begun: Whether it was ever compared.
    """
    left = span((LISTED_FOR - age) // timedelta(hours=1) * 3600)
    ends = f"In {left} it no longer" if age < LISTED_FOR else "It no longer"
    whole = span(age // timedelta(minutes=1) * 60)
    compared = f"was compared up to {whole} ago and not since"
    if not is_begun:
        compared = f"could never be compared, though that was begun {whole} ago"
    return Finding(
        summary=f"The list of events of {provider} {compared}. {ends} reaches back so"
        " far.",
        since=since,
        next_steps=(
            "./paddlewheel reconcile events",
            "./paddlewheel status",
            "may the API key read notifications, and does the provider answer?",
        ),
        subject=provider,
        severity=Severity.CRITICAL if age > URGENT else Severity.WARNING,
    )
