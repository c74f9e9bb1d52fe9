"""The same rows by bare batched SQL: what is left when all care is taken away.

No claims, leases, locks, clocks, rings or savepoints, no checks of the bodies; every
process has its own buyers, so nothing is ever in another's way. A batch is one
transaction of a statement per table. Nobody should run this: it is the floor.

    python -m bench.bare DATABASE_URL PART PARTS
"""

import sys
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from bench.events import COURSES

BATCH_ROWS = 100
COMPLETED = "transaction.completed"

_READ = """
SELECT i.id, i.event_type, b.body FROM inbox i JOIN inbox_bodies b ON b.inbox_id = i.id
WHERE i.id = ANY(%s) ORDER BY i.id
"""
_CUSTOMERS = """
INSERT INTO customers (provider, id, email, name, locale, status)
SELECT 'paddle', * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""
_LEARNERS = """
WITH made AS (
  INSERT INTO learners (email, name)
  SELECT * FROM unnest(%s::text[], %s::text[]) RETURNING id, email
)
INSERT INTO learner_identities (kind, value, learner_id)
SELECT 'email', email, id FROM made
UNION ALL
SELECT 'customer', 'paddle:' || told.id, made.id
FROM made JOIN unnest(%s::text[], %s::text[]) AS told(id, email) USING (email)
"""
_TRANSACTIONS = """
INSERT INTO transactions (provider, id, status, customer_id, currency, subtotal_minor,
  tax_minor, total_minor, grand_total_minor, custom_data, opened_at, billed_at,
  clock_updated_at, clock_event)
SELECT 'paddle', * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],
  %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::jsonb[],
  %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[])
ON CONFLICT (provider, id) DO UPDATE SET status = excluded.status,
  customer_id = excluded.customer_id, billed_at = excluded.billed_at,
  clock_updated_at = excluded.clock_updated_at, clock_event = excluded.clock_event
WHERE transactions.clock_updated_at <= excluded.clock_updated_at
"""
_LINES = """
INSERT INTO transaction_lines (provider, transaction_id, id, price_id, product_id,
  quantity, recurring, prorated, subtotal_minor, discount_minor, tax_minor, total_minor)
SELECT 'paddle', t, id, price, product, n, false, false, sub, 0, tax, total
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
  %s::bigint[], %s::bigint[], %s::bigint[])
  AS told(t, id, price, product, n, sub, tax, total)
ON CONFLICT DO NOTHING
"""
_PAYMENTS = """
INSERT INTO payments (provider, transaction_id, id, status, amount_minor, attempted_at,
  captured_at, clock_updated_at, clock_occurred_at, clock_event)
SELECT 'paddle', t, id, status, amount, at, captured, updated, updated, event
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[],
  %s::timestamptz[], %s::timestamptz[], %s::text[])
  AS told(t, id, status, amount, at, captured, updated, event)
ON CONFLICT DO NOTHING
"""
_ACCESS = """
WITH given AS (
  INSERT INTO grants (provider, source_id, line_id, course_key, learner_id, state,
    cause, starts_at)
  SELECT 'paddle', t, line, course, i.learner_id, 'active', 'purchased', now()
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
    AS told(t, line, course, customer)
  JOIN learner_identities i
    ON i.kind = 'customer' AND i.value = 'paddle:' || customer
  RETURNING learner_id, course_key
), changes AS (
  INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref, state)
  SELECT learner_id, course_key, 'event', '', 'processed' FROM given
), enrolled AS (
  INSERT INTO enrollments (learner_id, course_key, state, reason, version)
  SELECT learner_id, course_key, 'active', 'purchased', 1 FROM given
  RETURNING id, learner_id
), history AS (
  INSERT INTO enrollment_history (enrollment_id, version, state, reason, cause_kind,
    cause_ref)
  SELECT id, 1, 'active', 'purchased', 'event', '' FROM enrolled
)
INSERT INTO notifications (key, kind, learner_id, enrollment_id)
SELECT 'welcome:' || id, 'welcome', learner_id, id FROM enrolled
"""
_FINISH = """
UPDATE inbox SET state = 'processed', attempts = 1, finished_at = now()
WHERE id = ANY(%s)
"""


class _Told(NamedTuple):
    event: str
    data: dict[str, Any]


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Turn rows into one list per column."""
    return [list(column) for column in zip(*rows, strict=True)]


def work(connection: psycopg.Connection, ids: Sequence[int]) -> None:
    """Write everything that a batch of events leads to."""
    customers: dict[str, dict[str, Any]] = {}
    transactions: dict[str, _Told] = {}
    completed = []
    for _, kind, body in connection.execute(_READ, (list(ids),)):
        event = msgspec.json.decode(body)
        data = event["data"]
        if kind.startswith("customer."):
            customers[data["id"]] = data
            continue
        known = transactions.get(data["id"])
        if known is None or known.data["updated_at"] <= data["updated_at"]:
            transactions[data["id"]] = _Told(event["event_id"], data)
        if kind == COMPLETED:
            completed.append(data)
    write_customers(connection, list(customers.values()))
    write_transactions(connection, list(transactions.values()))
    write_access(connection, completed)
    connection.execute(_FINISH, (list(ids),))


def write_customers(connection: psycopg.Connection, told: list[dict[str, Any]]) -> None:
    """Write customers and learners."""
    if not told:
        return
    facts = ("id", "email", "name", "locale", "status")
    connection.execute(_CUSTOMERS, columns([c[fact] for fact in facts] for c in told))
    ids, emails, names = columns((c["id"], c["email"], c["name"]) for c in told)
    connection.execute(_LEARNERS, (emails, names, ids, emails))


def write_transactions(connection: psycopg.Connection, told: list[_Told]) -> None:
    """Write transactions, lines and payments."""
    if not told:
        return
    connection.execute(_TRANSACTIONS, columns(map(transaction_row, told)))
    lines = [line_row(told.data, line) for told in told for line in _lines(told.data)]
    connection.execute(_LINES, columns(lines))
    payments = [
        payment_row(each, payment) for each in told for payment in each.data["payments"]
    ]
    if payments:
        connection.execute(_PAYMENTS, columns(payments))


def write_access(
    connection: psycopg.Connection, completed: list[dict[str, Any]]
) -> None:
    """Write what completed purchases give."""
    rows = [
        (data["id"], line["id"], COURSES[line["price_id"]], data["customer_id"])
        for data in completed
        for line in _lines(data)
    ]
    if rows:
        connection.execute(_ACCESS, columns(rows))


def transaction_row(told: _Told) -> tuple[Any, ...]:
    """Return a transaction's columns."""
    data = told.data
    totals = data["details"]["totals"]
    return (
        *(data["id"], data["status"], data["customer_id"], data["currency_code"]),
        *(int(totals[name]) for name in ("subtotal", "tax", "total", "grand_total")),
        *(Jsonb(data["custom_data"]), data["created_at"], data["billed_at"]),
        *(data["updated_at"], told.event),
    )


def line_row(data: dict[str, Any], line: dict[str, Any]) -> tuple[Any, ...]:
    """Return a line's columns."""
    amounts = (int(line["totals"][name]) for name in ("subtotal", "tax", "total"))
    what = (line["price_id"], line["product"]["id"], line["quantity"])
    return (data["id"], line["id"], *what, *amounts)


def payment_row(told: _Told, payment: dict[str, Any]) -> tuple[Any, ...]:
    """Return a payment's columns."""
    times = (payment["created_at"], payment["captured_at"], told.data["updated_at"])
    what = (payment["payment_attempt_id"], payment["status"], int(payment["amount"]))
    return (told.data["id"], *what, *times, told.event)


def _lines(data: dict[str, Any]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = data["details"]["line_items"]
    return lines


def share_of(connection: psycopg.Connection, part: int, parts: int) -> list[int]:
    """Return the inbox rows of one part of the buyers."""
    rows = connection.execute("SELECT inbox_id, body FROM inbox_bodies ORDER BY 1")
    told = [(row_id, msgspec.json.decode(body)["data"]) for row_id, body in rows]
    # A purchase has no buyer at first.
    buyers = {data["id"]: data.get("customer_id") or data["id"] for _, data in told}
    begun: dict[str, int] = {}
    for row_id, data in told:
        begun.setdefault(buyers[data["id"]], row_id)
    # A buyer is told of with the purchase: nothing here could wait for one who comes
    # after the last event.
    rows_in_order = sorted(
        (begun[data["id"]] if "email" in data else row_id, row_id, data["id"])
        for row_id, data in told
    )
    return [
        row_id
        for _, row_id, entity in rows_in_order
        if zlib.crc32(buyers[entity].encode()) % parts == part
    ]


def main(url: str, part: int, parts: int) -> int:
    """Work on one part of the buyers, once a line on standard input says so."""
    with psycopg.connect(url) as connection:
        mine = share_of(connection, part, parts)
        connection.commit()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for start in range(0, len(mine), BATCH_ROWS):
            work(connection, mine[start : start + BATCH_ROWS])
            connection.commit()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
