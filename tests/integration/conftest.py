"""The product's tasks on the session's servers, run in the test's own process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from unittest.mock import patch

import pytest
from celery import Celery
from sqlalchemy import Engine

from tests.factories import add_offer
from tests.fixtures.configuration import DEFAULTS
from worker import database
from worker.database import make_engine
from worker.settings import Settings, settings

# Importing the tasks makes the Celery app, which needs settings; tests set their own.
with patch.dict("os.environ", {k.upper(): v for k, v in DEFAULTS.items()}):
    from worker.app import app
    from worker.base_task import BaseTask
    from worker.drain import Apply, Job, drain
    from worker.notices.kinds import KINDS, Trigger
    from worker.outcome import Tally
    from worker.work_tables import Claimant, WorkTable
settings.cache_clear()


@pytest.fixture(scope="session")
def celery_app(broker_url: str) -> Celery[BaseTask]:
    """The product's Celery app, on the session's broker."""
    app.conf.update(broker_url=broker_url)
    return app


@pytest.fixture
def core(
    engine: Engine, configured: Callable[..., Settings], celery_app: Celery[BaseTask]
) -> Iterator[Engine]:
    """The session's database, with the tasks set to work on it."""
    configured()
    yield engine
    database.engine().dispose()
    database.forget_engines()


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A shop that sells one course, and tells of everything."""
    money = [kind for kind, one in KINDS.items() if one.trigger != Trigger.ACCESS]
    configured(notify_on=",".join(money), notify_checkout_hours=1)
    add_offer(core, "pri_monthly", "python-basics")
    return core


@pytest.fixture
def run(core: Engine) -> Callable[[WorkTable, Apply], Tally]:
    """Return a function that drains a table with a given ``apply``."""

    def work(table: WorkTable, apply: Apply) -> Tally:
        return drain(Job(core, table, Claimant("test", "here"), settings()), apply)

    return work


@pytest.fixture
def sessions(core: Engine) -> Iterator[Callable[[], Engine]]:
    """Return a function that makes engines of their own, as other processes have."""
    with ExitStack() as stack:

        def another() -> Engine:
            made = make_engine(settings(), "another", pool_size=1)
            stack.callback(made.dispose)
            return made

        yield another
