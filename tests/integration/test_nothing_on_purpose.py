"""A price that gives nothing on purpose: what is bought with it waits for nothing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from models.findings import FindingKind
from tasks.activate import activate
from tasks.release import release
from tasks.remind import plan
from tests import subscriptions
from tests.catalog import apply, apply_existing, catalog_text
from tests.checking import findings, walk
from tests.factories import rows
from tests.notices import BUYER, JUST_NOW, STATES, kinds, tell, turns
from tests.parked import assert_marked_is_what_waits
from tests.purchases import Body
from tests.subscriptions import charge, item, line, subscription
from worker.alerts.parked_money import ParkedMoney
from worker.cli.main import app
from worker.platform_news import read_news
from worker.settings import Settings, settings

BOOK, LESSONS = "pri_01jd0b00k0000000000000000a", "pri_01jd01e550n5000000000000b0"
BOOKS = f'[[offers]]\ncourses = []\nprices.local = "{BOOK}"\n'
COURSE = catalog_text("python", price=LESSONS)
PARKED = "SELECT reason, price_id FROM parked"
WAITING = """
SELECT id FROM transactions WHERE waits_since IS NOT NULL
UNION ALL SELECT id FROM subscriptions WHERE waits_since IS NOT NULL
"""
ACCESS = "SELECT course_key FROM course_access WHERE has_access ORDER BY 1"
NOTHING = "nothing parked can be released"
#: What is bought with it must be neither of these.
UNWANTED = {str(FindingKind.UNKNOWN_PRICE_BOUGHT), str(FindingKind.PAID_WITHOUT_GRANT)}


def say(engine: Engine, folder: Path, *texts: str) -> None:
    """Put a catalog file into force, and carry out what follows."""
    apply(engine, folder, "".join(texts))
    activate([], 1)


def basket(*prices: str, named: str | None = None) -> Body:
    """A purchase of several things, each bought once."""
    lines = [line(n, price_id=one, once=True) for n, one in enumerate(prices, 1)]
    for one in lines:
        one["item"]["price"]["custom_data"] = {"course": named} if named else None
    at = 2 * JUST_NOW
    return charge("completed", at=at, lines=lines, period=None, subscription_id=None)


def monthly(*prices: str) -> Body:
    """A subscription of several things."""
    items = [item(one, None) for one in prices]
    return subscription(at=-0.5, period=-0.5, started_at=None, items=items)


def alerts(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [one.subject for one in ParkedMoney().look(connection, settings())]


def assert_it_waits_for_nothing(engine: Engine) -> None:
    assert rows(engine, PARKED) == rows(engine, WAITING) == []
    assert_marked_is_what_waits(engine)
    assert alerts(engine) == []
    assert release() == NOTHING
    walk(engine, datetime(2020, 1, 1, tzinfo=UTC))
    assert [kind for kind, _ in findings(engine, "open") if kind in UNWANTED] == []
    plan()
    assert "payment_received" not in kinds(engine)


@pytest.fixture(autouse=True)
def _patience(configured: Callable[..., Settings]) -> None:
    """Let alerts and messages come at once."""
    configured(alert_parked_minutes=1, notify_parked_minutes=1)


@pytest.mark.parametrize("bought", [basket, monthly])
def test_what_is_bought_then_waits_for_nothing(
    bought: Callable[..., Body], core: Engine, tmp_path: Path
) -> None:
    say(core, tmp_path, BOOKS)
    tell(core, BUYER, bought(BOOK))

    assert_it_waits_for_nothing(core)
    assert rows(core, ACCESS) == []


@pytest.mark.parametrize("bought", [basket, monthly])
def test_what_was_bought_before_waits_no_longer(
    bought: Callable[..., Body], core: Engine, tmp_path: Path
) -> None:
    tell(core, BUYER, bought(BOOK))
    assert rows(core, PARKED) == [("unknown price", BOOK)]

    say(core, tmp_path, BOOKS)

    assert_it_waits_for_nothing(core)


def test_who_was_about_to_be_told_that_access_follows_is_not(
    core: Engine, tmp_path: Path
) -> None:
    tell(core, BUYER, basket(BOOK))
    plan()
    say(core, tmp_path, BOOKS)

    assert turns(core) == ["no longer true"]
    assert rows(core, STATES) == [("payment_received", "skipped", "no longer true")]


def test_a_book_and_a_course_give_the_course(core: Engine, tmp_path: Path) -> None:
    say(core, tmp_path, COURSE, BOOKS)
    tell(core, BUYER, basket(BOOK, LESSONS))

    assert rows(core, ACCESS) == [("python",)]
    assert_it_waits_for_nothing(core)


def test_beside_a_book_only_the_course_waits(core: Engine, tmp_path: Path) -> None:
    say(core, tmp_path, BOOKS)
    tell(core, BUYER, basket(BOOK, LESSONS))
    assert rows(core, PARKED) == [("unknown price", LESSONS)]
    plan()
    assert kinds(core) == ["payment_received"]
    assert release() == NOTHING

    say(core, tmp_path, COURSE, BOOKS)
    assert release() == "1 released"
    activate([], 1)

    assert rows(core, ACCESS) == [("python",)]
    assert rows(core, PARKED) == rows(core, WAITING) == []


def test_the_buyer_of_a_book_need_not_be_known(core: Engine, tmp_path: Path) -> None:
    say(core, tmp_path, BOOKS)
    tell(core, basket(BOOK))
    assert rows(core, PARKED) == rows(core, WAITING) == []

    tell(core, {**basket(BOOK, LESSONS), "event_id": "evt_more"})
    assert rows(core, PARKED) == [("unknown learner", LESSONS)]


@pytest.mark.parametrize("bought", [basket, monthly])
def test_a_price_that_gives_something_after_all_gives_it_to_all(
    bought: Callable[..., Body], core: Engine, tmp_path: Path
) -> None:
    say(core, tmp_path, BOOKS)
    tell(core, BUYER, bought(BOOK))

    say(core, tmp_path, catalog_text("python", price=BOOK))

    assert rows(core, ACCESS) == [("python",)]
    assert_it_waits_for_nothing(core)


@pytest.mark.parametrize("bought", [basket, monthly])
def test_a_price_that_leaves_the_catalog_is_unknown_again(
    bought: Callable[..., Body], core: Engine, tmp_path: Path
) -> None:
    say(core, tmp_path, BOOKS)
    tell(core, BUYER, bought(BOOK))

    say(core, tmp_path)

    assert rows(core, PARKED) == [("unknown price", BOOK)]
    assert_marked_is_what_waits(core)


def test_the_catalog_counts_and_not_what_the_price_names(
    core: Engine, tmp_path: Path
) -> None:
    say(core, tmp_path, BOOKS)
    tell(core, BUYER, basket(BOOK, named="python"))

    assert rows(core, ACCESS) == []
    assert_it_waits_for_nothing(core)


def test_it_takes_nothing_away_that_was_given(core: Engine, tmp_path: Path) -> None:
    say(core, tmp_path, catalog_text("python", price=BOOK))
    tell(core, BUYER, basket(BOOK))
    say(core, tmp_path, BOOKS)

    assert apply_existing(core) == 0
    tell(core, {**basket(BOOK), "event_id": "evt_again"})

    assert rows(core, ACCESS) == [("python",)]


def test_each_change_of_mind_is_a_version(core: Engine, tmp_path: Path) -> None:
    for texts in ((BOOKS,), (BOOKS,), (), (BOOKS,)):
        say(core, tmp_path, *texts)

    versions = "SELECT course_key, version, valid_until IS NULL FROM offers ORDER BY id"
    assert rows(core, versions) == [(None, 1, False), (None, 2, True)]


def test_the_platform_hears_of_an_order_without_courses(
    core: Engine, tmp_path: Path, configured: Callable[..., Settings]
) -> None:
    configured(
        platform_hook_url="http://127.0.0.1:9/hook",
        platform_hook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    say(core, tmp_path, COURSE, BOOKS)
    tell(core, BUYER, basket(BOOK, LESSONS, named="python"))

    [(order,)] = rows(
        core, "SELECT id FROM platform_deliveries WHERE kind = 'order.completed'"
    )
    with core.begin() as connection:
        items = json.loads(read_news(connection, order).body)["data"]["items"]
    assert [one["course_keys"] for one in items] == [[], ["python"]]


@pytest.mark.parametrize(
    ("bought", "sentence"),
    [
        (basket, "txn_life1 has no line that gives access by itself."),
        (monthly, f"{subscriptions.SUBSCRIPTION} has no item that gives access."),
    ],
)
def test_explain_does_not_promise_access(
    bought: Callable[..., Body], sentence: str, core: Engine, tmp_path: Path
) -> None:
    say(core, tmp_path, BOOKS)
    body = bought(BOOK)
    tell(core, BUYER, body)

    result = CliRunner().invoke(app, ["explain", body["data"]["id"], "--json"])

    assert sentence in result.output
    assert "about to be given" not in result.output
