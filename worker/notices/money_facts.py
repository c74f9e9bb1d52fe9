"""The facts of the messages about money: sums, titles, days and codes."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

from models.notices import NoticeKind
from worker.channels.letter import shown
from worker.money import money
from worker.notices.days import day_of
from worker.notices.reasons import decline_of

Facts = Mapping[str, str]

# What is spoken of, line by line, as grants name it.
_LINES_OF_TRANSACTION = """
SELECT CASE WHEN l.recurring THEN t.subscription_id ELSE t.id END AS source_id,
       CASE WHEN l.recurring THEN l.price_id ELSE l.id END AS line_id,
       l.price_id, l.product_id, l.course
FROM transactions t
JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
WHERE t.provider = :provider AND t.id = :id
"""
_LINES_OF_REFUND = """
SELECT CASE WHEN l.recurring THEN t.subscription_id ELSE t.id END AS source_id,
       CASE WHEN l.recurring THEN l.price_id ELSE l.id END AS line_id,
       l.price_id, l.product_id, l.course
FROM adjustments a
JOIN adjustment_lines part ON part.provider = a.provider AND part.adjustment_id = a.id
JOIN transactions t ON t.provider = a.provider AND t.id = a.transaction_id
JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
  AND l.id = part.line_id
WHERE a.provider = :provider AND a.id = :id
"""
_LINES_OF_SUBSCRIPTION = """
SELECT subscription_id AS source_id, id AS line_id, id AS price_id, product_id, course
FROM subscription_items
WHERE provider = :provider AND subscription_id = :id AND status <> 'inactive'
"""
# What was given, else what would be, else what the provider calls it.
_TITLES = """
WITH lines AS ({lines})
SELECT coalesce(
  (SELECT string_agg(DISTINCT c.title, ', ') FROM lines
   JOIN grants g ON g.provider = :provider AND g.source_id = lines.source_id
     AND g.line_id = lines.line_id
   JOIN courses c ON c.key = g.course_key),
  (SELECT string_agg(DISTINCT c.title, ', ') FROM lines
   LEFT JOIN offers o ON o.provider = :provider AND o.price_id = lines.price_id
     AND o.valid_until IS NULL
   JOIN courses c ON c.key = coalesce(o.course_key, lines.course)),
  (SELECT string_agg(DISTINCT p.name, ', ') FROM lines
   JOIN products p ON p.provider = :provider AND p.id = lines.product_id),
  '')
"""
_TITLES_OF_TRANSACTION = text(_TITLES.format(lines=_LINES_OF_TRANSACTION))
_TITLES_OF_REFUND = text(_TITLES.format(lines=_LINES_OF_REFUND))
_TITLES_OF_SUBSCRIPTION = text(_TITLES.format(lines=_LINES_OF_SUBSCRIPTION))
_TRANSACTION = text("""
SELECT t.grand_total_minor AS minor, t.currency, t.invoice_number, (
  SELECT p.error_code FROM payments p
  WHERE p.provider = t.provider AND p.transaction_id = t.id AND p.status = 'error'
  ORDER BY p.attempted_at DESC NULLS LAST, p.id DESC LIMIT 1) AS error_code
FROM transactions t WHERE t.provider = :provider AND t.id = :id
""")
_REFUND = text("""
SELECT total_minor AS minor, currency FROM adjustments
WHERE provider = :provider AND id = :id
""")
# A sum only where the provider has asked for one: what the prices come to is without
# taxes and discounts, and may be in another currency.
_SUBSCRIPTION = text("""
SELECT s.next_billed_at, asked.minor, asked.currency,
       (SELECT max(g.ends_at) FROM grants g
        WHERE g.provider = s.provider AND g.source_id = s.id AND g.state = 'active')
         AS access_until
FROM subscriptions s
LEFT JOIN LATERAL (
  SELECT t.grand_total_minor AS minor, t.currency FROM transactions t
  WHERE t.provider = s.provider AND t.subscription_id = s.id
    AND t.status = 'past_due' AND s.status = 'past_due'
  ORDER BY t.opened_at DESC NULLS LAST, t.id DESC LIMIT 1
) AS asked ON true
WHERE s.provider = :provider AND s.id = :id
""")


def _place(row: Row[Any]) -> dict[str, str]:
    return {"provider": row.provider, "id": row.subject_id}


def _amount(found: Row[Any]) -> Facts:
    return {"amount": money(found.minor, found.currency)}


def _refund(connection: Connection, row: Row[Any]) -> Facts:
    found = connection.execute(_REFUND, _place(row)).one()
    titles = connection.execute(_TITLES_OF_REFUND, _place(row)).scalar_one()
    return {**_amount(found), "course": shown(titles)}


def _transaction(connection: Connection, row: Row[Any]) -> tuple[Row[Any], Facts]:
    found = connection.execute(_TRANSACTION, _place(row)).one()
    titles = connection.execute(_TITLES_OF_TRANSACTION, _place(row)).scalar_one()
    return found, {**_amount(found), "course": shown(titles)}


def _payment_failed(connection: Connection, row: Row[Any]) -> Facts:
    found, facts = _transaction(connection, row)
    return {**facts, "decline": decline_of(found.error_code)}


def _payment_received(connection: Connection, row: Row[Any]) -> Facts:
    found, _facts = _transaction(connection, row)
    return _amount(found)


def _order(connection: Connection, row: Row[Any]) -> Facts:
    found, facts = _transaction(connection, row)
    # Of what cost nothing there is no invoice, and nobody need be asked for one.
    none = {} if found.minor else {"invoice_url": ""}
    return {**facts, **none, "invoice_number": found.invoice_number or ""}


def _checkout(connection: Connection, row: Row[Any]) -> Facts:
    return _transaction(connection, row)[1]


def _subscription(connection: Connection, row: Row[Any]) -> tuple[Row[Any], Facts]:
    found = connection.execute(_SUBSCRIPTION, _place(row)).one()
    titles = connection.execute(_TITLES_OF_SUBSCRIPTION, _place(row)).scalar_one()
    return found, {"course": shown(titles)}


def _trial(connection: Connection, row: Row[Any]) -> Facts:
    found, facts = _subscription(connection, row)
    return {**facts, "ends_on": day_of(found.next_billed_at)}


def _renewal(connection: Connection, row: Row[Any]) -> Facts:
    found, facts = _subscription(connection, row)
    amount = {"amount": ""} if found.minor is None else _amount(found)
    return {**facts, **amount, "access_until": day_of(found.access_until)}


#: By kind, its facts but those that only the provider can tell (``links``).
FACTS: Mapping[NoticeKind, Callable[[Connection, Row[Any]], Facts]] = {
    NoticeKind.REFUND_CONFIRMED: _refund,
    NoticeKind.TRIAL_ENDING: _trial,
    NoticeKind.RENEWAL_FAILED: _renewal,
    NoticeKind.PAYMENT_FAILED: _payment_failed,
    NoticeKind.PAYMENT_RECEIVED: _payment_received,
    NoticeKind.ORDER_CONFIRMATION: _order,
    NoticeKind.CHECKOUT_LEFT_OPEN: _checkout,
}
