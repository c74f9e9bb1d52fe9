"""How long it took from paid to access, for the purchases of some time.

Counted is each time access came on for money: the rows of ``enrollment_history`` with
``paid_at``. The time is what the learner felt, whoever caused it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

#: Whether the platform had to be told of a history row ``h``: not of what changed
#: before there was a platform to tell.
IS_TOLD = """
(CAST(:to_platform AS boolean) AND EXISTS (
   SELECT FROM platform_deliveries d WHERE d.enrollment_id = h.enrollment_id
   AND d.created_at <= h.changed_at))
"""
#: Seconds from paid to access of a history row ``h``; to the platform's word where it
#: has to be told, and so far where it has not said it.
SECONDS = f"""
greatest(0, extract(epoch FROM CASE WHEN {IS_TOLD} THEN coalesce(h.told_at, now())
                                    ELSE h.changed_at END - h.paid_at))
"""
_TIMES = text(f"""
SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds),
       percentile_disc(0.99) WITHIN GROUP (ORDER BY seconds), max(seconds)
FROM (
  SELECT {SECONDS} AS seconds FROM enrollment_history h
  WHERE h.paid_at IS NOT NULL AND h.changed_at >= :begin AND h.changed_at < :end
) AS times
""")  # noqa: S608 (a constant)


@dataclass(frozen=True, slots=True)
class AccessTimes:
    """How long purchases took; percentiles are times that some purchase really took."""

    #: Purchases, each course of one by itself.
    count: int
    #: Seconds; None where there was no purchase.
    p50_seconds: float | None
    p99_seconds: float | None
    worst_seconds: float | None


def access_times(
    connection: Connection, begin: datetime, end: datetime, *, to_platform: bool
) -> AccessTimes:
    """Return the times of the purchases whose access came within a span.

    Args:
        connection: Where to look.
        begin: The first moment of the span.
        end: The first moment after it.
        to_platform: Count to the course platform's acknowledgement, or until now while
            it is missing: what a learner feels where ``PLATFORM_HOOK_URL`` is set.
    """
    parameters = {"begin": begin, "end": end, "to_platform": to_platform}
    count, *seconds = connection.execute(_TIMES, parameters).one()
    return AccessTimes(count, *(None if s is None else float(s) for s in seconds))
