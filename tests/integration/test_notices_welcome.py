"""Access that is there and was never told of is welcomed, once, however it came."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Connection, Engine

from tasks.activate import activate
from tasks.record import record
from tests.factories import add_events, rows
from tests.integration.test_interleavings import activating, interleave
from tests.notices import BUYER, STATES, purchase, refund, tell, turns
from tests.purchases import Body
from tests.subscriptions import adjusted, subscription
from worker import lifecycle
from worker.errors import PermanentError
from worker.failures import failure_of
from worker.lifecycle import Ending, Lease
from worker.notices.reading import Notice, read
from worker.putting_off import fail
from worker.settings import settings
from worker.work_tables import NOTIFICATIONS, Claimant

WELCOMES = "SELECT state FROM notifications WHERE kind = 'welcome'"
PENDING = "SELECT id FROM access_changes WHERE state = 'pending'"
LETTERS = "SELECT state FROM dead_letters"
#: Access that goes away and comes back: the first, what takes it, what gives it again.
AWAY: dict[str, tuple[Body, Body, Body]] = {
    "paused": (
        subscription(at=-0.5),
        subscription("paused", at=-0.4, period=None),
        subscription(at=-0.3, period=-0.3),
    ),
    "disputed": (
        purchase(at=-0.5),
        adjusted("chargeback", at=-0.4),
        adjusted("chargeback_reverse", at=-0.3),
    ),
    "bought again": (purchase(at=-0.5), refund(at=-0.4), purchase(id="txn_second")),
}


def told(engine: Engine) -> list[str]:
    """Let every message have its turn, and return the kinds of those that go out."""
    return [str(found.kind) for found in turns(engine) if isinstance(found, Notice)]


@pytest.mark.parametrize("way", AWAY)
def test_access_that_was_away_when_its_turn_came_is_welcomed_when_it_is_back(
    way: str, shop: Engine
) -> None:
    first, gone, back = AWAY[way]
    tell(shop, BUYER, first)
    tell(shop, gone)
    assert "welcome" not in told(shop)
    tell(shop, back)
    assert "welcome" in told(shop)
    assert rows(shop, WELCOMES) == [("sent",)]


@pytest.mark.parametrize("way", AWAY)
def test_no_other_welcome_follows_a_late_one(way: str, shop: Engine) -> None:
    first, gone, back = AWAY[way]
    tell(shop, BUYER, first)
    tell(shop, gone)
    turns(shop)
    tell(shop, back)
    turns(shop)
    tell(shop, subscription("paused", at=-0.2, period=None), refund(at=-0.2))
    tell(shop, subscription(at=-0.1, period=-0.1))
    assert "welcome" not in told(shop)
    assert rows(shop, WELCOMES) == [("sent",)]


def fail_for_good(engine: Engine) -> None:
    """Let the messages that wait be refused."""
    lease = claimed(engine)
    refused = failure_of(PermanentError("550 no thanks"))
    with engine.begin() as connection:
        fail(connection, lease, dict.fromkeys(lease.rows, refused), settings())


def claimed(engine: Engine) -> Lease:
    lease = lifecycle.claim(engine, NOTIFICATIONS, Claimant("test", "here"), settings())
    assert lease is not None
    return lease


def test_who_buys_again_after_a_welcome_that_failed_is_welcomed(shop: Engine) -> None:
    tell(shop, BUYER, subscription(at=-0.5))
    fail_for_good(shop)
    tell(shop, subscription("canceled", at=-0.4))
    assert told(shop) == []
    tell(shop, purchase(at=-0.1))
    assert told(shop).count("welcome") == 1
    assert rows(shop, WELCOMES) == [("sent",)]
    assert rows(shop, LETTERS) == [("replayed",)]


def test_a_welcome_that_failed_is_not_sent_again_while_access_goes_on(
    shop: Engine,
) -> None:
    tell(shop, BUYER, subscription(at=-0.5))
    fail_for_good(shop)
    tell(shop, purchase(at=-0.1))
    assert "welcome" not in told(shop)
    assert rows(shop, LETTERS) == [("open",)]


def having_its_turn(connection: Connection, lease: Lease) -> None:
    """Send the message that is held, or let it end, as the task does."""
    for row_id in lifecycle.hold(connection, lease):
        found = read(connection, row_id, settings())
        end = found if isinstance(found, Ending) else Ending("sent")
        lifecycle.finish(connection, lease, {row_id: end})


@pytest.mark.parametrize("turn_first", [True, False])
def test_a_turn_beside_the_return_of_access_leaves_one_welcome(
    shop: Engine, sessions: Callable[[], Engine], *, turn_first: bool
) -> None:
    first, gone, back = AWAY["paused"]
    tell(shop, BUYER, first)
    tell(shop, gone)
    lease = claimed(shop)
    add_events(shop, [back])
    record([], 1)

    def turn(connection: Connection, _: Sequence[int]) -> dict[int, Ending]:
        having_its_turn(connection, lease)
        return {}

    coming = activating([found for (found,) in rows(shop, PENDING)])
    pair = ((turn, []), coming) if turn_first else (coming, (turn, []))
    waited = interleave(shop, sessions, *pair)

    assert waited
    sent = rows(shop, STATES).count(("welcome", "sent", None))
    assert sent + told(shop).count("welcome") == 1
    activate([], 1)
    assert told(shop) == []
