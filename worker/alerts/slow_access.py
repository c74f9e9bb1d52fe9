"""Slow access: people have paid and waited longer for it than they should."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, text

from worker.alerts.access_times import SECONDS
from worker.alerts.condition import Condition, Finding
from worker.alerts.stakes import MOST_ROWS, Stakes, of_enrollments
from worker.alerts.words import span
from worker.settings import Settings, settings

#: How far back is looked; and for whom still waits for the platform's word.
RECENT = timedelta(minutes=15)
UNTOLD = timedelta(days=1)

_RECENT = f"""
WITH newest AS (
  SELECT h.enrollment_id, h.changed_at, {SECONDS} AS seconds,
         CAST(:to_platform AS boolean) AND h.told_at IS NULL AND EXISTS (
           SELECT FROM platform_deliveries d
           WHERE d.enrollment_id = h.enrollment_id AND d.state = 'pending'
             AND d.created_at <= h.changed_at) AS is_untold
  FROM enrollment_history h
  WHERE h.paid_at IS NOT NULL AND h.changed_at >= now() - CAST(:untold AS interval)
  ORDER BY h.changed_at DESC LIMIT :most
), recent AS (
  SELECT * FROM newest
  WHERE is_untold OR changed_at >= now() - CAST(:recent AS interval)
)
"""  # noqa: S608 (a constant)
_LOOK = text(f"""{_RECENT}
SELECT count(*) AS purchases, count(*) FILTER (WHERE seconds > :target) AS slow,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
       max(seconds) AS worst,
       min(changed_at) FILTER (WHERE seconds > :target) AS since
FROM recent
""")  # noqa: S608
_SLOW = text(f"""{_RECENT}
SELECT enrollment_id FROM recent WHERE seconds > :target
""")  # noqa: S608


class SlowAccess(Condition):
    """Purchases whose access came late."""

    kind = "slow_access"
    opens = (
        "A purchase of the last quarter of an hour took longer than"
        " `ALERT_ACCESS_SECONDS` from paid to access, or still does; to the course"
        " platform's acknowledgement where `PLATFORM_HOOK_URL` is set."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Look at the purchases whose access came last."""
        row = connection.execute(_LOOK, _parameters(config)).one()
        if not row.slow:
            return
        purchases = "purchase" if row.purchases == 1 else "purchases"
        yield Finding(
            summary=f"{row.slow:,} of {row.purchases:,} {purchases} took longer than"
            f" {span(config.alert_access_seconds)} from paid to access: half of them"
            f" at most {span(float(row.median))}, the slowest {span(float(row.worst))}",
            since=row.since,
            next_steps=("./paddlewheel status", "./paddlewheel deadletters list"),
            count=row.slow,
        )

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Return who waited, and what they had paid."""
        del subject
        slow = connection.execute(_SLOW, _parameters(settings())).scalars().all()
        return of_enrollments(connection, slow)


def _parameters(config: Settings) -> dict[str, object]:
    return {
        "recent": RECENT,
        "untold": UNTOLD,
        # The newest: a flood must not make looking dear.
        "most": MOST_ROWS,
        "target": config.alert_access_seconds,
        "to_platform": config.platform_hook_url is not None,
    }
