"""Time from paid to access, of every purchase since some time, with the slowest by name.

The same time that alerts and the digest count (``worker/alerts/access_times.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from worker.alerts.access_times import SECONDS

#: Upper ends of the histogram's bars, in seconds; the last has none.
BUCKETS = (1, 2, 5, 10, 30, 60, 300, 900, 3600)
WORST = 10

# One bought several courses of one purchase: each counts, for each was waited for. The
# purchase is found by when it was paid, which is what the time counts from.
_TIMES = text(f"""
WITH times AS MATERIALIZED (
  SELECT h.enrollment_id, h.version, h.paid_at, {SECONDS} AS seconds
  FROM enrollment_history h
  WHERE h.paid_at IS NOT NULL AND h.changed_at >= :since
), worst AS MATERIALIZED (
  SELECT t.seconds::float8 AS seconds, t.paid_at, e.course_key, (
    SELECT min(g.source_id) FROM grants g
    WHERE g.learner_id = e.learner_id AND g.course_key = e.course_key
      AND g.starts_at = t.paid_at AND g.source IN ('purchase', 'subscription')
  ) AS source_id
  FROM (
    SELECT * FROM times ORDER BY seconds DESC, enrollment_id, version LIMIT :worst
  ) AS t
  JOIN enrollments e ON e.id = t.enrollment_id
)
SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds)::float8,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY seconds)::float8,
       (SELECT jsonb_object_agg(bar, purchases) FROM (
          SELECT width_bucket(seconds, CAST(:buckets AS numeric[])) AS bar,
                 count(*) AS purchases
          FROM times GROUP BY 1) AS bars),
       (SELECT jsonb_agg(jsonb_build_array(
          source_id, course_key, extract(epoch FROM paid_at), seconds)
          ORDER BY seconds DESC, source_id) FROM worst)
FROM times
""")  # noqa: S608 (constants)


@dataclass(frozen=True, slots=True)
class Slow:
    """A purchase that took long."""

    #: The transaction, or the subscription; empty: it is another learner's by now.
    source_id: str | None
    course_key: str
    paid_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class AccessTimes:
    """How long purchases took; percentiles are times that some purchase really took."""

    count: int
    #: Seconds; None where there was no purchase.
    p50_seconds: float | None
    p99_seconds: float | None
    #: How many in each bar: below each of ``BUCKETS``, and beyond the last.
    histogram: Sequence[int]
    #: The slowest first.
    worst: Sequence[Slow]


def access_times(
    connection: Connection, since: datetime, *, to_platform: bool
) -> AccessTimes:
    """Return the times of all purchases whose access came on since a moment.

    Args:
        connection: Where to look.
        since: The moment.
        to_platform: Count to the course platform's acknowledgement, or until now while
            it is missing.
    """
    parameters = {
        "since": since,
        "worst": WORST,
        "buckets": list(BUCKETS),
        "to_platform": to_platform,
    }
    count, p50, p99, bars, worst = connection.execute(_TIMES, parameters).one()
    known = bars or {}
    return AccessTimes(
        count,
        p50,
        p99,
        [known.get(str(bar), 0) for bar in range(len(BUCKETS) + 1)],
        [
            Slow(source, course, datetime.fromtimestamp(paid, UTC), seconds)
            for source, course, paid, seconds in worst or ()
        ],
    )
