"""Which message about money is due, by the ledger: one query a kind.

The same query makes the messages and tells at their turn whether they are still true.
What is news decides only the making: a message that was made, or that a person sends
again, may have waited longer than news is news.
"""

from collections.abc import Mapping
from typing import NamedTuple

from models.notices import NoticeKind
from worker.grant_statements import LEARNER, LEARNER_JOINS, PAID_AT
from worker.notices.news import HELD_BACK, NEWS_DAYS, NO_NEWS

#: What a buyer does; the rest a subscription does by itself.
_FIRST = "s.origin IN ('web', 'api')"
_IN_UTC = """to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
# When it happened, and not when an event tells of it again.
_RECENTLY = f"{{moment}} > now() - interval '{NEWS_DAYS} days'"
_OF_TRANSACTION = LEARNER_JOINS.format(user="s.user_id")
_OF_SUBSCRIPTION = LEARNER_JOINS.format(
    user="""coalesce(s.user_id, (
      SELECT min(t.user_id) FROM transactions t
      WHERE t.provider = s.provider AND t.subscription_id = s.id
        AND t.status IN ('paid', 'completed')))"""
)
_NEWS = f"NOT {NO_NEWS.format(provider='s.provider', event='s.clock_event')}"
_TOLD = f"NOT {HELD_BACK.format(provider='s.provider', event='s.clock_event')}"
_DECLINED = """
EXISTS (
  SELECT FROM payments p
  WHERE p.provider = s.provider AND p.transaction_id = s.id AND p.status = 'error'
    AND {recently})
"""
_ATTEMPTED_AT = "coalesce(p.attempted_at, p.clock_updated_at)"
# What the lines of a transaction give, as far as anybody has said.
_COURSES = """
SELECT coalesce(o.course_key, l.course) FROM transaction_lines l
LEFT JOIN offers o ON o.provider = l.provider AND o.price_id = l.price_id
  AND o.valid_until IS NULL
WHERE l.provider = s.provider AND l.transaction_id = s.id
"""


class Due(NamedTuple):
    """When a message is due: by a query, in which ``{only}`` is which ``s`` is meant.

    It gives ``key``, ``provider``, ``subject_id`` and ``learner_id``; what made it so,
    ``event_id``; and where that is the clock, ``due_at``.
    """

    #: What must be true, whenever it is asked.
    query: str
    #: What must be true besides for a message to be made; goes on from the query.
    news: str

    def statement(self, only: str, *, is_made: bool = False) -> str:
        """Return the query.

        Args:
            only: The subjects that are asked about.
            is_made: There is a message; is it still true?
        """
        query = self.query.format(only=only)
        return query if is_made else f"{query} AND {self.news}"


def _due(
    kind: NoticeKind,
    rest: str,
    news: str,
    key: str = "s.id",
    at: str = "CAST(NULL AS timestamptz)",
) -> Due:
    query = f"""
SELECT '{kind}:' || s.provider || ':' || {key} AS key, s.provider, s.id AS subject_id,
       s.clock_event AS event_id, {at} AS due_at, {LEARNER}
{rest} AND {{only}}
"""
    return Due(query, news)


DUE: Mapping[NoticeKind, Due] = {
    NoticeKind.REFUND_CONFIRMED: _due(
        NoticeKind.REFUND_CONFIRMED,
        f"""
FROM adjustments s
JOIN transactions bought ON bought.provider = s.provider
  AND bought.id = s.transaction_id
{LEARNER_JOINS.format(user="bought.user_id")}
WHERE s.action = 'refund' AND s.status = 'approved'
""",
        _NEWS,
    ),
    # Without a day of grace access rests at once, and that is told.
    NoticeKind.RENEWAL_FAILED: _due(
        NoticeKind.RENEWAL_FAILED,
        f"""
FROM subscriptions s {_OF_SUBSCRIPTION}
WHERE s.status = 'past_due' AND EXISTS (
  SELECT FROM grants g
  WHERE g.provider = s.provider AND g.source_id = s.id AND g.state = 'active'
    AND g.ends_at > now())
""",
        f"{_RECENTLY.format(moment='s.period_starts_at')} AND {_NEWS}",
        f"s.id || ':' || {_IN_UTC.format(moment='s.period_starts_at')}",
    ),
    NoticeKind.PAYMENT_FAILED: _due(
        NoticeKind.PAYMENT_FAILED,
        f"""
FROM transactions s {_OF_TRANSACTION}
WHERE {_FIRST} AND s.status NOT IN ('paid', 'completed', 'canceled')
  AND {_DECLINED.format(recently="true")}
""",
        f"{_DECLINED.format(recently=_RECENTLY.format(moment=_ATTEMPTED_AT))}"
        f" AND {_NEWS}",
    ),
    NoticeKind.ORDER_CONFIRMATION: _due(
        NoticeKind.ORDER_CONFIRMATION,
        f"""
FROM transactions s {_OF_TRANSACTION}
WHERE {_FIRST} AND s.status = 'completed'
""",
        f"{_RECENTLY.format(moment=PAID_AT)} AND {_NEWS}",
    ),
    NoticeKind.TRIAL_ENDING: _due(
        NoticeKind.TRIAL_ENDING,
        f"""
FROM subscriptions s {_OF_SUBSCRIPTION}
WHERE s.status = 'trialing' AND s.scheduled_action IS NULL AND s.next_billed_at > now()
  AND s.next_billed_at <= now() + CAST(:trial AS interval)
""",
        _TOLD,
        f"s.id || ':' || {_IN_UTC.format(moment='s.next_billed_at')}",
        "greatest(s.next_billed_at - CAST(:trial AS interval), s.clock_updated_at)",
    ),
    # Of a subscription it is the purchase that it began with. Each purchase is looked up
    # by itself: all that is parked, read for each of thousands, would take hours.
    NoticeKind.PAYMENT_RECEIVED: _due(
        NoticeKind.PAYMENT_RECEIVED,
        f"""
FROM (
  SELECT s.provider, s.id, s.subscription_id FROM transactions s
  WHERE s.waits_since IS NOT NULL AND {{only}}
  UNION
  SELECT s.provider, s.id, s.subscription_id FROM subscriptions marked
  JOIN transactions s
    ON s.provider = marked.provider AND s.subscription_id = marked.id
  WHERE marked.waits_since IS NOT NULL AND {{only}}
) AS bought
CROSS JOIN LATERAL (
  SELECT min(p.since) AS since FROM parked p
  WHERE p.provider = bought.provider
    AND (p.source = 'purchase' AND p.source_id = bought.id
      OR p.source = 'subscription' AND p.source_id = bought.subscription_id)
) AS waiting
JOIN transactions s USING (provider, id)
{_OF_TRANSACTION}
WHERE waiting.since <= now() - CAST(:parked AS interval)
  AND {_FIRST} AND s.status IN ('paid', 'completed') AND s.grand_total_minor > 0
""",  # noqa: S608 (constants)
        f"{_RECENTLY.format(moment='waiting.since')} AND {_TOLD}",
        at="waiting.since + CAST(:parked AS interval)",
    ),
    NoticeKind.CHECKOUT_LEFT_OPEN: _due(
        NoticeKind.CHECKOUT_LEFT_OPEN,
        f"""
FROM transactions s {_OF_TRANSACTION}
WHERE {_FIRST} AND s.status IN ('draft', 'ready')
  AND s.opened_at <= now() - CAST(:checkout AS interval)
  AND NOT EXISTS (
    SELECT FROM payments p
    WHERE p.provider = s.provider AND p.transaction_id = s.id
      AND p.status NOT IN ('error', 'canceled', 'dropped'))
  AND NOT EXISTS (
    SELECT FROM enrollments e
    WHERE e.state = 'active' AND e.course_key IN ({_COURSES})
      AND e.learner_id IN (own.learner_id, person.merged_into, named.learner_id))
  AND NOT EXISTS (
    SELECT FROM transactions t
    WHERE t.provider = s.provider AND t.customer_id = s.customer_id
      AND t.opened_at >= s.opened_at AND t.id <> s.id
      AND t.status <> 'canceled')
""",  # noqa: S608
        f"{_RECENTLY.format(moment='s.opened_at')} AND {_TOLD}",
        at="greatest(s.opened_at + CAST(:checkout AS interval), s.clock_updated_at)",
    ),
}
