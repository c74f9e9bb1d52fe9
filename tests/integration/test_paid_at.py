"""When a purchase was paid, in the history: only where it turned access on."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from tasks.activate import activate
from tasks.record import record
from tasks.release import release
from tests.factories import add_events, add_offer, rows
from tests.purchases import (
    CUSTOMER,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    at,
    published,
    purchase,
    renamed,
    transaction,
)

CAPTURED = datetime(2024, 4, 12, 10, 18, 47, 635628, tzinfo=UTC)


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def history(engine: Engine) -> list[tuple[str, datetime | None]]:
    query = "SELECT state, paid_at FROM enrollment_history ORDER BY version"
    return [(state, paid_at) for state, paid_at in rows(engine, query)]


def captured(moment: datetime, number: str = "2") -> Body:
    """Return another purchase by the same customer, paid at a moment."""
    body = renamed(transaction("transaction.completed"), number)
    body = at(copy.deepcopy(body), moment + timedelta(seconds=2))
    body["data"]["customer_id"] = CUSTOMER
    [payment] = [p for p in body["data"]["payments"] if p["captured_at"]]
    payment["captured_at"] = moment.isoformat()
    return body


def test_a_purchase_that_turns_access_on_is_noted(core: Engine) -> None:
    tell(core, *purchase())

    assert history(core) == [("active", CAPTURED)]


def test_a_purchase_that_waited_for_its_buyer_counts_from_its_payment(
    core: Engine,
) -> None:
    tell(core, transaction("transaction.completed"))
    tell(core, published("customer.created"))

    assert history(core) == [("active", CAPTURED)]


def test_access_that_a_mapping_gives_is_none_of_a_purchase(core: Engine) -> None:
    tell(
        core, published("customer.created"), transaction("transaction.completed", None)
    )
    add_offer(core, ONE_OFF_PRICE, "python")
    release()
    activate([], 1)

    assert history(core) == [("active", None)]


def test_access_that_ends_or_comes_back_is_none_of_a_purchase(core: Engine) -> None:
    tell(core, *purchase())
    tell(core, adjustment("chargeback"))
    tell(core, adjustment("chargeback_reverse", number=2, minutes=20))
    tell(core, adjustment(number=3, minutes=30))

    assert history(core) == [
        ("active", CAPTURED),
        ("suspended", None),
        ("active", None),
        ("ended", None),
    ]


@pytest.mark.parametrize("ended_by", ["refund", "chargeback"])
def test_a_purchase_after_the_end_is_noted_again(core: Engine, ended_by: str) -> None:
    tell(core, *purchase())
    tell(core, adjustment(ended_by))
    moment = datetime.now(UTC) + timedelta(minutes=1)
    tell(core, captured(moment))

    assert [paid_at for _, paid_at in history(core)] == [CAPTURED, None, moment]


def test_a_purchase_after_the_time_ran_out_is_noted_again(core: Engine) -> None:
    tell(core, *purchase())
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE enrollments SET access_until = now() - interval '1 s'"
        )
    moment = datetime.now(UTC) + timedelta(minutes=1)
    tell(core, captured(moment))

    assert history(core) == [("active", CAPTURED), ("active", moment)]


def test_a_purchase_that_only_lengthens_access_is_not(core: Engine) -> None:
    add_offer(core, ONE_OFF_PRICE, "python", days=100_000)
    tell(core, *purchase())
    moment = datetime.now(UTC) + timedelta(minutes=1)
    tell(core, captured(moment))

    assert history(core) == [("active", CAPTURED), ("active", None)]


def test_of_two_purchases_at_once_the_one_waited_for_longest_counts(
    core: Engine,
) -> None:
    tell(core, captured(CAPTURED + timedelta(hours=1)), *purchase())

    assert history(core) == [("active", CAPTURED)]


def test_an_operator_is_no_purchase(core: Engine, again: Callable[[str], None]) -> None:
    add_events(core, purchase())
    record([], 1)
    again("operator")

    assert history(core) == [("active", None)]


@pytest.fixture
def again(core: Engine) -> Callable[[str], None]:
    """Return a function that activates what waits, for another cause."""

    def run(kind: str) -> None:
        with core.begin() as connection:
            changed = "UPDATE access_changes SET cause_kind = %(kind)s"
            connection.exec_driver_sql(changed, {"kind": kind})
        activate([], 1)

    return run
