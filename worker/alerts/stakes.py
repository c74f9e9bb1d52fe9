"""How many learners and how much money something touches, per currency.

Asked only when a message is written, and bounded all the same: where there is more,
the figures say "at least". A customer whom only a body names counts as one learner.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, text

from models.key import Key
from worker.alerts.bodies import MOST_BODIES, Told, read_bodies
from worker.bulk import keys_of
from worker.money import add_up, money
from worker.wording import counted
from worker.work_tables import (
    ACCESS_CHANGES,
    CUSTOMER_FETCHES,
    INBOX,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    VARIANTS,
    WorkTable,
)

#: Rows, purchases or enrollments that are looked at.
MOST_ROWS = 1_000
#: ISO 4217. Codes come from outside: another form is not repeated in a message.
_CURRENCY = re.compile("[A-Z]{3}", re.ASCII)

# Which enrollments rows are about, as learner and course; the course may be missing.
_PLACES = {
    ACCESS_CHANGES: "SELECT learner_id, course_key FROM access_changes WHERE id = ANY(:ids)",
    NOTIFICATIONS: """
SELECT n.learner_id, e.course_key
FROM notifications n LEFT JOIN enrollments e ON e.id = n.enrollment_id
WHERE n.id = ANY(:ids)""",
    PLATFORM_DELIVERIES: """
SELECT e.learner_id, e.course_key
FROM platform_deliveries d JOIN enrollments e ON e.id = d.enrollment_id
WHERE d.id = ANY(:ids)
UNION
SELECT g.learner_id, g.course_key
FROM platform_deliveries d
JOIN grants g ON g.provider = d.provider AND g.source_id = d.subject_id
WHERE d.id = ANY(:ids)""",
}
_ENROLLMENTS = "SELECT learner_id, course_key FROM enrollments WHERE id = ANY(:ids)"
# What buyers who are asked for have paid and not got.
_PAID = text("""
SELECT t.provider, t.id FROM customer_fetches f
JOIN transactions t ON t.provider = f.provider AND t.customer_id = f.customer_id
LEFT JOIN subscriptions s ON s.provider = t.provider AND s.id = t.subscription_id
WHERE f.id = ANY(:ids) AND coalesce(t.waits_since, s.waits_since) IS NOT NULL
""")
# The first row is the learners, each further one a currency. A transaction counts once,
# however many courses it gave.
_TOUCHED = """
WITH place AS MATERIALIZED (SELECT DISTINCT learner_id, course_key FROM ({places}) AS p),
bought AS (
  SELECT DISTINCT g.provider, g.source_id AS id
  FROM grants g JOIN place USING (learner_id, course_key)
)
SELECT NULL AS currency, count(DISTINCT learner_id) AS amount FROM place
UNION ALL (
  SELECT t.currency, sum(t.total_minor) FROM transactions t
  JOIN bought USING (provider, id)
  WHERE t.currency IS NOT NULL GROUP BY t.currency
)
"""
_TRANSACTIONS = text("""
SELECT t.currency, t.total_minor, i.learner_id, t.customer_id
FROM transactions t
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS asked(provider, id)
  USING (provider, id)
LEFT JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = t.provider || ':' || t.customer_id
""")


@dataclass(frozen=True, slots=True)
class Stakes:
    """Whom it touches. Sums of money are per currency and never added up across."""

    learners: int = 0
    #: Currency to minor units.
    money: Mapping[str, int] = field(default_factory=dict)
    #: Things of which it cannot be told whom they touch.
    unknown: int = 0
    #: There is more than was looked at: the figures are at least so much.
    capped: bool = False


def of_rows(connection: Connection, table: WorkTable, ids: Sequence[int]) -> Stakes:
    """Return whom some rows of a work table touch.

    Args:
        connection: Where to look; nothing is changed.
        table: The table. Of tables that are about no purchase: nobody.
        ids: The rows; of events at most 200 are read, of others 1,000 looked at.
    """
    if table in (INBOX, VARIANTS):
        told = read_bodies(connection, table, ids[:MOST_BODIES])
        return replace(_of_bodies(told), capped=len(ids) > MOST_BODIES)
    if table is CUSTOMER_FETCHES:
        paid = connection.execute(_PAID, {"ids": list(ids)[:MOST_ROWS]})
        return of_transactions(connection, [Key(*row) for row in paid])
    if table in _PLACES:
        return _of_places(connection, _PLACES[table], ids)
    return Stakes()


def of_enrollments(connection: Connection, ids: Sequence[int]) -> Stakes:
    """Return the learners of enrollments, and what the purchases behind them cost."""
    return _of_places(connection, _ENROLLMENTS, ids)


def of_transactions(connection: Connection, keys: Sequence[Key]) -> Stakes:
    """Return the buyers of transactions, and what they cost."""
    asked = sorted(set(keys))
    rows = connection.execute(_TRANSACTIONS, keys_of(asked[:MOST_ROWS])).all()
    sums = add_up((row.currency, row.total_minor) for row in rows)
    # Two customers may be one learner; one without a learner is somebody as well.
    buyers = {
        row.learner_id or row.customer_id
        for row in rows
        if row.learner_id or row.customer_id
    }
    # Nobody told of the transaction yet, or of its buyer.
    unknown = min(len(asked), MOST_ROWS) - sum(1 for r in rows if r.customer_id)
    return Stakes(len(buyers), sums, unknown, capped=len(asked) > MOST_ROWS)


def sentence(stakes: Stakes) -> str:
    """Return it in words: ``at least 12 learners, 480.00 EUR and 5000 JPY``."""
    parts = [counted(stakes.learners, "learner")] if stakes.learners else []
    amounts = [_amount(stakes.money[code], code) for code in sorted(stakes.money)]
    if amounts:
        most = ", ".join(amounts[:-1])
        parts.append(f"{most} and {amounts[-1]}" if most else amounts[-1])
    if stakes.unknown:
        parts.append(f"{stakes.unknown:,} whose buyer is not known")
    if not parts:
        return "nobody that is known"
    return f"{'at least ' if stakes.capped else ''}{', '.join(parts)}"


def _amount(amount_minor: int, currency: str) -> str:
    if _CURRENCY.fullmatch(currency):
        return money(amount_minor, currency)
    return "money of an odd currency"


def _of_bodies(told: Told) -> Stakes:
    return Stakes(len(told.customers), told.sums(), told.unknown)


def _of_places(connection: Connection, places: str, ids: Sequence[int]) -> Stakes:
    asked = sorted(set(ids))
    statement = text(_TOUCHED.format(places=places))
    found = connection.execute(statement, {"ids": asked[:MOST_ROWS]}).all()
    learners = sum(row.amount for row in found if row.currency is None)
    sums = {row.currency: int(row.amount) for row in found if row.currency is not None}
    return Stakes(int(learners), sums, capped=len(asked) > MOST_ROWS)
