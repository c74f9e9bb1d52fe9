"""``catalog apply --existing``: what was given already follows the offers in force."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tasks.activate import activate
from tasks.record import record
from tests.catalog import apply, apply_existing, catalog_text
from tests.factories import add_events, one, rows
from tests.purchases import (
    COMPLETED_AT,
    CUSTOMER,
    Body,
    adjustment,
    at,
    published,
    renamed,
    transaction,
)
from worker import existing
from worker.existing import find_behind, take_over
from worker.settings import settings

GRANTS = """
SELECT course_key, state, cause, CAST(ends_at - starts_at AS text) FROM grants ORDER BY 1
"""
ACCESS = "SELECT course_key FROM course_access WHERE has_access ORDER BY 1"


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def bought() -> list[Body]:
    return [published("customer.created"), transaction("transaction.completed", None)]


def access(engine: Engine) -> list[str]:
    activate([], 1)
    return [course for (course,) in rows(engine, ACCESS)]


def test_without_it_old_grants_keep_their_version(core: Engine, tmp_path: Path) -> None:
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *bought())
    apply(core, tmp_path, catalog_text("new"))

    tell(core, adjustment(total=1))

    assert access(core) == ["old"]


def test_courses_are_added_and_taken_away(core: Engine, tmp_path: Path) -> None:
    apply(core, tmp_path, catalog_text("kept", "old"))
    tell(core, *bought())
    apply(core, tmp_path, catalog_text("kept", "new"))

    assert apply_existing(core) == 1

    assert access(core) == ["kept", "new"]
    assert rows(core, GRANTS) == [
        ("kept", "active", "purchased", None),
        ("new", "active", "purchased", None),
        ("old", "ended", "replaced", None),
    ]
    causes = rows(
        core,
        "SELECT DISTINCT cause_kind, starts_with(cause_ref, 'apply --existing by ')"
        " FROM enrollment_history WHERE version > 1 OR reason = 'replaced'",
    )
    assert causes == [("catalog", True)]
    assert rows(
        core, "SELECT action, target, detail->>'sources' FROM operator_actions"
    ) == [("catalog applied to existing", "purchases", "1")]


def test_days_count_from_the_purchase(core: Engine, tmp_path: Path) -> None:
    apply(core, tmp_path, catalog_text("python"))
    tell(core, *bought())
    assert access(core) == ["python"]

    apply(core, tmp_path, catalog_text("python", days=365))
    apply_existing(core)

    # The purchase was years ago.
    assert rows(core, GRANTS) == [("python", "active", "purchased", "365 days")]
    assert access(core) == []


def test_run_again_it_finds_nothing(core: Engine, tmp_path: Path) -> None:
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *bought())
    apply(core, tmp_path, catalog_text("new"))
    apply_existing(core)
    activate([], 1)
    versions = rows(core, "SELECT id, version FROM enrollments")

    assert apply_existing(core) == 0
    assert access(core) == ["new"]
    assert rows(core, "SELECT id, version FROM enrollments") == versions


def test_no_later_event_brings_back_what_was_replaced(
    core: Engine, tmp_path: Path
) -> None:
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *bought())
    apply(core, tmp_path, catalog_text("new"))
    apply_existing(core)

    tell(core, adjustment(total=1))
    assert access(core) == ["new"]

    tell(core, adjustment(number=2, minutes=20))
    assert access(core) == []
    assert [row[:3] for row in rows(core, GRANTS)] == [
        ("new", "ended", "refunded"),
        ("old", "ended", "replaced"),
    ]


def test_what_was_replaced_comes_back_with_the_catalog(
    core: Engine, tmp_path: Path
) -> None:
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *bought())
    for course in ("new", "old"):
        apply(core, tmp_path, catalog_text(course))
        assert apply_existing(core) == 1

    assert access(core) == ["old"]


@pytest.mark.parametrize(
    ("action", "state", "cause"),
    [("refund", "ended", "refunded"), ("chargeback", "suspended", "disputed")],
)
def test_refunds_and_disputes_hold(
    core: Engine, tmp_path: Path, action: str, state: str, cause: str
) -> None:
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *bought(), adjustment(action))
    apply(core, tmp_path, catalog_text("new"))

    apply_existing(core)

    assert access(core) == []
    assert ("new", state, cause, None) in rows(core, GRANTS)


def test_a_price_that_left_the_file_takes_nothing_away(
    core: Engine, tmp_path: Path
) -> None:
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *bought())
    other = "pri_01jd0sq1nd3pth0000000000b2"
    apply(core, tmp_path, catalog_text("old", price=other))

    assert apply_existing(core) == 0
    assert access(core) == ["old"]


def test_what_was_bought_beside_it_stays(core: Engine, tmp_path: Path) -> None:
    other = "pri_01jd0sq1nd3pth0000000000b2"
    body = transaction("transaction.completed", None)
    items, lines = body["data"]["items"], body["data"]["details"]["line_items"]
    items.append({**items[0], "price": {**items[0]["price"], "id": other}})
    lines.append({**lines[0], "id": "txnitm_other", "price_id": other})
    both = catalog_text("old") + catalog_text("beside", price=other)
    apply(core, tmp_path, both)
    tell(core, published("customer.created"), body)
    assert access(core) == ["beside", "old"]
    apply(core, tmp_path, catalog_text("new"))

    assert apply_existing(core) == 1

    assert access(core) == ["beside", "new"]


def test_the_file_takes_over_from_what_the_seller_named(
    core: Engine, tmp_path: Path
) -> None:
    tell(core, published("customer.created"), transaction("transaction.completed"))
    assert access(core) == ["python-basics"]
    apply(core, tmp_path, catalog_text("python"))

    apply_existing(core)

    assert access(core) == ["python"]


def test_a_subscription_follows_too(core: Engine, tmp_path: Path) -> None:
    subscribed = published("subscription.created")
    subscribed["data"]["customer_id"] = CUSTOMER
    price = subscribed["data"]["items"][0]["price"]["id"]
    apply(core, tmp_path, catalog_text("old", price=price))
    tell(core, published("customer.created"), at(subscribed, COMPLETED_AT))
    assert access(core) == ["old"]
    apply(core, tmp_path, catalog_text("new", price=price))

    assert apply_existing(core) == 1

    assert access(core) == ["new"]
    assert rows(core, "SELECT target FROM operator_actions") == [("subscriptions",)]


@pytest.fixture
def five_behind(
    core: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Engine:
    """Five purchases whose course was exchanged; taken over two at a time."""
    monkeypatch.setattr(existing, "SOURCES_A_BATCH", 2)
    apply(core, tmp_path, catalog_text("old"))
    tell(core, *(renamed(body, str(n)) for n in range(5) for body in bought()))
    apply(core, tmp_path, catalog_text("new"))
    return core


def test_it_goes_in_batches_that_stay_when_it_is_stopped(five_behind: Engine) -> None:
    with five_behind.begin() as connection:
        behind = find_behind(connection)
    assert behind.total == 5
    with closing(take_over(five_behind, settings(), behind)) as batches:
        assert next(batches) == 2

    assert access(five_behind) == ["new"] * 2 + ["old"] * 3
    assert apply_existing(five_behind) == 3
    assert access(five_behind) == ["new"] * 5
    assert one(five_behind, "SELECT count(*) FROM operator_actions") == 3


def test_a_refund_that_came_meanwhile_is_not_lost(five_behind: Engine) -> None:
    with five_behind.begin() as connection:
        behind = find_behind(connection)
    tell(five_behind, renamed(adjustment(), "3"))

    assert sum(take_over(five_behind, settings(), behind)) == 5
    assert access(five_behind) == ["new"] * 4
