"""How a receiver's counts end with it: in time, whatever the database does."""

import asyncio
from collections.abc import Callable

import pytest

from web_hook import counts
from web_hook.connection import Connection
from web_hook.counts import CountWriter
from web_hook.metrics import Metrics
from worker.settings import Settings


def test_a_stop_does_not_wait_for_a_database_that_does_not_answer(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> Connection:
        await asyncio.Event().wait()
        raise AssertionError

    async def stop_while_connecting() -> asyncio.Task[None]:
        metrics = Metrics()
        metrics.count("paddle", "stored")
        writer = CountWriter(make_settings(), metrics)
        writer.start()
        async with asyncio.timeout(10):
            await writer.stop()
        return writer._task

    monkeypatch.setattr(Connection, "open", never)
    monkeypatch.setattr(counts, "STOP_SECONDS", 0.05)
    assert asyncio.run(stop_while_connecting()).cancelled()


def test_without_deliveries_the_database_is_left_alone(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    async def note(*_: object) -> Connection:
        opened.append(True)
        raise OSError

    async def stop_at_once() -> None:
        writer = CountWriter(make_settings(), Metrics())
        writer.start()
        await writer.stop()
        await writer._task

    monkeypatch.setattr(Connection, "open", note)
    asyncio.run(stop_at_once())
    assert opened == []


def test_an_error_of_ours_does_not_end_the_writing(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "FLUSH_SECONDS", 0.001)
    tries = asyncio.Semaphore(0)

    async def fail(*_: object) -> Connection:
        tries.release()
        raise ZeroDivisionError

    async def run_for_three_tries() -> None:
        metrics = Metrics()
        metrics.count("paddle", "stored")
        writer = CountWriter(make_settings(), metrics)
        writer.start()
        async with asyncio.timeout(10):
            for _ in range(3):
                await tries.acquire()
        await writer.stop()

    monkeypatch.setattr(Connection, "open", fail)
    asyncio.run(run_for_three_tries())
