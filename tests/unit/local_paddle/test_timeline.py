"""Time passes only forward, and what is due is done in order, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_paddle.agenda import Deed
from local_paddle.clock import Clock, instant_of, rfc3339
from local_paddle.feed import Feed
from local_paddle.ids import Ids
from local_paddle.period import duration_of, later
from local_paddle.shop import Shop
from local_paddle.store import Store
from local_paddle.timeline import AHEAD_FACT
from tests.unit.local_paddle.conftest import EMAIL, MONTHLY, World

AT = datetime(2024, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "times", "expected"),
    [
        ("14 days", 1, "2024-02-14"),
        ("week", 2, "2024-02-14"),
        ("month", 1, "2024-02-29"),
        ("month", 2, "2024-03-31"),
        ("3 month", 4, "2025-01-31"),
        ("year", 1, "2025-01-31"),
    ],
)
def test_periods_follow_the_calendar(duration: str, times: int, expected: str) -> None:
    read = duration_of(duration)
    assert read
    assert later(AT, read, times).isoformat() == f"{expected}T09:30:00+00:00"


@pytest.mark.parametrize("wrong", ["fortnight", "0 day", "x day", {"interval": "day"}])
def test_what_is_no_duration_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"duration|invalid literal"):
        duration_of(wrong)


def test_time_moves_by_a_duration_and_to_an_instant(world: World) -> None:
    moved = world.do("advance", by="1 month")
    assert moved["now"].startswith("2027-02-15")
    moved = world.do("advance", to="2027-03-01T00:00:00Z")
    assert moved["now"].startswith("2027-03-01T00:00:00")


@pytest.mark.parametrize(
    "given",
    [{}, {"by": "day", "to": "2030-01-01T00:00:00Z"}, {"to": "2026-01-01T00:00:00Z"}],
)
def test_time_does_not_go_back_nor_nowhere(given: dict[str, str], world: World) -> None:
    with pytest.raises(ValueError, match=r"go back|name"):
        world.do("advance", **given)


def test_a_shop_may_begin_in_the_past_before_it_has_told_of_anything(
    world: World,
) -> None:
    store = world.shop.store
    assert world.do("begin", at="2024-02-29T08:00:00Z")["now"].startswith("2024-02-29")
    assert {price["created_at"][:10] for price in store.all("price")} == {"2024-02-29"}
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    with pytest.raises(ValueError, match="the shop has opened"):
        world.do("begin", at="2024-01-01T00:00:00Z")
    assert world.do("advance", by="1 month")["done"][0]["at"].startswith("2024-03-29")
    ahead = timedelta(seconds=store.fact(AHEAD_FACT, 0.0))
    assert datetime.now(UTC) + ahead < datetime(2024, 3, 30, tzinfo=UTC)


def test_all_that_is_due_is_done_in_its_order(world: World) -> None:
    for person in ("ada", "bo", "chi"):
        world.do("subscribe", email=f"{person}@example.com", price=MONTHLY)
        world.do("advance", by="10 day")
    done = world.do("advance", by="2 month")["done"]
    instants = [instant_of(deed["at"]) for deed in done]
    assert instants == sorted(instants)
    assert len(done) == 6
    now = world.shop.feed.clock.now()
    assert all(instant_of(t.occurred_at) <= now for t in world.told())
    assert world.shop.timeline.catch_up(now) == []


def test_a_change_due_with_a_renewal_comes_first(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("cancel", email=EMAIL)
    subscription = world.subscription()
    due = instant_of(subscription["scheduled_change"]["effective_at"])
    world.shop.agenda.put(Deed.RENEW, subscription["id"], due)
    world.do("advance", by="1 month")
    assert world.subscription()["status"] == "canceled"
    assert len(world.shop.store.all("transaction")) == 1


def test_a_deed_that_breaks_leaves_nothing_and_stays_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.told()
    renewals = world.shop.renewals

    def break_(*_: object, **__: object) -> None:
        message = "the disk is full"
        raise OSError(message)

    with monkeypatch.context() as patched:
        patched.setattr(renewals, "bill_period", break_)
        with pytest.raises(OSError, match="disk"):
            world.do("advance", by="1 month")
    assert world.shorts() == []
    assert len(world.shop.agenda.listed()) == 1
    # The clock has moved all the same: what is due is late, not lost.
    world.do("advance", to=rfc3339(world.shop.feed.clock.now() + timedelta(seconds=1)))
    assert world.shorts()[-1] == "transaction.completed completed"


def test_left_alone_it_does_what_falls_due(world: World) -> None:
    async def live() -> None:
        running = asyncio.create_task(world.shop.timeline.run())
        async with asyncio.timeout(20):
            while world.subscription()["status"] != "canceled":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        running.cancel()

    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("cancel", email=EMAIL)
    # Moved behind the timeline's back: the deed is due, and nobody has asked for it.
    world.shop.feed.clock.move_to(instant_of("2027-03-01T00:00:00Z"))
    asyncio.run(live())
    assert world.shorts()[-1] == "subscription.canceled canceled"


def test_deliveries_keep_the_walls_time(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    clock = world.shop.feed.clock
    assert clock.now().year == 2027
    assert abs(clock.epoch() - datetime.now(UTC).timestamp()) < 60


def test_what_is_due_outlives_the_process(tmp_path: Path, world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    listed = world.shop.agenda.listed()
    again = Store(tmp_path)
    reopened = Shop(Feed(again, Ids(), Clock()))
    assert reopened.agenda.listed() == listed
    again.close()
