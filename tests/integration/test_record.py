"""``events.record``: what each event does, once, twice, late, and badly told."""

from collections.abc import Callable

import pytest
from celery.exceptions import Retry
from sqlalchemy import Engine, text

from tasks.record import record as record_task
from tests.factories import add_bytes, add_event, add_events, make_due, one, rows
from tests.purchases import (
    COURSE,
    LINE,
    LINE_TOTAL,
    TRANSACTION,
    adjustment,
    encoded,
    published,
    purchase,
    transaction,
)
from worker.outcome import DeadLettered
from worker.settings import Settings
from worker.work_tables import INBOX

CANARY = "canary@example.com"


@pytest.fixture
def record(core: Engine) -> Callable[[], str]:
    return lambda: str(record_task([], 1))


def states(engine: Engine) -> list[tuple[str, str | None]]:
    found = rows(engine, "SELECT state, reason FROM inbox ORDER BY id")
    return [(state, reason) for state, reason in found]


def test_a_purchase_becomes_ledger_grant_and_change(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(core, purchase())

    assert record() == "7 processed"

    assert rows(core, "SELECT status, total_minor FROM transactions") == [
        ("completed", LINE_TOTAL)
    ]
    assert rows(core, "SELECT id, course FROM transaction_lines") == [(LINE, COURSE)]
    assert rows(core, "SELECT status FROM payments ORDER BY 1") == [
        ("captured",),
        ("error",),
    ]
    assert rows(core, "SELECT course_key, state, cause FROM grants") == [
        (COURSE, "active", "purchased")
    ]
    assert one(core, "SELECT count(*) FROM access_changes") == 1


def test_a_second_run_finds_nothing(core: Engine, record: Callable[[], str]) -> None:
    add_events(core, purchase())
    record()

    assert record() == "nothing due"
    assert one(core, "SELECT count(*) FROM access_changes") == 1


def test_an_event_that_comes_late_is_stale(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(
        core, [published("customer.created"), transaction("transaction.completed")]
    )
    record()
    add_events(core, [transaction("transaction.ready")])

    assert record() == "1 stale"
    assert one(core, "SELECT status FROM transactions") == "completed"
    assert one(core, "SELECT count(*) FROM access_changes") == 1


def test_the_cause_of_a_change_is_the_event_that_decided(
    core: Engine, record: Callable[[], str]
) -> None:
    completed = transaction("transaction.completed")
    add_events(
        core,
        [published("customer.created"), completed, transaction("transaction.ready")],
    )

    record()

    cause = rows(core, "SELECT cause_kind, cause_ref FROM access_changes")
    assert cause == [("event", completed["event_id"])]


def test_a_refund_takes_the_grant_back(core: Engine, record: Callable[[], str]) -> None:
    add_events(core, purchase())
    record()
    add_events(core, [adjustment()])
    record()

    assert rows(core, "SELECT state, cause FROM grants") == [("ended", "refunded")]
    assert one(core, "SELECT count(*) FROM access_changes") == 2


def test_a_partial_refund_leaves_the_grant(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(core, [*purchase(), adjustment(total=LINE_TOTAL - 1)])
    record()

    assert one(core, "SELECT state FROM grants") == "active"


@pytest.mark.parametrize(
    ("environment", "state"),
    [("production", "ignored"), ("sandbox", "processed"), ("local", "processed")],
)
def test_a_simulated_event_counts_only_outside_production(
    core: Engine,
    record: Callable[[], str],
    configured: Callable[..., Settings],
    environment: str,
    state: str,
) -> None:
    configured(paddle_environment=environment)
    simulated = transaction("transaction.completed") | {"event_id": "ntfsimevt_1"}
    add_events(core, [simulated])

    assert record() == f"1 {state}"
    assert one(core, "SELECT count(*) FROM transactions") == int(state == "processed")


def test_with_billing_off_deliveries_wait(
    core: Engine, record: Callable[[], str], configured: Callable[..., Settings]
) -> None:
    add_events(core, purchase())
    configured(paddle_billing_enabled=False)
    assert "off" in record()
    assert {state for state, _ in states(core)} == {"pending"}

    configured(paddle_billing_enabled=True)
    assert record() == "7 processed"


def test_a_body_without_a_needed_field_dies_alone_and_names_the_field(
    core: Engine, record: Callable[[], str]
) -> None:
    bad = published("customer.updated")
    bad["data"] |= {"email": CANARY, "updated_at": CANARY}
    (dead,) = add_events(core, [bad])
    add_events(core, purchase())

    with pytest.raises(DeadLettered, match=f"7 processed, 1 dead \\(inbox {dead}\\)"):
        record()

    letters = rows(core, "SELECT row_id, error_class, error FROM dead_letters")
    assert letters == [
        (dead, "MalformedPayloadError", "data.updated_at is not a time with a zone")
    ]
    assert CANARY not in str(rows(core, "SELECT * FROM attempts"))


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"[]", b"{", b"[" * 100_000, b'{"event_id": "\\u0000"}']
)
def test_an_odd_body_becomes_a_dead_letter(
    core: Engine, record: Callable[[], str], raw: bytes
) -> None:
    with core.begin() as connection:
        add_bytes(connection, raw, f"sha256:{len(raw)}")

    with pytest.raises(DeadLettered):
        record()
    assert states(core) == [("dead", None)]


def test_a_body_that_was_pruned_is_said_to_be(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(core, [published("customer.created")])
    with core.begin() as connection:
        connection.exec_driver_sql("DELETE FROM inbox_bodies")

    with pytest.raises(DeadLettered):
        record()
    assert one(core, "SELECT error FROM dead_letters") == "the body was pruned"


def test_other_content_than_the_id_promises_changes_nothing(
    core: Engine, record: Callable[[], str]
) -> None:
    with core.begin() as connection:
        body = transaction("transaction.completed")
        add_event(connection, body)
        told = (encoded(body), "evt_other", body["event_type"])
        add_bytes(connection, *told)

    with pytest.raises(DeadLettered, match="1 processed, 1 dead"):
        record()


def test_an_error_of_the_machinery_puts_all_off_and_kills_nothing(
    core: Engine, record: Callable[[], str], configured: Callable[..., Settings]
) -> None:
    configured(lock_timeout_seconds=0.1, retry_limit=1)
    add_events(core, purchase())
    with core.begin() as rival:
        rival.exec_driver_sql("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Retry, match="7 retry"):
            record()

    make_due(core, INBOX)
    assert record() == "7 processed"
    assert rows(core, "SELECT DISTINCT failures, crashes FROM inbox") == [(0, 0)]


def test_wild_but_harmless_texts_are_kept_as_they_came(
    core: Engine, record: Callable[[], str]
) -> None:
    person = published("customer.created")
    name = "\u202e<script>=cmd| Jö 👩‍🏫 " + "x" * 1000
    person["data"] |= {"name": name, "email": "  JÖ+a@EXAMPLE.com "}
    bought = transaction(
        "transaction.completed", custom_data={"a": {"b": [1, 2.5, name]}}
    )
    add_events(core, [person, bought])

    assert record() == "2 processed"
    assert rows(core, "SELECT email, name FROM learners") == [
        ("  JÖ+a@EXAMPLE.com ", name)
    ]
    email = one(core, "SELECT value FROM learner_identities WHERE kind = 'email'")
    assert email == "jö+a@example.com"
    assert one(core, "SELECT id FROM transactions") == TRANSACTION


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("older_first", [True, False])
def test_of_two_customers_of_one_learner_the_newest_speaks(
    core: Engine, record: Callable[[], str], *, older_first: bool, together: bool
) -> None:
    older = published("customer.created")
    newer = published("customer.created") | {"event_id": "evt_newer"}
    newer["data"] |= {
        "id": "ctm_newer",
        "name": "Jo Green",
        "updated_at": "2025-01-01T00:00:00Z",
    }
    for body in (older, newer) if older_first else (newer, older):
        add_events(core, [body])
        if not together:
            record()
    record()

    assert rows(core, "SELECT name FROM learners") == [("Jo Green",)]


def test_seats_of_an_event_are_the_same_however_often_it_is_told(
    core: Engine, record: Callable[[], str]
) -> None:
    with core.begin() as connection:
        kind = "INSERT INTO courses (key, kind, title) VALUES (:key, 'event', 'x')"
        connection.execute(text(kind), {"key": COURSE})
    body = transaction("transaction.completed")
    body["data"]["details"]["line_items"][0]["quantity"] = 5
    add_events(core, [published("customer.created"), body])
    record()
    assert one(core, "SELECT seats FROM grants") == 5

    again = {**transaction("transaction.updated"), "event_id": "evt_again"}
    again["data"] = body["data"]
    add_events(core, [again])
    record()

    assert one(core, "SELECT seats FROM grants") == 5
    assert one(core, "SELECT count(*) FROM access_changes") == 1
    assert one(core, "SELECT count(*) FROM findings") == 0
