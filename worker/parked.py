"""What is parked, as people want to read it: what waits for what, and how much it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

PRICE, LEARNER = "unknown price", "unknown learner"


class Advice(NamedTuple):
    """What to do, and what to type."""

    words: str
    command: str


ADVICE: Mapping[str, Advice] = {
    PRICE: Advice(
        "Nobody has said which course the price gives. Say it, or --nothing for a book;"
        " the catalog file has it then:",
        "./paddlewheel catalog map PRICE COURSE",
    ),
    LEARNER: Advice(
        "The money is in, and no event told who the customer is. With PADDLE_API_KEY the"
        " provider is asked, by itself. Else replay the customer's event in the"
        " provider's dashboard, or see whether it is dead:",
        "./paddlewheel deadletters list",
    ),
}

_LINES = text("""
SELECT p.provider, p.source, p.source_id, p.line_id, p.price_id, p.customer_id,
       p.reason, p.total_minor, p.currency, p.since,
       extract(epoch FROM now() - p.since)::float8 AS age_seconds,
       l.ref AS learner, CASE WHEN p.learner_id IS NULL THEN f.state END AS asked
FROM parked p
LEFT JOIN learners l ON l.id = p.learner_id
LEFT JOIN customer_fetches f
  ON f.provider = p.provider AND f.customer_id = p.customer_id
ORDER BY p.since, p.source_id, p.line_id LIMIT :most
""")
# A buyer of two currencies counts in each of them.
_TOTALS = text("""
SELECT reason, currency, count(*) AS lines,
       count(DISTINCT coalesce(learner_id::text, customer_id, source_id)) AS learners,
       sum(total_minor)::bigint AS total_minor, min(since) AS since
FROM parked GROUP BY reason, currency ORDER BY reason, currency
""")


@dataclass(frozen=True, slots=True)
class ParkedLine:
    """A line of a purchase, or an item of a subscription, whose access waits."""

    provider: str
    #: ``purchase`` or ``subscription``.
    source: str
    source_id: str
    line_id: str
    price_id: str
    customer_id: str | None
    reason: str
    #: What was paid for it so far.
    total_minor: int
    currency: str | None
    since: datetime
    age_seconds: float
    #: Empty while the buyer is not known.
    learner: str | None
    #: Whether the provider was asked for an unknown buyer: a state of
    #: ``customer_fetches``.
    asked: str | None


@dataclass(frozen=True, slots=True)
class ParkedSum:
    """What waits for one reason in one currency; sums are never added up across."""

    reason: str
    currency: str | None
    lines: int
    learners: int
    total_minor: int
    since: datetime


def parked_lines(connection: Connection, most: int) -> list[ParkedLine]:
    """Return what is parked, oldest first, at most so many lines."""
    rows = connection.execute(_LINES, {"most": most})
    return [ParkedLine(*tuple(row)) for row in rows]


def parked_sums(connection: Connection) -> list[ParkedSum]:
    """Return how much is parked, all of it."""
    return [ParkedSum(*tuple(row)) for row in connection.execute(_TOTALS)]
