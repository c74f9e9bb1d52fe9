"""A provider sends something that this release does not know."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from models.alerts import Severity
from worker.alerts.condition import Condition, Finding
from worker.settings import Settings

#: Named in the summary; the command lists them all.
MOST_NAMED = 3
_OPEN = text("""
SELECT kind, path, value, first_seen, count(*) OVER () AS total
FROM schema_drift WHERE accepted_at IS NULL ORDER BY id LIMIT :most
""")
WORDS = {"type": "the event type", "field": "the field", "enum": "the value"}


class SchemaDrift(Condition):
    """Types, fields or values came that nobody here has heard of."""

    kind = "schema_drift"
    opens = (
        "The provider sent an event type, a field or a value that this release does not"
        " know. Nothing is lost; a newer release may know it."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Read what nobody has accepted yet; the table is bounded."""
        del config
        rows = connection.execute(_OPEN, {"most": MOST_NAMED}).all()
        if not rows:
            return
        total = rows[0].total
        named = [
            f"{WORDS[row.kind]} {row.path}{f' = {row.value}' if row.value else ''}"
            for row in rows
        ]
        more = [f"{total - len(rows)} more"] if total > len(rows) else []
        yield Finding(
            summary=f"New to this release: {', '.join(named + more)}",
            since=min(row.first_seen for row in rows),
            next_steps=(
                "./paddlewheel drift list",
                "./paddlewheel drift accept --all",
            ),
            severity=Severity.INFO,
            count=total,
        )
