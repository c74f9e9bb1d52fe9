"""A look goes through indexes, whatever the tables hold: every plan is read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from tests.factories import one
from worker.alerts.conditions import CONDITIONS
from worker.alerts.watch import look
from worker.settings import settings

#: Tables that grow with the shop's past; the others hold a handful.
GROWING = frozenset(
    {
        "inbox",
        "inbox_bodies",
        "inbox_variants",
        "checkouts",
        "customer_fetches",
        "transactions",
        "transaction_lines",
        "access_changes",
        "grants",
        "enrollments",
        "enrollment_history",
        "notifications",
        "platform_deliveries",
        "learners",
        "learner_identities",
        "delivery_counts",
        "attempts",
        "alert_messages",
    }
)
ROWS = 20_000
PAST = f"""
INSERT INTO inbox (provider, event_id, digest, state, received_at, next_attempt_at)
SELECT 'paddle', 'evt_' || n, '', {{state}}, now() - n * interval '1 min',
       now() - n * interval '1 min' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO inbox_variants (inbox_id, digest, body, state)
SELECT n, '', '', {{variant}} FROM generate_series(1, {ROWS}) AS n;
INSERT INTO alert_messages (key, kind, severity, title, body, state)
SELECT n, 'opened', 'info', '', '', {{mail}} FROM generate_series(1, {ROWS}) AS n;
INSERT INTO learner_identities SELECT 'customer', 'paddle:ctm_' || n, n
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO learners (id, email) SELECT n, 'a@b' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO courses VALUES ('c', 'course', 'C');
INSERT INTO transactions (provider, id, status, customer_id, total_minor, currency)
SELECT 'paddle', 'txn_' || n, 'completed', 'ctm_' || n, 1, 'EUR'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO transaction_lines
SELECT 'paddle', 'txn_' || n, 'l', 'pri', 'pro', 1, false, false, 1, 0, 0, 1, 'c'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO grants (provider, source_id, line_id, course_key, learner_id, state, cause)
SELECT 'paddle', 'txn_' || n, 'l', 'c', n, 'active', 'x'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO enrollments (id, learner_id, course_key, state, reason, version)
SELECT n, n, 'c', 'active', 'x', 1 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO enrollment_history (enrollment_id, version, state, reason, cause_kind,
                                cause_ref, changed_at, paid_at)
SELECT n, 1, 'active', 'x', 'event', 'e', now() - n * interval '1 min',
       now() - n * interval '1 min' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO notifications (key, kind, learner_id, enrollment_id, state, last_error,
                           pending_since)
SELECT 'w:' || n, 'welcome', n, n, {{mail}}, 'X: y', now() - interval '1 h' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO platform_deliveries (enrollment_id, version, state, last_error, pending_since)
SELECT n, 1, {{mail}}, 'X: y', now() - interval '1 h' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref, state)
SELECT n, 'c', 'event', 'e', {{state}} FROM generate_series(1, {ROWS}) AS n;
INSERT INTO customer_fetches (provider, customer_id, state, last_error, pending_since)
SELECT 'paddle', 'ctm_' || n, {{fetch}}, 'X: y', now() - interval '1 h'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO checkouts (provider, reference, owner, wanted, state, last_error,
                       pending_since)
SELECT 'paddle', 'order-' || n, 'user', '{{{{}}}}', {{checkout}}, 'X: y',
       now() - interval '1 h' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO delivery_counts
SELECT date_trunc('minute', now()) - n * interval '1 min', 'paddle', 'stored', '', 1
FROM generate_series(0, {ROWS}) AS n;
"""
#: Somebody has watched all the time: what is old counts as old.
WATCHED = """
INSERT INTO heartbeats VALUES ('alerts.watch', now(), now() - interval '9 days')
"""
Plan = dict[str, Any]


@pytest.fixture(params=["processed", "pending"])
def past(request: pytest.FixtureRequest, core: Engine) -> Engine:
    """A shop with a past, all done or all waiting."""
    done = request.param == "processed"
    filled = PAST.format(
        state=f"'{request.param}'",
        mail="'sent'" if done else "'pending'",
        variant="'duplicate'" if done else "'pending'",
        fetch="'fetched'" if done else "'pending'",
        checkout="'opened'" if done else "'pending'",
    )
    with core.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.exec_driver_sql(WATCHED)
        for statement in filled.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    with core.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("ANALYZE")
    return core


def test_no_look_walks_through_a_table_that_grows(past: Engine) -> None:
    found: set[str] = set()

    def act() -> None:
        with past.connect() as connection:
            seen = look(connection, settings())
        assert seen.blind == frozenset()
        found.update(sighting.kind for sighting in seen.sightings.values())

    asked = statements_of(past, act)
    assert len(asked) > len(CONDITIONS)
    if one(past, "SELECT count(*) FROM inbox WHERE state = 'pending'"):
        assert {"waiting", "refused"} <= found
    walked = {
        (node["Relation Name"], statement)
        for statement, parameters in asked
        for node in nodes_of(plan_of(past, statement, parameters))
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING
    }
    assert walked == set()


def test_the_reader_of_plans_sees_a_walk(past: Engine) -> None:
    plan = plan_of(past, "SELECT count(*) FROM inbox WHERE digest = 'x'", {})
    assert "inbox" in {node.get("Relation Name") for node in nodes_of(plan)}
    assert {n["Node Type"] for n in nodes_of(plan)} >= {"Seq Scan"}


def statements_of(
    engine: Engine | type[Engine], act: Callable[[], object]
) -> list[tuple[str, dict[str, Any]]]:
    """Every statement that is sent meanwhile, with its parameters."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def note(
        _c: object, _k: object, statement: str, parameters: Any, *_: object
    ) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [one for one in asked if one[0].lstrip().startswith(("SELECT", "WITH"))]


def plan_of(engine: Engine, statement: str, parameters: Any) -> Plan:
    with engine.connect() as connection:
        explained = connection.exec_driver_sql(
            f"EXPLAIN (FORMAT JSON) {statement}", parameters
        )
        plan: Plan = explained.scalar_one()[0]["Plan"]
    return plan


def nodes_of(plan: Plan) -> Iterator[Plan]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)
