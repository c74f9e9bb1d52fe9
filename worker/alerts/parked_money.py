"""Parked money: somebody has paid and waits for a price, or for being known.

Each unknown price is an alert of its own: who acks the book that gives no course hears
of the next price all the same. Buyers who are not known have one cause and one alert.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.alerts.condition import Condition, Finding
from worker.alerts.lives import subject_of
from worker.alerts.open_alert import open_subjects
from worker.alerts.stakes import Stakes
from worker.alerts.words import clean
from worker.money import add_up
from worker.settings import Settings, settings
from worker.wording import counted

#: Purchases that are looked at, longest waiting first.
MOST_PURCHASES = 500
#: Prices that are told one by one, those first for which somebody waits longest.
MOST_PRICES = 10
MOST_PRICE_CHARS = 80
PRICE, LEARNER = "unknown price", "unknown learner"
FURTHER = "further prices"

# First by the mark, which is an index of few rows, then what the view says of each of
# those: OFFSET keeps it from being asked for all that waits.
# Waiting begins when we know of it: what Paddle told late is not overdue at once. That
# time is of the latest event, so it decides only whether an alert begins. Without a
# price it is the buyer who is not known.
_PARKED = """
WITH oldest AS MATERIALIZED (
  SELECT provider, id, clock_event, waits_since FROM transactions
  WHERE waits_since <= now() - CAST(:limit AS interval)
  UNION ALL
  SELECT provider, id, clock_event, waits_since FROM subscriptions
  WHERE waits_since <= now() - CAST(:limit AS interval)
  ORDER BY waits_since LIMIT :most
), parked_long AS (
  SELECT parked.*,
         CASE parked.reason WHEN 'unknown price' THEN price_id END AS price,
         coalesce(i.finished_at <= now() - CAST(:limit AS interval), true) AS is_overdue
  FROM oldest o
  LEFT JOIN inbox i ON i.provider = o.provider AND i.event_id = o.clock_event
  JOIN LATERAL (
    SELECT * FROM parked WHERE provider = o.provider AND source_id = o.id OFFSET 0
  ) AS parked ON true
)
"""
_LOOK = text(f"""{_PARKED}
SELECT price, count(*) AS lines, min(since) AS since,
       bool_or(is_overdue) AS is_overdue,
       (SELECT count(*) FROM oldest) >= :most AS is_capped
FROM parked_long GROUP BY price ORDER BY min(since), price
""")  # noqa: S608 (a constant)
_STAKES = text(f"""{_PARKED}
SELECT customer_id, total_minor, currency,
       (SELECT count(*) FROM oldest) >= :most AS is_capped
FROM parked_long
WHERE CASE WHEN :of_learners THEN price IS NULL
           ELSE price = ANY(CAST(:prices AS text[])) END
""")  # noqa: S608
_STEPS_OF_PRICE = (
    "./paddlewheel parked list",
    "./paddlewheel catalog map PRICE COURSE",
)
_STEPS_OF_LEARNER = (
    "./paddlewheel parked list",
    "./paddlewheel deadletters list",
    "replay the buyer's customer event in Paddle's dashboard",
)


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that wait for one thing, or for what is not told one by one."""

    #: What waits for a price is named by it, or is further; the rest by the reason.
    subject: str
    why: str
    #: Of unknown learners there are none: it is not prices that are missing.
    prices: tuple[str, ...]
    lines: int
    since: datetime
    #: Whether we have known of one of them for too long.
    is_overdue: bool
    #: There may be more than was looked at.
    is_capped: bool


class ParkedMoney(Condition):
    """Money that is in has waited too long for its access."""

    kind = "parked_money"
    opens = (
        "Something paid has given no access for longer than `ALERT_PARKED_MINUTES`,"
        " because its price or its buyer is not known."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Look at what has waited longest."""
        told = open_subjects(connection, self.kind)
        for group in _groups(connection, config, told):
            finding = _finding(group)
            if group.is_overdue or subject_of(finding) in told:
                yield finding

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Return the buyers who wait, and what they paid for it."""
        config = settings()
        told = open_subjects(connection, self.kind)
        for group in _groups(connection, config, told):
            if subject_of(_finding(group)) == subject:
                return _stakes(connection, config, group)
        return Stakes()


def _groups(
    connection: Connection, config: Settings, told: Collection[str]
) -> list[Group]:
    """Return what waits, put together as it is told."""
    found = [_group(row) for row in connection.execute(_LOOK, _parameters(config))]
    # What is told by its name stays so until it is over, whatever else comes.
    by_price = sorted(
        (group for group in found if group.prices),
        key=lambda group: subject_of(_finding(group)) not in told,
    )
    groups = [group for group in found if not group.prices] + by_price[:MOST_PRICES]
    further = by_price[MOST_PRICES:]
    return [*groups, _together(further)] if further else groups


def _group(row: Row[Any]) -> Group:
    rest = (row.lines, row.since, row.is_overdue, row.is_capped)
    if row.price is None:
        return Group(LEARNER, "the buyer is not known", (), *rest)
    shown = clean(row.price, MOST_PRICE_CHARS)
    why = f"the price {shown} is in no catalog"
    return Group(f"{PRICE} {row.price}", why, (row.price,), *rest)


def _together(groups: Sequence[Group]) -> Group:
    return Group(
        subject=FURTHER,
        why=f"{counted(len(groups), 'further price')} in no catalog",
        prices=tuple(price for group in groups for price in group.prices),
        lines=sum(group.lines for group in groups),
        since=min(group.since for group in groups),
        is_overdue=any(group.is_overdue for group in groups),
        is_capped=groups[0].is_capped,
    )


def _finding(group: Group) -> Finding:
    least = "at least " if group.is_capped else ""
    gives = "gives" if group.lines == 1 else "give"
    lines = counted(group.lines, "paid line")
    return Finding(
        summary=f"{least}{lines} {gives} no access: {group.why}",
        since=group.since,
        next_steps=_STEPS_OF_PRICE if group.prices else _STEPS_OF_LEARNER,
        subject=group.subject,
        count=group.lines,
    )


def _stakes(connection: Connection, config: Settings, group: Group) -> Stakes:
    which = {"of_learners": not group.prices, "prices": list(group.prices)}
    rows = connection.execute(_STAKES, _parameters(config) | which).all()
    buyers = {row.customer_id for row in rows if row.customer_id}
    return Stakes(
        learners=len(buyers),
        money=add_up((row.currency, row.total_minor) for row in rows),
        unknown=sum(1 for row in rows if not row.customer_id),
        capped=any(row.is_capped for row in rows),
    )


def _parameters(config: Settings) -> dict[str, object]:
    limit = timedelta(minutes=config.alert_parked_minutes)
    return {"limit": limit, "most": MOST_PURCHASES}
