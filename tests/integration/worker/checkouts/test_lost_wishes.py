"""A wish that came by message and was not noted: it is noted all the same, and opened."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from billiard.exceptions import WorkerLostError
from redis import Redis

from tasks.create import create as create_task
from tasks.move import move
from tasks.prune import prune_rows
from tests.factories import one, rows
from tests.integration.worker.checkouts.conftest import Shop
from tests.opening import PRICE, execute, recover
from worker import database, quarantine
from worker.checkouts.noting import NOT_NOTED
from worker.environment import check_stamp
from worker.quarantine import SPOOL_KEY
from worker.settings import Environment, settings
from worker.signals import catch_failure
from worker.stray import Fault, stray_of_run

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"
ASKED = {
    "prices": [PRICE],
    "learner_ref": 42,
    "reference": "order-17",
    "email": "ada@example.com",
}
NOTED = "SELECT reference, owner, email, state FROM checkouts"
WANTED = [("order-17", "42", "ada@example.com", "pending")]
LETTERS = "SELECT count(*) FROM dead_letters"


@pytest.fixture(autouse=True)
def no_rest() -> Iterator[None]:
    """Forget that a database was away: it was another test's."""
    quarantine._rest_until = 0.0
    yield
    quarantine._rest_until = 0.0


@contextmanager
def away(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nobody find the database."""
    database.forget_engines()
    with patch.context() as changed:
        changed.setenv("DATABASE_URL", NOWHERE)
        settings.cache_clear()
        yield
    settings.cache_clear()


def test_what_came_while_the_database_was_away_is_opened_when_it_is_back(
    shop: Shop, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with away(monkeypatch):
        assert create_task.apply(kwargs=ASKED).state == "FAILURE"
    assert (rows(shop.engine, NOTED), broker.llen(SPOOL_KEY)) == ([], 1)

    assert move() == "1 moved"
    assert rows(shop.engine, NOTED) == WANTED
    assert recover(shop.engine, shop.config) == "1 opened"

    assert move() == "nothing was kept aside"
    assert len(shop.transactions()) == 1
    assert one(shop.engine, LETTERS) == 0


def test_a_child_that_was_lost_before_it_noted_anything_leaves_the_wish(
    shop: Shop,
) -> None:
    # The parent tells of a hard limit twice.
    for _ in range(2):
        catch_failure(create_task, "task-1", WorkerLostError(), kwargs=ASKED)

    assert rows(shop.engine, NOTED) == WANTED
    assert recover(shop.engine, shop.config) == "1 opened"
    assert one(shop.engine, LETTERS) == 0


def test_a_child_that_was_lost_after_all_was_done_changes_nothing(shop: Shop) -> None:
    create_task(**ASKED)
    before = rows(shop.engine, "SELECT * FROM checkouts")

    catch_failure(create_task, "task-1", WorkerLostError(), kwargs=ASKED)

    assert rows(shop.engine, "SELECT * FROM checkouts") == before
    assert one(shop.engine, LETTERS) == 0


def test_the_address_beside_a_misspelt_option_is_gone_after_a_day(shop: Shop) -> None:
    create_task.apply(kwargs={**ASKED, "retrun_url": "https://shop.example/"})
    execute(shop.engine, "UPDATE dead_letters SET created_at = now() - interval '25 h'")

    prune_rows()

    told = rows(shop.engine, "SELECT state, error_class, message FROM dead_letters")
    assert told == [("open", "WrongArguments", None)]


def test_what_the_task_refused_is_not_noted(shop: Shop) -> None:
    told = create_task.apply(kwargs={**ASKED, "reference": "order 17"})

    assert told.state == "FAILURE"
    assert rows(shop.engine, NOTED) == []
    assert one(shop.engine, LETTERS) == 0


@pytest.mark.parametrize(
    "kwargs",
    [
        {**ASKED, "prices": ["none"]},
        {**ASKED, "retrun_url": "https://shop.example/"},
        {**ASKED, "discount_code": "a\0b"},
        {},
    ],
    ids=["no wish", "misspelt", "nul", "nothing"],
)
def test_a_message_that_was_kept_and_is_no_wish_is_a_dead_letter(
    shop: Shop, kwargs: dict[str, object]
) -> None:
    stray = stray_of_run(create_task, "task-1", (), kwargs, Fault(NOT_NOTED, "lost"))

    quarantine.quarantine(stray, shop.config)

    assert rows(shop.engine, NOTED) == []
    letters = rows(shop.engine, "SELECT task, task_id, error_class FROM dead_letters")
    assert letters == [("checkouts.create", "task-1", NOT_NOTED)]


def test_a_wish_is_noted_in_no_other_environment_s_database(
    shop: Shop, broker: Redis
) -> None:
    other = shop.config.model_copy(update={"paddle_environment": Environment.SANDBOX})
    check_stamp(shop.engine, shop.config.paddle_environment)
    stray = stray_of_run(create_task, "task-1", (), ASKED, Fault(NOT_NOTED, "lost"))

    quarantine.quarantine(stray, other)

    assert (rows(shop.engine, NOTED), broker.llen(SPOOL_KEY)) == ([], 1)
