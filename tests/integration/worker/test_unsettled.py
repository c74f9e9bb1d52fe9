"""An outage longer than a run's patience is no crash of the rows it hit."""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from tests.factories import add_work, rows
from worker import drain as drain_module
from worker import unsettled
from worker.drain import Job, Result, drain
from worker.lifecycle import Ending, Lease
from worker.settings import Settings
from worker.work_tables import INBOX, Claimant


class Outage:
    """Lets every statement after the claim fail as if the server had gone."""

    def __init__(self, engine: Engine) -> None:
        self.is_on = False
        event.listen(engine, "before_cursor_execute", self.strike)

    def strike(self, *arguments: Any) -> None:
        if self.is_on:
            raise OperationalError(arguments[2], {}, Exception("gone"))


def processed(_: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
    return dict.fromkeys(ids, Ending("processed"))


def test_a_verdict_that_could_not_be_written_is_made_good_without_a_crash(
    engine: Engine,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drain_module, "VERDICT_WAITS_SECONDS", (0.0, 0.0))
    add_work(engine, 3)
    outage = Outage(engine)
    job = Job(engine, INBOX, Claimant("t", "w"), make_settings())

    def goes_away(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        outage.is_on = True
        return processed(connection, ids)

    assert drain(job, goes_away).put_off == 3
    assert unsettled.is_any()
    outage.is_on = False
    event.remove(engine, "before_cursor_execute", outage.strike)

    assert drain(job, processed).ended == {"processed": 3}
    assert not unsettled.is_any()
    assert rows(engine, "SELECT DISTINCT state, crashes, failures FROM inbox") == [
        ("processed", 0, 0)
    ]


def test_two_threads_may_settle_the_same_claim(engine: Engine) -> None:
    unsettled.remember(Lease(INBOX, uuid.uuid4(), "t", "w", {}, more=False))
    others: list[threading.Thread] = []

    def overtake(*_: Any) -> None:
        if not others:
            others.append(threading.Thread(target=unsettled.settle, args=(engine,)))
            others[0].start()
            others[0].join()

    event.listen(engine, "before_cursor_execute", overtake)
    try:
        unsettled.settle(engine)
    finally:
        event.remove(engine, "before_cursor_execute", overtake)

    assert len(others) == 1
    assert not unsettled.is_any()
