"""Which message about money is due, by the ledger: one query a kind.

The same query makes the messages and tells at their turn whether they are still true.
"""

from collections.abc import Mapping

from models.notices import NoticeKind
from worker.grant_statements import LEARNER, LEARNER_JOINS
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
# What the lines of a transaction give, as far as anybody has said.
_COURSES = """
SELECT coalesce(o.course_key, l.course) FROM transaction_lines l
LEFT JOIN offers o ON o.provider = l.provider AND o.price_id = l.price_id
  AND o.valid_until IS NULL
WHERE l.provider = s.provider AND l.transaction_id = s.id
"""


def _due(kind: NoticeKind, rest: str, joins: str, key: str = "s.id") -> str:
    return f"""
SELECT '{kind}:' || s.provider || ':' || {key} AS key, s.provider, s.id AS subject_id,
       {LEARNER}
{rest.replace("{joins}", joins)} AND {{only}}
"""


#: Each gives ``key``, ``provider``, ``subject_id`` and ``learner_id``; ``{only}`` stands
#: for the subjects that are asked about.
DUE: Mapping[NoticeKind, str] = {
    NoticeKind.REFUND_CONFIRMED: _due(
        NoticeKind.REFUND_CONFIRMED,
        f"""
FROM adjustments s
JOIN transactions bought ON bought.provider = s.provider
  AND bought.id = s.transaction_id
{{joins}}
WHERE s.action = 'refund' AND s.status = 'approved' AND {_NEWS}
""",
        LEARNER_JOINS.format(user="bought.user_id"),
    ),
    NoticeKind.RENEWAL_FAILED: _due(
        NoticeKind.RENEWAL_FAILED,
        f"""
FROM subscriptions s {{joins}}
WHERE s.status = 'past_due' AND {_RECENTLY.format(moment="s.period_starts_at")}
  AND {_NEWS}
""",
        _OF_SUBSCRIPTION,
        f"s.id || ':' || {_IN_UTC.format(moment='s.period_starts_at')}",
    ),
    NoticeKind.PAYMENT_FAILED: _due(
        NoticeKind.PAYMENT_FAILED,
        f"""
FROM transactions s {{joins}}
WHERE {_FIRST} AND s.status NOT IN ('paid', 'completed', 'canceled') AND {_NEWS}
  AND EXISTS (
    SELECT FROM payments p
    WHERE p.provider = s.provider AND p.transaction_id = s.id AND p.status = 'error'
      AND {_RECENTLY.format(moment="coalesce(p.attempted_at, p.clock_updated_at)")})
""",
        _OF_TRANSACTION,
    ),
    NoticeKind.ORDER_CONFIRMATION: _due(
        NoticeKind.ORDER_CONFIRMATION,
        f"""
FROM transactions s {{joins}}
WHERE {_FIRST} AND s.status = 'completed' AND {_NEWS}
  AND {_RECENTLY.format(moment="coalesce(s.billed_at, s.opened_at)")}
""",
        _OF_TRANSACTION,
    ),
    NoticeKind.TRIAL_ENDING: _due(
        NoticeKind.TRIAL_ENDING,
        f"""
FROM subscriptions s {{joins}}
WHERE s.status = 'trialing' AND s.scheduled_action IS NULL AND {_TOLD}
  AND s.next_billed_at > now()
  AND s.next_billed_at <= now() + CAST(:trial AS interval)
""",
        _OF_SUBSCRIPTION,
        f"s.id || ':' || {_IN_UTC.format(moment='s.next_billed_at')}",
    ),
    # Of a subscription it is the purchase that it began with.
    NoticeKind.PAYMENT_RECEIVED: _due(
        NoticeKind.PAYMENT_RECEIVED,
        f"""
FROM (
  SELECT p.provider, t.id, min(p.since) AS since FROM parked p
  JOIN transactions t ON t.provider = p.provider
    AND (p.source = 'purchase' AND t.id = p.source_id
      OR p.source = 'subscription' AND t.subscription_id = p.source_id)
  WHERE p.since <= now() - CAST(:parked AS interval)
    AND p.since > now() - interval '{NEWS_DAYS} days'
  GROUP BY p.provider, t.id
) AS waiting
JOIN transactions s USING (provider, id)
{{joins}}
WHERE {_FIRST} AND s.status IN ('paid', 'completed') AND s.grand_total_minor > 0
  AND {_TOLD}
""",  # noqa: S608 (constants)
        _OF_TRANSACTION,
    ),
    NoticeKind.CHECKOUT_LEFT_OPEN: _due(
        NoticeKind.CHECKOUT_LEFT_OPEN,
        f"""
FROM transactions s {{joins}}
WHERE {_FIRST} AND s.status IN ('draft', 'ready') AND {_TOLD}
  AND s.opened_at <= now() - CAST(:checkout AS interval)
  AND s.opened_at > now() - interval '{NEWS_DAYS} days'
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
        _OF_TRANSACTION,
    ),
}
