"""Reads what the course platform is to be told: a reader for each kind of news.

Each tells the state of its turn, out of the public views themselves, so that a new
column of theirs is told by itself. What happened stays true whatever came after it: an
order that was refunded meanwhile was completed all the same.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from models.outgoing import DeliveryKind
from worker import crumbs
from worker.channels.platform_hook import News, moment_news_of, news_of
from worker.errors import PermanentError
from worker.grant_statements import LEARNER, LEARNER_JOINS, PAID_AT

_DELIVERY = text("""
SELECT d.kind, d.provider, d.subject_id,
       split_part(d.subject_id, '/', 1) AS transaction_id,
       d.enrollment_id, d.created_at, l.ref, e.course_key, h.cause_ref
FROM platform_deliveries d
LEFT JOIN enrollments e ON e.id = d.enrollment_id
LEFT JOIN learners l ON l.id = e.learner_id
LEFT JOIN enrollment_history h ON h.enrollment_id = e.id AND h.version = e.version
WHERE d.id = :id
""")
_ACCESS = text("""
SELECT * FROM course_access WHERE learner_ref = :ref AND course_key = :course_key
""")
_PAYMENT = text("""
SELECT * FROM payment_status
WHERE provider = :provider AND transaction_id = :transaction_id
""")
_BUYER = text(f"""
SELECT l.ref AS learner_ref, c.email, bought.at
FROM (
  SELECT s.provider, s.customer_id, {LEARNER}, {PAID_AT} AS at
  FROM transactions s
  {LEARNER_JOINS.format(user="s.user_id")}
  WHERE s.provider = :provider AND s.id = :transaction_id
) AS bought
LEFT JOIN learners l ON l.id = bought.learner_id
LEFT JOIN customers c ON c.provider = bought.provider AND c.id = bought.customer_id
""")  # noqa: S608 (constants)
# What a price gives, as for a grant that is made now.
_ITEMS = text("""
SELECT l.price_id, l.quantity, coalesce(
         (SELECT array_remove(
            array_agg(DISTINCT o.course_key ORDER BY o.course_key), NULL)
          FROM offers o
          WHERE o.provider = l.provider AND o.price_id = l.price_id
            AND o.valid_until IS NULL),
         array_remove(ARRAY[l.course], NULL)) AS course_keys
FROM transaction_lines l
WHERE l.provider = :provider AND l.transaction_id = :transaction_id
ORDER BY l.id
""")
_ATTEMPT = text("""
SELECT id, error_code, coalesce(failure, 'no reason was told') AS reason,
       coalesce(attempted_at, clock_updated_at) AS attempted_at
FROM payments
WHERE provider = :provider AND transaction_id = :transaction_id
  AND transaction_id || '/' || id = :subject_id
""")


class _Moment(NamedTuple):
    """When something happened, and its state now."""

    at: datetime
    data: Mapping[str, Any]


def read_news(connection: Connection, row_id: int) -> News:
    """Read what a held row of ``platform_deliveries`` is about.

    Raises:
        PermanentError: There is nothing to be told of it.
    """
    delivery = connection.execute(_DELIVERY, {"id": row_id}).one()
    crumbs.leave("tell", [row_id], events=[delivery.cause_ref])
    if delivery.kind == DeliveryKind.ENROLLMENT:
        return _enrollment(connection, delivery)
    at, data = MOMENTS[delivery.kind](connection, delivery)
    subject = (delivery.provider, delivery.subject_id)
    return moment_news_of(DeliveryKind(delivery.kind), subject, at, data)


def _enrollment(connection: Connection, delivery: Row[Any]) -> News:
    place = {"ref": delivery.ref, "course_key": delivery.course_key}
    row = connection.execute(_ACCESS, place).mappings().one_or_none()
    if row is None:
        raise PermanentError("the enrollment has no version yet")
    return news_of(dict(row), (delivery.enrollment_id, delivery.created_at))


def _order(connection: Connection, delivery: Row[Any]) -> _Moment:
    named = _names(delivery)
    payment = _payment(connection, named)
    buyer = dict(connection.execute(_BUYER, named).mappings().one())
    at = buyer.pop("at")
    items = [dict(item) for item in connection.execute(_ITEMS, named).mappings()]
    return _Moment(at, {**payment, **buyer, "items": items})


def _failed_attempt(connection: Connection, delivery: Row[Any]) -> _Moment:
    named = _names(delivery)
    payment = _payment(connection, named)
    attempt = connection.execute(_ATTEMPT, named).mappings().one()
    return _Moment(attempt["attempted_at"], {**payment, "attempt": dict(attempt)})


MOMENTS: Mapping[str, Callable[[Connection, Row[Any]], _Moment]] = {
    DeliveryKind.ORDER: _order,
    DeliveryKind.PAYMENT: _failed_attempt,
}


def _payment(connection: Connection, named: Mapping[str, str]) -> Mapping[str, Any]:
    row = connection.execute(_PAYMENT, named).mappings().one_or_none()
    if row is None:
        raise PermanentError("payment_status does not list it any more")
    return dict(row)


def _names(delivery: Row[Any]) -> dict[str, str]:
    return {
        name: getattr(delivery, name)
        for name in ("provider", "transaction_id", "subject_id")
    }
