"""A condition that cannot be asked, look after look.

Each failure leaves a heartbeat of its own; a single one (a lock held by a migration, a
statement that took too long) is nobody's business.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, text

from worker.alerts.condition import Condition, Finding
from worker.heartbeats import GAP
from worker.settings import Settings

PREFIX = "blind:"

_FAILING = text("""
SELECT substr(name, length(:prefix) + 1) AS kind, since FROM heartbeats
WHERE starts_with(name, :prefix) AND beat_at >= now() - :gap AND beat_at - since > :limit
ORDER BY name
""").bindparams(prefix=PREFIX, gap=GAP)


class Blind(Condition):
    """Some other condition fails instead of answering."""

    kind = "blind"
    opens = (
        "A condition could not be looked at for `ALERT_SILENT_SECONDS`: its alerts stay"
        " as they are."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Read which conditions keep failing."""
        limit = timedelta(seconds=config.alert_silent_seconds)
        for row in connection.execute(_FAILING, {"limit": limit}):
            yield Finding(
                summary=f"{row.kind} cannot be watched: its alerts stay as they are",
                since=row.since,
                next_steps=(
                    "./paddlewheel status",
                    "the log lines condition_failed of the sweep worker say why",
                ),
                subject=row.kind,
            )


def heartbeat_of(kind: str) -> str:
    """Return the name of the heartbeat that a failing condition leaves."""
    return f"{PREFIX}{kind}"
