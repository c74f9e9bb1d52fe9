"""Runs tasks in this process, on the session's database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, Row, text

from tests import outgoing
from tests.fixtures.mail_server import MailServer
from tests.fixtures.platform import SECRET, Platform
from worker import lifecycle
from worker.channels.platform_hook import PlatformHook
from worker.channels.reach import Reach
from worker.drain import Job, WorkOne, drain_each
from worker.outcome import Tally
from worker.settings import Settings
from worker.work_tables import (
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    Claimant,
    WorkTable,
)

#: Short, so that what hangs is over soon: one row gets 0.4 × 2.5 s.
TIMES = {
    "lock_timeout_seconds": 1,
    "statement_timeout_seconds": 2,
    "soft_limit_seconds": 2.5,
    "hard_limit_seconds": 3,
    "lease_seconds": 4,
    "retry_first_seconds": 60,
}


@dataclass
class Desk:
    """One table's rows, and working on them."""

    engine: Engine
    table: WorkTable
    config: Settings
    #: Makes what works on a row, anew for each run as the task does.
    make: Callable[[Settings], WorkOne]

    def work(self) -> Tally:
        """Do one run of the task, without Celery."""
        job = Job(self.engine, self.table, Claimant("test", "here"), self.config)
        return drain_each(job, self.make(self.config))

    def work_when_due(self) -> Tally:
        """Do a run now, however long the rows were put off."""
        self.set("next_attempt_at = now()", "state = 'pending'")
        return self.work()

    def row(self, row_id: int) -> Row[Any]:
        query = text(f"SELECT * FROM {self.table.name} WHERE id = :id")
        with self.engine.connect() as connection:
            return connection.execute(query, {"id": row_id}).one()

    def set(self, change: str, where: str = "true") -> None:
        """Change rows behind everybody's back."""
        with self.engine.begin() as connection:
            statement = f"UPDATE {self.table.name} SET {change} WHERE {where}"
            connection.execute(text(statement))


@pytest.fixture
def settings_of_tasks(configured: Callable[..., Settings]) -> Callable[..., Settings]:
    """Return a function that sets the settings, with short times."""
    return lambda **overrides: configured(**{**TIMES, **overrides})


@pytest.fixture
def telling(
    engine: Engine, platform: Platform, settings_of_tasks: Callable[..., Settings]
) -> Iterator[Desk]:
    config = settings_of_tasks(
        platform_hook_url=platform.url, platform_hook_secret=SECRET
    )
    from tasks.tell import Teller  # noqa: PLC0415 (the app reads settings at import)

    with ExitStack() as opened:

        def make(config: Settings) -> Teller:
            reach = Reach.of(config)
            hook = PlatformHook(config.platform_hook_url or "", SECRET, reach)
            return Teller(opened.enter_context(hook), config)

        yield Desk(engine, PLATFORM_DELIVERIES, config, make)


def delivery(desk: Desk, **values: Any) -> int:
    """Add a delivery that waits."""
    with desk.engine.begin() as connection:
        return outgoing.add_delivery(connection, **values)


@pytest.fixture
def desk(
    engine: Engine,
    mail_server: MailServer,
    settings_of_tasks: Callable[..., Settings],
) -> Iterator[Desk]:
    """Return the table of messages, sent over a mail server."""
    config = settings_of_tasks(smtp_url=mail_server.url)
    from tasks.send import Post  # noqa: PLC0415 (the app reads settings at import)

    with ExitStack() as opened:

        def make(config: Settings) -> Post:
            return opened.enter_context(Post(config))

        yield Desk(engine, NOTIFICATIONS, config, make)


def welcome(desk: Desk, **values: Any) -> int:
    """Add a mail that waits."""
    with desk.engine.begin() as connection:
        learner = outgoing.add_learner(connection, **values)
        return outgoing.add_notification(connection, learner_id=learner)


def claim(desk: Desk, task_id: str) -> lifecycle.Lease:
    who = Claimant(task_id, "here")
    lease = lifecycle.claim(desk.engine, NOTIFICATIONS, who, desk.config)
    assert lease is not None
    return lease
