"""A day of the shop: each figure from the rows it is about, and no other day's."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from models.alerts import AlertState
from models.tables.access import AccessChange, EnrollmentHistory
from models.tables.assortment import Price
from models.tables.ledger import Adjustment, Payment, Transaction
from models.tables.operations import DeadLetter
from tasks.record import record
from tests import outgoing
from tests.alerts import add_alert
from tests.factories import add_events, add_line
from tests.outgoing import add_delivery
from tests.purchases import LINE_TOTAL, adjustment, purchase, transaction
from worker.alerts import digest_statements as statements
from worker.alerts.access_times import AccessTimes
from worker.alerts.digest import (
    MOST_REASONS,
    OTHER_REASONS,
    Conversion,
    Digest,
    Mails,
    Single,
    Sum,
    digest_of,
)
from worker.settings import Settings, settings

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGIN = datetime.combine(DAY, time(), UTC)
END = BEGIN + timedelta(days=1)
BEFORE = BEGIN - timedelta(microseconds=1)
#: Three moments of which one is the day's, and it is the first of all.
EDGES = (BEFORE, BEGIN, END)


def digest(engine: Engine, day: date = DAY) -> Digest:
    with engine.connect() as connection:
        return digest_of(connection, day, settings())


def add(engine: Engine, table: type[Any], **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table).values(values))


def bought(engine: Engine, name: str, **values: Any) -> None:
    """Add a transaction."""
    defaults = {
        "provider": "paddle",
        "id": f"txn_{name}",
        "status": "completed",
        "origin": "web",
        "currency": "EUR",
        "grand_total_minor": 100,
    }
    add(engine, Transaction, **(defaults | values))


def paid(engine: Engine, name: str, number: int = 1, **values: Any) -> None:
    """Add an attempt to pay."""
    defaults = {
        "provider": "paddle",
        "transaction_id": f"txn_{name}",
        "id": f"pay_{name}_{number}",
        "status": "error",
        "amount_minor": 100,
        "clock_updated_at": NOON,
        "clock_occurred_at": NOON,
        "clock_event": "evt_1",
    }
    add(engine, Payment, **(defaults | values))


def changed(engine: Engine, enrollment: int, *states: str, **values: Any) -> None:
    """Add changes of an enrollment, one an hour before noon, the last at noon."""
    for version, state in enumerate(states, 1):
        at = NOON - timedelta(hours=len(states) - version)
        defaults = {
            "enrollment_id": enrollment,
            "version": version,
            "state": state,
            "reason": "purchased",
            "cause_kind": "event",
            "cause_ref": "evt_1",
            "changed_at": at,
        }
        add(engine, EnrollmentHistory, **(defaults | values))


@pytest.fixture
def enrollments(core: Engine) -> Callable[[], int]:
    """Return a function that adds an enrollment."""

    def make() -> int:
        with core.begin() as connection:
            return outgoing.add_enrollment(connection)

    return make


def test_a_day_without_anything_is_empty(core: Engine) -> None:
    found = digest(core)

    assert found == Digest(DAY, "local")
    assert found.is_empty


def test_the_published_purchase_is_told_as_it_was(core: Engine) -> None:
    add_events(core, [*purchase(), adjustment()])
    record([], 1)

    found = digest(core, date(2024, 4, 12))

    assert found.purchases == Sum(1, {"USD": LINE_TOTAL})
    assert found.refunds == Sum(1, {"USD": LINE_TOTAL})
    assert (found.checkouts_opened, found.checkouts_paid) == (1, 1)
    assert found.payments_failed == {"declined by the bank, which gave no reason": 1}
    assert digest(core, date(2024, 4, 11)).is_empty
    assert digest(core, date(2024, 4, 13)).is_empty


def test_what_was_opened_and_left_is_a_checkout_and_no_purchase(core: Engine) -> None:
    add_events(core, [transaction("transaction.created")])
    record([], 1)

    found = digest(core, date(2024, 4, 12))

    assert (found.checkouts_opened, found.checkouts_paid) == (1, 0)
    assert found.purchases == Sum()


def test_money_is_summed_per_currency(core: Engine) -> None:
    for number, currency in enumerate(["EUR", "JPY", "EUR", "EUR"]):
        bought(core, str(number), currency=currency, billed_at=NOON)

    assert digest(core).purchases == Sum(4, {"EUR": 300, "JPY": 100})


def test_a_purchase_belongs_to_the_day_of_its_first_captured_payment(
    core: Engine,
) -> None:
    # Invoiced last week, paid today; and the other way round.
    bought(core, "late", billed_at=NOON - timedelta(days=7))
    paid(core, "late", captured_at=NOON, status="captured")
    bought(core, "early", billed_at=NOON, currency="USD")
    paid(core, "early", captured_at=BEFORE, status="captured")
    paid(core, "early", 2, captured_at=NOON, status="captured")

    assert digest(core).purchases == Sum(1, {"EUR": 100})


def test_a_day_begins_at_midnight_and_ends_before_the_next(core: Engine) -> None:
    for number, moment in enumerate(EDGES):
        name = str(number)
        bought(core, name, billed_at=moment, opened_at=moment)
        paid(core, name, attempted_at=moment, error_code="declined")
        adjusted = {"action": "refund", "status": "approved", "currency": "EUR"}
        add(
            core,
            Adjustment,
            provider="paddle",
            id=f"adj_{name}",
            total_minor=7,
            clock_updated_at=moment,
            **adjusted,
        )

    found = digest(core)

    assert (found.purchases.count, found.checkouts_opened) == (1, 1)
    assert found.refunds == Sum(1, {"EUR": 7})
    assert sum(found.payments_failed.values()) == 1


@pytest.mark.parametrize("status", ["ready", "billed", "canceled", "past_due", None])
def test_without_money_it_is_no_purchase(core: Engine, status: str | None) -> None:
    bought(core, "1", status=status, billed_at=NOON)

    assert digest(core).purchases == Sum()


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("refund", "pending_approval"),
        ("refund", "rejected"),
        ("chargeback", "approved"),
        ("credit", "approved"),
    ],
)
def test_only_what_went_back_is_a_refund(
    core: Engine, action: str, status: str
) -> None:
    add(
        core,
        Adjustment,
        provider="paddle",
        id="adj_1",
        currency="EUR",
        total_minor=7,
        clock_updated_at=NOON,
        action=action,
        status=status,
    )

    assert digest(core).refunds == Sum()


def test_what_a_subscription_does_by_itself_is_no_checkout(core: Engine) -> None:
    bought(core, "1", origin="subscription_recurring", opened_at=NOON, billed_at=NOON)
    method = "subscription_payment_method_change"
    bought(core, "2", origin=method, opened_at=NOON, billed_at=NOON)

    found = digest(core)

    assert found.checkouts_opened == 0
    assert found.purchases.count == 1


def test_payments_that_failed_are_told_by_their_reason(core: Engine) -> None:
    codes = [
        "expired_card",
        "declined",
        "declined",
        "brand\u202enew\n",
        None,
        "unknown",
    ]
    for number, code in enumerate(codes):
        paid(core, str(number), attempted_at=NOON, error_code=code)
    paid(core, "good", attempted_at=NOON, status="captured")

    assert list(digest(core).payments_failed.items()) == [
        ("declined by the bank, which gave no reason", 2),
        ("no reason was told", 2),
        ("brand\\u202enew\\u000a", 1),
        ("the card has expired", 1),
    ]


def test_of_many_reasons_the_rare_ones_are_told_together(core: Engine) -> None:
    for number in range(MOST_REASONS + 3):
        paid(core, str(number), attempted_at=NOON, error_code=f"code {number:02}")

    found = digest(core).payments_failed

    assert len(found) == MOST_REASONS + 1
    assert found[OTHER_REASONS] == 3


def test_access_is_given_and_ended_when_it_goes_on_and_off(
    core: Engine, enrollments: Callable[[], int]
) -> None:
    changed(core, enrollments(), "active")
    # On, longer on, off, and still off.
    changed(core, enrollments(), "active", "active", "suspended", "ended")
    changed(core, enrollments(), "ended", "active")

    found = digest(core)

    assert (found.given, found.ended) == (3, 1)


def test_access_that_had_run_out_is_given_again(
    core: Engine, enrollments: Callable[[], int]
) -> None:
    enrollment = enrollments()
    changed(core, enrollment, "active", access_until=NOON - timedelta(hours=3))
    changed_at = {"version": 2, "changed_at": NOON + timedelta(hours=1)}
    changed(core, enrollment, "active", **changed_at)

    assert digest(core).given == 1


def test_the_time_to_access_is_that_of_the_day(
    core: Engine, enrollments: Callable[[], int]
) -> None:
    for seconds in (1, 2, 3):
        paid_at = NOON - timedelta(seconds=seconds)
        changed(core, enrollments(), "active", paid_at=paid_at)

    assert digest(core).access == AccessTimes(3, 2, 3, 3)


def test_with_a_platform_access_counts_from_its_word(
    core: Engine,
    enrollments: Callable[[], int],
    configured: Callable[..., Settings],
) -> None:
    told = {"paid_at": NOON, "told_at": NOON + timedelta(seconds=9)}
    enrollment = enrollments()
    changed(core, enrollment, "active", **told)
    with core.begin() as connection:
        add_delivery(connection, enrollment_id=enrollment, created_at=NOON)

    configured(
        platform_hook_url="https://platform.example.com/hook",
        platform_hook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )

    assert digest(core).access == AccessTimes(1, 9, 9, 9)


def test_parked_money_is_that_of_now(core: Engine) -> None:
    add_events(core, [transaction("transaction.completed", course=None)])
    record([], 1)

    assert digest(core).parked_now == Sum(1, {"USD": LINE_TOTAL})
    assert digest(core, date(2020, 1, 1)).parked_now.count == 1


def test_dead_letters_are_told_as_new_as_open_and_as_replayed(core: Engine) -> None:
    letters = [
        ("open", BEFORE, None),
        ("open", NOON, None),
        ("replayed", BEFORE, NOON),
        ("replayed", BEFORE, BEFORE),
        ("discarded", NOON, NOON),
    ]
    for number, (state, created_at, closed_at) in enumerate(letters):
        add(
            core,
            DeadLetter,
            subject=f"inbox:{number}",
            state=state,
            error_class="E",
            error="e",
            created_at=created_at,
            closed_at=closed_at,
        )

    assert digest(core).single == Single(dead_now=2, dead_new=2, replayed=1)


def test_released_is_access_that_a_mapping_brought(core: Engine) -> None:
    with core.begin() as connection:
        learner = outgoing.add_learner(connection)
        course = outgoing.add_course(connection)
    for cause, state, moment in [
        ("catalog", "processed", NOON),
        ("catalog", "processed", END),
        ("catalog", "pending", None),
        ("event", "processed", NOON),
    ]:
        add(
            core,
            AccessChange,
            learner_id=learner,
            course_key=course,
            cause_kind=cause,
            cause_ref="x",
            state=state,
            finished_at=moment,
        )

    assert digest(core).single == Single(released=1)


def test_mails_are_told_by_how_they_ended(core: Engine) -> None:
    ends = ["sent", "sent", "skipped", "failed", "doubtful"]
    with core.begin() as connection:
        for state in ends:
            outgoing.add_notification(connection, state=state, finished_at=NOON)
        outgoing.add_notification(connection, state="sent", finished_at=END)
        outgoing.add_notification(connection)

    assert digest(core).mails == Mails(2, 1, 1, 1)


def test_alerts_are_told_as_opened_resolved_and_open(core: Engine) -> None:
    with core.begin() as connection:
        add_alert(connection, opened_at=NOON)
        add_alert(connection, opened_at=BEFORE)
        for moment in (NOON, END):
            over = {"state": AlertState.RESOLVED, "resolved_at": moment}
            add_alert(connection, opened_at=BEFORE, **over)

    assert digest(core).single == Single(
        alerts_opened=1, alerts_resolved=1, alerts_open_now=2
    )


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        (
            "PURCHASES",
            ["ix_payments_attempted_at_captured_at", "ix_transactions_billed_at"],
        ),
        ("CHECKOUTS", ["ix_transactions_opened_at"]),
        ("CHECKOUTS_BY_PRICE", ["ix_transactions_opened_at"]),
        ("FAILED_PAYMENTS", ["ix_payments_attempted_at_captured_at"]),
        ("ENROLLMENTS", ["ix_enrollment_history_changed_at"]),
        ("PARKED", ["ix_transactions_waiting"]),
        ("MESSAGES", ["ix_notifications_finished_at"]),
        ("SINGLE", ["ix_access_changes_finished_at"]),
    ],
)
def test_a_day_is_found_by_an_index(
    core: Engine, name: str, indexes: list[str]
) -> None:
    statement = getattr(statements, name).text
    span = {"begin": BEGIN, "end": END} if ":begin" in statement else {}
    with core.begin() as connection:
        # So few rows it would else read whole; a bitmap shows any index that fits.
        for other in ("seqscan", "indexscan", "indexonlyscan"):
            connection.execute(text(f"SET LOCAL enable_{other} = off"))
        explained = connection.execute(text(f"EXPLAIN {statement}"), span).scalars()
        plan = "\n".join(explained)

    assert [index for index in indexes if index not in plan] == []


def test_money_of_no_currency_is_put_together(core: Engine) -> None:
    for number, currency in enumerate([None, "?", "EUR"]):
        bought(core, str(number), currency=currency, billed_at=NOON)

    assert digest(core).purchases == Sum(3, {"?": 200, "EUR": 100})


def test_checkouts_are_told_by_price_also_where_two_have_one_name(core: Engine) -> None:
    for name, status in (("a", "completed"), ("b", "draft"), ("c", "paid")):
        bought(core, name, status=status, opened_at=NOON)
    for name, price in (("a", "1"), ("a", "2"), ("b", "1")):
        add_line(core, f"txn_{name}", f"pri_{price}")
    add_line(core, "txn_a", "pri_1", "the same price once more")
    for price in ("pri_1", "pri_2"):
        add(core, Price, provider="paddle", id=price, name="Monthly\u202e")

    found = digest(core)

    assert found.checkouts_by_price == (
        Conversion("paddle", "pri_1", "Monthly\\u202e", 2, 1),
        Conversion("paddle", "pri_2", "Monthly\\u202e", 1, 1),
    )
    # One whose lines nobody has told yet is a checkout too.
    assert (found.checkouts_opened, found.checkouts_paid) == (3, 2)


def test_of_many_prices_the_rare_ones_are_counted(core: Engine) -> None:
    bought(core, "a", opened_at=NOON)
    bought(core, "b", opened_at=NOON)
    for number in range(13):
        add_line(core, "txn_a", f"pri_{number:02}")
    add_line(core, "txn_b", "pri_12")

    found = digest(core)

    named = [one.price_id for one in found.checkouts_by_price]
    assert named == ["pri_12", *(f"pri_{number:02}" for number in range(9))]
    assert found.checkouts_prices_more == 3
