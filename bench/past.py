"""A shop's past, made in bulk: finished events with all that came of them."""

import psycopg
from psycopg import sql

from bench.arena import Arena
from bench.backlog import FRESH
from bench.events import EVENTS_PER_PURCHASE

MANY = 1_000_000

#: One row of each per purchase, over the last 300 days, oldest first.
_PAST = """
CREATE TEMPORARY TABLE sold AS SELECT n, 'txn_' || n AS id, 'ctm_' || n AS customer_id,
  now() - ({purchases} - n) * interval '300 days' / {purchases} AS at
FROM generate_series(1, {purchases}) AS n;
INSERT INTO inbox (provider, event_id, event_type, occurred_at, received_at, digest,
                   state, finished_at, next_attempt_at, pending_since, attempts)
SELECT 'paddle', 'evt_' || n, 'transaction.updated', at, at, '', 'processed', at, at, at,
       1
FROM (SELECT n, now() - ({events} - n) * interval '300 days' / {events} AS at
      FROM generate_series(1, {events}) AS n) AS past;
INSERT INTO inbox_bodies (inbox_id, received_at, body)
SELECT id, received_at, '{{}}' FROM inbox;
INSERT INTO event_entities (inbox_id, entity_id)
SELECT id, 'txn_' || (1 + id % {purchases}) FROM inbox;
INSERT INTO customers (provider, id, email, email_key, clock_updated_at)
SELECT 'paddle', customer_id, n || '@example.com', n || '@example.com', at FROM sold;
INSERT INTO learners (id, email) SELECT n, n || '@example.com' FROM sold;
SELECT setval(pg_get_serial_sequence('learners', 'id'), {purchases});
INSERT INTO courses VALUES ('c', 'course', 'C');
INSERT INTO learner_identities SELECT 'customer', 'paddle:' || customer_id, n FROM sold;
INSERT INTO transactions (provider, id, status, customer_id, currency, subtotal_minor,
                          discount_minor, tax_minor, total_minor, grand_total_minor,
                          opened_at, billed_at, clock_updated_at)
SELECT 'paddle', id, 'completed', customer_id, 'EUR', 4900, 0, 0, 4900, 4900, at, at, at
FROM sold;
INSERT INTO transaction_lines
SELECT 'paddle', id, 'l', 'pri', 'pro', 1, false, false, 4900, 0, 0, 4900, 'c' FROM sold;
INSERT INTO payments (provider, transaction_id, id, status, amount_minor, attempted_at,
                      captured_at, clock_updated_at, clock_occurred_at, clock_event)
SELECT 'paddle', id, 'p', 'captured', 4900, at, at, at, at, 'evt_' || n FROM sold;
INSERT INTO grants (provider, source_id, line_id, course_key, learner_id, state, cause,
                    starts_at)
SELECT 'paddle', id, 'l', 'c', n, 'active', 'purchased', at FROM sold;
INSERT INTO enrollments (id, learner_id, course_key, state, reason, version)
SELECT n, n, 'c', 'active', 'purchased', 1 FROM sold;
SELECT setval(pg_get_serial_sequence('enrollments', 'id'), {purchases});
INSERT INTO enrollment_history (enrollment_id, version, state, reason, cause_kind,
                                cause_ref, changed_at, paid_at)
SELECT n, 1, 'active', 'purchased', 'event', 'evt_' || n, at, at - interval '1 s'
FROM sold;
INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref, state,
                            next_attempt_at, pending_since, finished_at)
SELECT n, 'c', 'event', 'evt_' || n, 'processed', at, at, at FROM sold;
INSERT INTO notifications (key, kind, learner_id, enrollment_id, state, finished_at)
SELECT 'welcome:' || n, 'welcome', n, n, 'sent', now() FROM sold;
INSERT INTO platform_deliveries (enrollment_id, version, delivered_version, state)
SELECT n, 1, 1, 'sent' FROM sold;
VACUUM (ANALYZE)
"""


def purchases_of(events: int) -> int:
    """Return how many purchases so many events are."""
    return events // EVENTS_PER_PURCHASE


def clone_past(arena: Arena, database: str, events: int) -> None:
    """Make a database with so many events in its past; the first of a size is slow."""
    template = f"past_{events}"
    if not arena.has(template):
        arena.clone(template, FRESH)
        values = {"events": events, "purchases": purchases_of(events)}
        with arena.connect(template) as connection:
            # Half a million references need not be checked one by one.
            connection.execute("SET session_replication_role = replica")
            run(connection, _PAST.format(**values))
    arena.clone(database, template, "file_copy")


def run(connection: psycopg.Connection, statements: str) -> None:
    """Run statements, one after the other."""
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(sql.SQL(statement))
