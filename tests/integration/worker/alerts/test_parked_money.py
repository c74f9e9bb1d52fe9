"""Parked money: what waits for too long, for which reason, and whose it is."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from tasks.record import record
from tasks.release import release
from tests import subscriptions
from tests.factories import add_events, add_offer, rows
from tests.purchases import (
    LINE_TOTAL,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    published,
    purchase,
    renamed,
    transaction,
)
from worker.alerts import parked_money
from worker.alerts.condition import Finding
from worker.alerts.lives import subject_of
from worker.alerts.parked_money import FURTHER, ParkedMoney
from worker.alerts.stakes import Stakes
from worker.alerts.watch import watch
from worker.settings import settings

LEARNER = "unknown learner"
PRICE = f"unknown price {ONE_OFF_PRICE}"


def tell(engine: Engine, *bodies: Body, minutes_ago: float = 31) -> None:
    """Let events have been recorded some minutes ago; they are older by far."""
    ids = add_events(engine, bodies)
    record([], 1)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE inbox SET finished_at = :at WHERE id = ANY(:ids)"),
            {"at": datetime.now(UTC) - timedelta(minutes=minutes_ago), "ids": ids},
        )


def unmapped(number: str = "1", currency: str = "USD") -> list[Body]:
    """Return a purchase whose price is in no catalog."""
    bodies = [published("customer.created"), transaction("transaction.completed", None)]
    bodies[1]["data"]["currency_code"] = currency
    return [renamed(body, number) for body in bodies]


def at_price(price: str, number: str, **facts: str) -> list[Body]:
    """Return such a purchase of another price."""
    told = json.dumps(unmapped(number, **facts)).replace(ONE_OFF_PRICE, price)
    bodies: list[Body] = json.loads(told)
    return bodies


def hear_again(engine: Engine) -> None:
    """Let an event of every purchase have been recorded just now."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE inbox SET finished_at = now()"))


def look(engine: Engine) -> dict[str, Finding]:
    with engine.connect() as connection:
        found = list(ParkedMoney().look(connection, settings()))
    assert len({finding.subject for finding in found}) == len(found)
    return {finding.subject: finding for finding in found}


def touched(engine: Engine, reason: str) -> Stakes:
    with engine.connect() as connection:
        return ParkedMoney().stakes(connection, reason)


def test_an_unknown_price_is_told_with_what_to_do(core: Engine) -> None:
    tell(core, *unmapped())

    finding = look(core)[PRICE]
    assert finding.summary == (
        f"1 paid line gives no access: the price {ONE_OFF_PRICE} is in no catalog"
    )
    assert "./paddlewheel parked list" in finding.next_steps
    [(captured,)] = rows(core, "SELECT min(captured_at) FROM payments")
    assert finding.since == captured


def test_each_reason_is_told_by_itself(core: Engine) -> None:
    tell(core, *unmapped("1"), *unmapped("2"))
    tell(core, renamed(transaction("transaction.completed"), "3"))

    found = look(core)
    assert {reason: finding.count for reason, finding in found.items()} == {
        PRICE: 2,
        LEARNER: 1,
    }
    assert "2 paid lines give no access" in found[PRICE].summary
    assert "the buyer is not known" in found[LEARNER].summary


def test_what_waits_for_less_than_the_setting_is_not_told(core: Engine) -> None:
    tell(core, *unmapped(), minutes_ago=29)

    assert look(core) == {}


def test_money_that_has_just_come_in_is_not_told(core: Engine) -> None:
    now = datetime.now(UTC).isoformat()
    body = transaction("transaction.completed", None, payments=[], billed_at=now)
    tell(core, body)

    assert rows(core, "SELECT reason FROM parked") == [(LEARNER,)]
    assert look(core) == {}


def test_money_of_which_no_event_is_kept_counts_from_its_payment(core: Engine) -> None:
    tell(core, *unmapped(), minutes_ago=0)
    with core.begin() as connection:
        connection.execute(text("UPDATE transactions SET clock_event = 'elsewhere'"))

    assert list(look(core)) == [PRICE]


def test_it_is_over_when_the_mapping_has_come(core: Engine) -> None:
    tell(core, *unmapped())
    add_offer(core, ONE_OFF_PRICE, "python")
    assert look(core) == {}

    release()
    assert look(core) == {}


def test_it_is_over_when_the_money_went_back(core: Engine) -> None:
    tell(core, renamed(transaction("transaction.completed"), "1"))
    assert list(look(core)) == [LEARNER]
    tell(core, renamed(adjustment(), "1"))

    assert look(core) == {}


def test_it_is_not_over_because_an_event_of_the_purchase_comes(core: Engine) -> None:
    tell(core, *unmapped(), renamed(transaction("transaction.completed"), "2"))
    watch(core, settings())
    hear_again(core)

    assert sorted(look(core)) == [LEARNER, PRICE]


def test_an_event_that_comes_puts_off_only_what_is_not_told_yet(core: Engine) -> None:
    tell(core, *unmapped())
    hear_again(core)
    assert look(core) == {}

    watch(core, settings())
    assert look(core) == {}


def test_each_price_is_told_by_itself(core: Engine) -> None:
    tell(core, *unmapped("1"))
    watch(core, settings())
    tell(core, *at_price("pri_book", "2", currency="JPY"))
    watch(core, settings())

    opened = "SELECT subject FROM alerts WHERE told_severity IS NOT NULL ORDER BY id"
    assert rows(core, opened) == [(PRICE,), ("unknown price pri_book",)]
    assert touched(core, "unknown price pri_book") == Stakes(1, {"JPY": LINE_TOTAL})


def test_many_prices_are_told_together(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked_money, "MOST_PRICES", 2)
    for number in range(5):
        tell(core, *at_price(f"pri_{number}", f"{number}"))

    found = look(core)

    assert list(found) == ["unknown price pri_0", "unknown price pri_1", FURTHER]
    assert found[FURTHER].count == 3
    assert found[FURTHER].summary == (
        "3 paid lines give no access: 3 further prices in no catalog"
    )
    assert touched(core, FURTHER) == Stakes(3, {"USD": 3 * LINE_TOTAL})


def test_a_price_that_is_told_by_its_name_stays_so(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked_money, "MOST_PRICES", 1)
    tell(core, *at_price("pri_told", "1"))
    watch(core, settings())
    tell(core, *at_price("pri_older", "2"))
    with core.begin() as connection:
        connection.execute(
            text("""
            UPDATE transactions t SET waits_since = '2020-01-01'
            FROM transaction_lines l
            WHERE l.transaction_id = t.id AND l.price_id = 'pri_older'
            """)
        )

    assert list(look(core)) == ["unknown price pri_told", FURTHER]


def test_the_name_of_a_price_is_harmless_and_its_own(core: Engine) -> None:
    tell(core, *at_price("a", "1"), *at_price("b", "2"))
    with core.begin() as connection:
        connection.execute(
            text("UPDATE transaction_lines SET price_id = :odd || price_id"),
            {"odd": "\u202e\n" + "x" * 300},
        )

    found = look(core)

    subjects = [subject_of(finding) for finding in found.values()]
    assert len(set(subjects)) == 2
    for finding in found.values():
        assert finding.summary.isprintable()
        assert len(finding.summary) < 200
    assert touched(core, subjects[0]) == Stakes(1, {"USD": LINE_TOTAL})


def test_money_without_a_currency_is_left_out(core: Engine) -> None:
    tell(core, *unmapped("1"), *unmapped("2"))
    with core.begin() as connection:
        connection.execute(
            text("""
            UPDATE transactions SET currency = NULL
            WHERE id = (SELECT min(id) FROM transactions)
            """)
        )

    assert touched(core, PRICE) == Stakes(2, {"USD": LINE_TOTAL})


def test_a_purchase_that_gave_access_is_well(core: Engine) -> None:
    tell(core, *purchase())

    assert look(core) == {}


def test_it_touches_the_buyers_and_their_money_per_currency(core: Engine) -> None:
    tell(core, *unmapped("1"), *unmapped("2"), *unmapped("3", "JPY"))
    tell(core, renamed(transaction("transaction.completed"), "4"))

    assert touched(core, PRICE) == Stakes(3, {"USD": 2 * LINE_TOTAL, "JPY": LINE_TOTAL})
    assert touched(core, LEARNER) == Stakes(1, {"USD": LINE_TOTAL})
    assert touched(core, "no such reason") == Stakes()


def test_more_than_is_looked_at_is_said(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked_money, "MOST_PURCHASES", 2)
    tell(core, *unmapped("1"), *unmapped("2"), *unmapped("3"))

    assert look(core)[PRICE].summary.startswith("at least 2 paid lines")
    assert touched(core, PRICE) == Stakes(2, {"USD": 2 * LINE_TOTAL}, capped=True)


def test_the_message_says_whom_it_touches_and_what_to_type(core: Engine) -> None:
    tell(core, *unmapped("1"), *unmapped("2", "JPY"))
    watch(core, settings())

    [(title, body)] = rows(
        core,
        "SELECT m.title, m.body FROM alert_messages m JOIN alerts a ON a.id = m.alert_id"
        " WHERE a.kind = 'parked_money'",
    )
    assert "2 paid lines give no access" in title
    assert "Touches 2 learners, 21666 JPY and 216.66 USD." in body
    assert "  ./paddlewheel parked list" in body
    assert "docs/runbooks/parked-money.md" in body


def subscribed(course: str | None = None) -> list[Body]:
    return subscriptions.begun(items=[subscriptions.item(course=course)])


def test_a_subscription_that_gives_nothing_is_told_with_its_price(core: Engine) -> None:
    tell(core, *subscribed())
    subject = f"unknown price {subscriptions.MONTHLY}"

    finding = look(core)[subject]

    assert finding.summary == (
        f"1 paid line gives no access: the price {subscriptions.MONTHLY} is in no"
        " catalog"
    )
    assert touched(core, subject) == Stakes(1, {"EUR": subscriptions.TOTAL})


def test_a_purchase_and_a_subscription_of_a_price_are_told_together(
    core: Engine,
) -> None:
    body = json.dumps(subscribed()).replace(subscriptions.MONTHLY, ONE_OFF_PRICE)
    tell(core, *unmapped(), *json.loads(body))

    assert look(core)[PRICE].count == 2
    assert touched(core, PRICE) == Stakes(
        2, {"USD": LINE_TOTAL, "EUR": subscriptions.TOTAL}
    )


def test_a_subscriber_who_is_not_known_is_told(core: Engine) -> None:
    _, *rest = subscribed("python")
    tell(core, *rest)

    assert look(core)[LEARNER].count == 1
    assert touched(core, LEARNER) == Stakes(1, {"EUR": subscriptions.TOTAL})


def test_it_is_over_when_the_subscription_is(core: Engine) -> None:
    tell(core, *subscribed())
    assert len(look(core)) == 1
    item = subscriptions.item(course=None)
    tell(core, subscriptions.subscription("canceled", at=-1, items=[item], period=None))

    assert look(core) == {}
