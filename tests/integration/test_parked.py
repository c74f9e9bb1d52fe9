"""Parked money: in the ledger, in sight, and released by itself."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tasks.activate import activate
from tasks.record import record
from tasks.release import release
from tests import subscriptions
from tests.factories import add_events, add_offer, one, rows
from tests.parked import assert_marked_is_what_waits
from tests.purchases import (
    COURSE,
    LINE_TOTAL,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    published,
    purchase,
    renamed,
    transaction,
)
from worker.catalog import read_catalog
from worker.offers import apply_catalog
from worker.settings import settings

NOTHING = "nothing parked can be released"
PARKED = "SELECT reason, price_id, total_minor, currency FROM parked"
CATALOG = """
[[courses]]
key = "python"
title = "Python"
[[offers]]
courses = ["python"]
{days}
prices.local = "{price}"
"""


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)


def apply(engine: Engine, folder: Path, days: str = "") -> None:
    file = folder / "catalog.toml"
    file.write_text(CATALOG.format(price=ONE_OFF_PRICE, days=days))
    catalog = read_catalog(file, settings().paddle_environment)
    with engine.begin() as connection:
        apply_catalog(connection, catalog, settings())


def bought(course: str | None = None) -> list[Body]:
    return [published("customer.created"), transaction("transaction.completed", course)]


def test_an_unknown_price_waits_with_its_money_in_the_ledger(core: Engine) -> None:
    tell(core, *bought())

    assert rows(core, PARKED) == [("unknown price", ONE_OFF_PRICE, LINE_TOTAL, "USD")]
    assert one(core, "SELECT total_minor FROM transactions") == LINE_TOTAL
    assert release() == NOTHING


def test_an_unknown_learner_waits_and_the_customer_event_releases(core: Engine) -> None:
    tell(core, transaction("transaction.completed"))
    assert [row[0] for row in rows(core, PARKED)] == ["unknown learner"]
    assert release() == NOTHING

    person = published("customer.created")
    tell(core, person)
    activate([], 1)

    assert rows(core, PARKED) == []
    assert rows(core, "SELECT cause_ref FROM enrollment_history") == [
        (person["event_id"],)
    ]


def test_a_catalog_that_names_the_price_releases(core: Engine, tmp_path: Path) -> None:
    tell(core, *bought())
    apply(core, tmp_path)

    assert release() == "1 released"
    activate([], 1)

    assert rows(core, PARKED) == []
    assert rows(
        core,
        "SELECT course_key, state, cause_kind FROM enrollment_history"
        " JOIN enrollments USING (version, state)",
    ) == [("python", "active", "catalog")]
    assert release() == NOTHING


def test_an_older_purchase_keeps_the_offer_it_was_made_with(
    core: Engine, tmp_path: Path
) -> None:
    apply(core, tmp_path, "days = 30")
    tell(core, *bought())
    apply(core, tmp_path, "days = 60")
    tell(core, renamed(published("customer.created"), "2"))
    tell(core, renamed(transaction("transaction.completed", None), "2"))
    tell(core, transaction("transaction.completed", None) | {"event_id": "evt_later"})

    assert rows(
        core,
        "SELECT o.version, g.ends_at - g.starts_at = o.days * interval '1 day'"
        " FROM grants g JOIN offers o ON o.id = g.offer_id ORDER BY 1",
    ) == [(1, True), (2, True)]
    assert release() == NOTHING


def test_an_apply_that_changes_nothing_makes_no_version(
    core: Engine, tmp_path: Path
) -> None:
    apply(core, tmp_path)
    apply(core, tmp_path)

    assert rows(core, "SELECT version, valid_until FROM offers") == [(1, None)]


@pytest.mark.parametrize("course", [None, COURSE])
def test_a_refunded_line_no_longer_waits(core: Engine, course: str | None) -> None:
    tell(core, transaction("transaction.completed", course), adjustment())

    assert rows(core, PARKED) == []


def test_a_partial_refund_leaves_the_rest_waiting(core: Engine) -> None:
    tell(core, *bought(), adjustment(total=1))

    assert len(rows(core, PARKED)) == 1


def test_a_refunded_line_is_not_given_by_a_release(core: Engine) -> None:
    tell(core, *bought(), adjustment())
    add_offer(core, ONE_OFF_PRICE, "python")

    release()
    activate([], 1)

    assert rows(core, "SELECT * FROM course_access WHERE has_access") == []
    assert one(core, "SELECT count(*) FROM notifications") == 0


@pytest.mark.parametrize(
    "body",
    [
        transaction("transaction.ready", None),
        transaction("transaction.created", None),
        published("transaction.completed"),
    ],
    ids=["ready", "draft", "subscription"],
)
def test_only_one_off_lines_with_money_in_wait(core: Engine, body: Body) -> None:
    tell(core, published("customer.created"), body)

    waiting = [row[1] for row in rows(core, PARKED)]
    one_off = body["data"]["status"] == "completed"
    assert waiting == ([ONE_OFF_PRICE] if one_off else [])


def test_a_purchase_waits_on_nothing(core: Engine) -> None:
    tell(core, *purchase())

    assert rows(core, PARKED) == []
    assert release() == NOTHING


def test_a_large_release_is_done_at_once_in_batches(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.releasing.SOURCES_A_BATCH", 2)
    tell(core, *(renamed(body, str(n)) for n in range(5) for body in bought()))
    add_offer(core, ONE_OFF_PRICE, "python")

    assert [release() for _ in range(2)] == ["5 released", NOTHING]
    assert one(core, "SELECT count(*) FROM grants WHERE state = 'active'") == 5


SUBSCRIBED = """
SELECT source_id, reason, price_id, total_minor, currency FROM parked
WHERE source = 'subscription' ORDER BY price_id
"""


def subscribed(*courses: str | None, **data: object) -> list[Body]:
    """Return a subscription to prices of which each gives a course, or none."""
    items = [
        subscriptions.item(f"pri_{number}", course)
        for number, course in enumerate(courses)
    ]
    lines = [subscriptions.line(1, price_id="pri_0")]
    return [
        subscriptions.customer(),
        subscriptions.subscription(kind="created", items=items, **data),  # type: ignore[arg-type]
        subscriptions.charge(lines=lines, at=-29.999),
    ]


def test_a_subscription_to_an_unknown_price_waits_with_what_was_paid(
    core: Engine,
) -> None:
    tell(core, *subscribed(None))

    assert rows(core, SUBSCRIBED) == [
        (subscriptions.SUBSCRIPTION, "unknown price", "pri_0", 2900, "EUR")
    ]
    assert release() == NOTHING
    assert_marked_is_what_waits(core)


def test_a_mapping_that_appears_releases_a_subscription(core: Engine) -> None:
    tell(core, *subscribed(None))
    add_offer(core, "pri_0", "python")

    assert rows(core, SUBSCRIBED) == []
    assert release() == "1 released"
    activate([], 1)

    assert rows(core, "SELECT course_key, state, reason FROM enrollments") == [
        ("python", "active", "subscribed")
    ]
    assert rows(core, "SELECT cause_kind FROM enrollment_history") == [("catalog",)]
    assert release() == NOTHING
    assert_marked_is_what_waits(core)


def test_a_buyer_who_appears_releases_a_subscription(core: Engine) -> None:
    person, *rest = subscribed("python")
    tell(core, *rest)
    assert [row[1] for row in rows(core, SUBSCRIBED)] == ["unknown learner"]
    assert_marked_is_what_waits(core)

    tell(core, person)
    activate([], 1)

    assert rows(core, SUBSCRIBED) == []
    assert rows(core, "SELECT cause_ref FROM enrollment_history") == [
        (person["event_id"],)
    ]
    assert_marked_is_what_waits(core)


def test_an_item_that_gives_something_waits_for_no_other(core: Engine) -> None:
    tell(core, *subscribed("python", None))
    activate([], 1)

    assert [row[2] for row in rows(core, SUBSCRIBED)] == ["pri_1"]
    assert one(core, "SELECT count(*) FROM grants") == 1
    assert_marked_is_what_waits(core)


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_a_subscription_that_is_not_served_waits_no_longer(
    core: Engine, status: str
) -> None:
    tell(core, *subscribed(None))
    tell(
        core,
        subscriptions.subscription(
            status, at=-1, items=[subscriptions.item("pri_0", None)], period=None
        ),
    )

    assert rows(core, SUBSCRIBED) == []
    assert_marked_is_what_waits(core)


def test_an_unpaid_invoice_waits_for_its_money_and_not_for_a_price(
    core: Engine,
) -> None:
    person, begun, charge = subscribed(None, collection_mode="manual")
    tell(core, person, begun)
    assert rows(core, SUBSCRIBED) == []
    assert_marked_is_what_waits(core)

    tell(core, charge)

    assert [row[1] for row in rows(core, SUBSCRIBED)] == ["unknown price"]
    assert_marked_is_what_waits(core)


def test_a_plan_that_changes_to_an_unknown_price_waits(core: Engine) -> None:
    tell(core, *subscribed("python"))
    item = subscriptions.item("pri_new", None)
    tell(core, subscriptions.subscription(at=-1, items=[item]))
    activate([], 1)

    assert [row[2] for row in rows(core, SUBSCRIBED)] == ["pri_new"]
    assert_marked_is_what_waits(core)
