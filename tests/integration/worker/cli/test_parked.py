"""``parked``: what waits, how much of it, and releasing it now."""

import json
from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from tasks.activate import activate
from tasks.record import record
from tests import subscriptions
from tests.factories import add_events, add_offer, one, rows
from tests.purchases import (
    LINE_TOTAL,
    ONE_OFF_PRICE,
    Body,
    published,
    renamed,
    transaction,
)
from worker import releasing
from worker.cli.parked import group

Run = Callable[..., Result]


@pytest.fixture
def run(core: Engine, broker: Redis) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core, broker
    return lambda *words: CliRunner().invoke(group, words)


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def unmapped(number: str, currency: str = "USD") -> list[Body]:
    bodies = [published("customer.created"), transaction("transaction.completed", None)]
    bodies[1]["data"]["currency_code"] = currency
    return [renamed(body, number) for body in bodies]


def subscribed() -> list[Body]:
    return subscriptions.begun(items=[subscriptions.item(course=None)])


def test_the_list_names_what_waits_for_what_and_since_when(
    run: Run, core: Engine
) -> None:
    tell(core, *unmapped("1"), *subscribed())
    tell(core, renamed(transaction("transaction.completed"), "2"))

    listed = json.loads(run("list", "--json").output)

    assert sorted((line["source"], line["reason"]) for line in listed) == [
        ("purchase", "unknown learner"),
        ("purchase", "unknown price"),
        ("subscription", "unknown price"),
    ]
    since = [line["since"] for line in listed]
    assert since == sorted(since)
    (bought,) = [x for x in listed if x["source"] == "subscription"]
    assert bought["source_id"] == subscriptions.SUBSCRIPTION
    assert bought["total_minor"] == subscriptions.TOTAL
    assert bought["currency"] == subscriptions.CURRENCY
    assert bought["learner"].startswith("lrn_")
    assert bought["age_seconds"] == pytest.approx(30 * 86_400, rel=0.01)


def test_a_screen_shows_whole_ids_and_sums_per_currency(run: Run, core: Engine) -> None:
    tell(core, *unmapped("1"), *unmapped("2"), *unmapped("3", "JPY"), *subscribed())
    tell(core, renamed(transaction("transaction.completed"), "4"))

    output = run("list").output

    assert max(map(len, output.splitlines())) <= 80
    for (id_,) in rows(core, "SELECT source_id FROM parked"):
        assert id_ in output
    words = " ".join(output.split())
    assert "1 line of 1 learner, 29.00 EUR" in words
    assert "1 line of 1 learner, 21666 JPY" in words
    assert "2 lines of 2 learners, 433.32 USD" in words
    assert "Unknown learner: 1 line of 1 learner, 216.66 USD" in words
    assert "./paddlewheel catalog map PRICE COURSE" in words
    assert "replay the customer's event" in words


def test_the_sums_count_more_than_is_listed(
    run: Run, core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.cli.parked.MOST_LISTED", 1)
    tell(core, *unmapped("1"), *unmapped("2"))

    words = " ".join(run("list").output.split())

    assert "The oldest 1 are listed, all are counted" in words
    assert "2 lines of 2 learners, 433.32 USD" in words


def test_nothing_parked_is_said(run: Run) -> None:
    assert "Nothing is parked" in run("list").output
    assert json.loads(run("list", "--json").output) == []


def test_release_gives_now_what_has_a_mapping_and_says_what_remains(
    run: Run, core: Engine, broker: Redis
) -> None:
    tell(core, *unmapped("1"), *subscribed())
    tell(core, renamed(transaction("transaction.completed"), "2"))
    add_offer(core, ONE_OFF_PRICE, "python")
    add_offer(core, subscriptions.MONTHLY, "yearlong")

    words = " ".join(run("release").output.split())

    assert "Released 2 sources of access" in words
    assert "Unknown learner: 1 line of 1 learner, 216.66 USD" in words
    assert "Unknown price" not in words
    assert broker.llen("access") == 1
    activate([], 1)
    assert rows(core, "SELECT course_key, state FROM enrollments ORDER BY 1") == [
        ("python", "active"),
        ("yearlong", "active"),
    ]
    assert one(core, "SELECT action FROM operator_actions") == "parked released"


def test_release_goes_on_until_nothing_is_left(
    run: Run, core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "SOURCES_A_BATCH", 2)
    for number in range(5):
        tell(core, *unmapped(str(number)))
    add_offer(core, ONE_OFF_PRICE, "python")

    told = json.loads(run("release", "--json").output)

    assert told == {"released": 5, "asked_for": 0, "remaining": []}


def test_release_with_nothing_to_release_says_why(run: Run, core: Engine) -> None:
    tell(core, *unmapped("1"))

    output = run("release").output
    told = json.loads(run("release", "--json").output)

    assert "Nothing that is parked can be released." in output
    assert "./paddlewheel catalog map PRICE COURSE" in output
    assert told["released"] == 0
    (rest,) = told["remaining"]
    assert (rest["reason"], rest["total_minor"]) == ("unknown price", LINE_TOTAL)
    assert one(core, "SELECT count(*) FROM operator_actions") == 0


def test_money_of_which_no_currency_is_known_is_listed(run: Run, core: Engine) -> None:
    tell(core, *unmapped("1"))
    with core.begin() as connection:
        connection.execute(text("UPDATE transactions SET currency = NULL"))

    assert "an unknown sum" in run("list").output
