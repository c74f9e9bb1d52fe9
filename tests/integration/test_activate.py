"""``enrollments.activate``: grants into enrollments, and who hears of it."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tasks.activate import activate
from tasks.record import record
from tests.factories import add_events, add_offer, one, rows
from tests.purchases import (
    COURSE,
    CUSTOMER,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    purchase,
    renamed,
    transaction,
)
from worker.settings import Settings

HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def again(body: Body, number: str = "2") -> Body:
    """Return the event of another purchase by the same customer."""
    other = renamed(body, number)
    other["data"]["customer_id"] = CUSTOMER
    return other


def access(engine: Engine) -> list[tuple[str, str, int]]:
    query = "SELECT state, reason, version FROM enrollments ORDER BY id"
    return [(state, reason, version) for state, reason, version in rows(engine, query)]


def test_a_purchase_gives_access_and_one_mail(core: Engine) -> None:
    tell(core, *purchase())

    assert rows(
        core, "SELECT email, course_key, has_access, reason, version FROM course_access"
    ) == [("jo@example.com", COURSE, True, "purchased", 1)]
    assert rows(core, "SELECT kind, state FROM notifications") == [
        ("welcome", "pending")
    ]


def test_the_history_names_the_event_that_caused_each_change(core: Engine) -> None:
    tell(core, *purchase())
    refund = adjustment()
    tell(core, refund)

    assert rows(
        core,
        "SELECT version, state, reason, cause_kind, cause_ref FROM enrollment_history"
        " ORDER BY version",
    ) == [
        (1, "active", "purchased", "event", purchase()[-1]["event_id"]),
        (2, "ended", "refunded", "event", refund["event_id"]),
    ]


def test_a_second_run_changes_nothing(core: Engine) -> None:
    tell(core, *purchase())
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE access_changes SET state = 'pending', next_attempt_at = now()"
        )

    assert activate([], 1) == "1 processed"
    assert access(core) == [("active", "purchased", 1)]
    assert one(core, "SELECT count(*) FROM notifications") == 1


def test_bought_twice_and_refunded_once_is_still_access(core: Engine) -> None:
    tell(core, *purchase(), again(transaction("transaction.completed")))
    tell(core, adjustment())

    assert access(core) == [("active", "purchased", 1)]


def test_a_dispute_suspends_and_its_reversal_gives_back_without_a_second_mail(
    core: Engine,
) -> None:
    tell(core, *purchase())
    tell(core, adjustment("chargeback"))
    assert access(core) == [("suspended", "disputed", 2)]

    tell(core, adjustment("chargeback_reverse", number=2, minutes=20))

    assert access(core) == [("active", "purchased", 3)]
    assert one(core, "SELECT count(*) FROM notifications") == 1


def test_a_bundle_gives_each_of_its_courses(core: Engine) -> None:
    add_offer(core, ONE_OFF_PRICE, "python")
    add_offer(core, ONE_OFF_PRICE, "sql", days=30)

    tell(core, *purchase())

    assert rows(
        core,
        "SELECT course_key, access_until IS NULL FROM enrollments ORDER BY course_key",
    ) == [("python", True), ("sql", False)]


def test_access_counts_from_the_first_captured_payment(core: Engine) -> None:
    add_offer(core, ONE_OFF_PRICE, "python", days=100_000)

    tell(core, *purchase())

    assert one(
        core,
        "SELECT g.ends_at - p.captured_at = interval '100000 days' FROM grants g"
        " JOIN payments p ON p.transaction_id = g.source_id AND p.captured_at IS NOT NULL",
    )


def test_access_that_has_run_out_is_none(core: Engine) -> None:
    add_offer(core, ONE_OFF_PRICE, "python", days=1)

    tell(core, *purchase())

    assert access(core) == [("ended", "expired", 1)]
    assert one(core, "SELECT count(*) FROM notifications") == 0


def test_without_a_hook_nothing_is_told(core: Engine) -> None:
    tell(core, *purchase())

    assert one(core, "SELECT count(*) FROM platform_deliveries") == 0


def test_a_newer_version_replaces_one_that_was_not_delivered(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(**HOOK)
    tell(core, *purchase())
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE platform_deliveries SET state = 'dead', failures = 9, crashes = 2,"
            " last_error = 'Refused: 500'"
        )
        connection.exec_driver_sql(
            "INSERT INTO dead_letters (subject, work_table, row_id, error_class, error)"
            " SELECT 'platform_deliveries:' || id, 'platform_deliveries', id, 'E', 'e'"
            " FROM platform_deliveries"
        )
    tell(core, adjustment())

    assert rows(
        core,
        "SELECT version, state, failures, crashes, finished_at, last_error"
        " FROM platform_deliveries",
    ) == [(2, "pending", 0, 0, None, None)]
    # What was given up is on its way again: nobody need look at it.
    assert one(core, "SELECT state FROM dead_letters") == "replayed"


def test_a_newer_version_of_one_that_is_refused_is_refused_since_then(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(**HOOK)
    tell(core, *purchase())
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE platform_deliveries SET last_error = 'Refused: 500',"
            " pending_since = '2026-01-01'"
        )
    tell(core, adjustment())

    assert rows(
        core,
        "SELECT version, last_error, pending_since = '2026-01-01'"
        " FROM platform_deliveries",
    ) == [(2, "Refused: 500", True)]


@pytest.mark.parametrize("moved", [True, False])
def test_a_purchase_that_moves_to_another_customer_takes_its_access_along(
    core: Engine, *, moved: bool
) -> None:
    other = renamed(purchase()[1], "2")
    tell(core, *purchase(), other)
    if moved:
        later = "2024-04-13T00:00:00Z"
        customer = other["data"]["id"]
        told = transaction(
            "transaction.completed", customer_id=customer, updated_at=later
        )
        tell(
            core, told | {"event_id": "evt_moved", "event_type": "transaction.updated"}
        )

    holders = rows(core, "SELECT email FROM course_access WHERE has_access")
    expected = "learner2@example.com" if moved else "jo@example.com"
    assert holders == [(expected,)]
