"""Nothing comes in, at a time when something usually does.

What is usual is read from the days before: a shop that sells in the morning is not
missed at night, nor one that rests on Sundays, and a new one not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.words import span
from worker.heartbeats import watching_since
from worker.settings import Settings

DAY = timedelta(days=1)
#: Of so many days before, so many must have had deliveries at this time.
DAYS = 7
USUAL_DAYS = 5
#: That many reasons of refusals are named.
MOST_REASONS = 3
NEXT_STEPS = (
    "./paddlewheel status",
    "curl -si https://<your host>/webhooks/paddle | head -1, from outside: 405 is right",
    "Paddle's dashboard: is the destination active, and what does its log show?",
)

_LAST = text("""
SELECT received_at, now() AS now
FROM inbox WHERE source = 'webhook' ORDER BY received_at DESC LIMIT 1
""")
# Deliveries of events that were known already leave no row in the inbox.
_OTHERS = text("""
SELECT EXISTS (SELECT FROM delivery_counts WHERE minute > now() - :quiet
               AND outcome IN ('stored', 'duplicate', 'variant'))
""")
# Both halves of the time must have had some: else each evening after the last sale
# would count as a time when some usually come. The ordered probe for the next one finds
# its index at any size, where a plain EXISTS may be planned as a scan.
_NEXT = """
(SELECT received_at FROM inbox WHERE source = 'webhook' AND received_at > {begin}
 ORDER BY received_at LIMIT 1) <= {begin} + :quiet / 2
"""
_DAYS = text(f"""
SELECT days FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS days
WHERE {_NEXT.format(begin="now() - days * interval '1 day' - :quiet")}
  AND {_NEXT.format(begin="now() - days * interval '1 day' - :quiet / 2")}
""")  # noqa: S608 (both from the lines above)
_TURNED_AWAY = text("""
SELECT outcome, reason, sum(deliveries)::bigint AS deliveries FROM delivery_counts
WHERE minute > greatest(:last, now() - interval '1 day')
  AND outcome IN ('refused', 'unavailable')
GROUP BY outcome, reason ORDER BY deliveries DESC, reason
""")


@dataclass(frozen=True, slots=True)
class Last:
    """The last delivery."""

    received_at: datetime
    now: datetime
    #: Its being long ago is told already.
    told: bool

    @property
    def age(self) -> timedelta:
        """How long ago it came."""
        return self.now - self.received_at


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Deliveries that came and were not stored."""

    #: ``refused`` or ``unavailable``.
    outcome: str
    reason: str
    deliveries: int


class NoDeliveries(Condition):
    """No delivery for hours in which some usually come."""

    kind = "no_deliveries"
    opens = (
        "No delivery came for `ALERT_QUIET_HOURS`, though in both halves of that time"
        f" some did a week ago and on at least {USUAL_DAYS} of {DAYS} days."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Probe the newest event; only where it is old, the days before."""
        row = connection.execute(_LAST).one_or_none()
        if row is None:
            return []
        told = bool(open_subjects(connection, self.kind))
        last = Last(row.received_at, row.now, told)
        quiet = timedelta(hours=config.alert_quiet_hours)
        if last.age < quiet or not _is_unusual(connection, last, quiet):
            return []
        found = connection.execute(_TURNED_AWAY, {"last": last.received_at})
        return [finding_of(last, [TurnedAway(*each) for each in found])]


def _is_unusual(connection: Connection, last: Last, quiet: timedelta) -> bool:
    if connection.execute(_OTHERS, {"quiet": quiet}).scalar_one():
        return False
    if last.told:
        # Only a delivery ends it. The night, when none is usual, would else end it
        # every day.
        return True
    if last.now - watching_since(connection) < quiet:
        return False
    # Days without a delivery say nothing of what is usual: begin before them.
    first = last.age // DAY + 1
    values = {"first": first, "last": first + DAYS - 1, "quiet": quiet}
    days = connection.execute(_DAYS, values).scalars().all()
    return len(days) >= USUAL_DAYS and any(day % DAYS == 0 for day in days)


def finding_of(last: Last, away: Sequence[TurnedAway]) -> Finding:
    """Say that nothing came.

    Args:
        last: The last delivery.
        away: What was turned away since, most first.
    """
    unit = 3600 if last.age >= timedelta(hours=2) else 60
    age = span(last.age.total_seconds() // unit * unit)
    summary = f"No delivery was stored for {age}, though some usually come at this time"
    turned = _turned_away(away)
    return Finding(
        summary=f"{summary}. {turned}" if turned else f"{summary}.",
        since=last.received_at,
        next_steps=NEXT_STEPS,
    )


def _turned_away(away: Sequence[TurnedAway]) -> str:
    parts = []
    for outcome, word in (("refused", "refused"), ("unavailable", "answered 503")):
        reasons = [each for each in away if each.outcome == outcome]
        if not reasons:
            continue
        total = sum(each.deliveries for each in reasons)
        named = ", ".join(
            f"{each.deliveries:,} {each.reason}" for each in reasons[:MOST_REASONS]
        )
        more = ", …" if len(reasons) > MOST_REASONS else ""
        parts.append(f"{total:,} {word} ({named}{more})")
    return f"Some did come, and were not taken: {' and '.join(parts)}." if parts else ""
