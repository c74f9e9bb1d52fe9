"""No end and no day depends on the zone of a process or of a database session.

Every connection of ours asks for UTC. Here it is told another zone after that, so that
nothing rests on it alone.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from tasks.activate import activate
from tasks.expire import expire
from tasks.record import record
from tests.factories import add_events, add_offer, rows
from tests.purchases import ONE_OFF_PRICE, Body, published, renamed, transaction
from tests.subscriptions import MONTHLY, customer, subscription
from tests.zones import JUMPS
from worker import database
from worker.settings import Settings

DAYS = 3
LENGTH = timedelta(days=DAYS)
#: Before a jump, so that it lies within the days.
EARLIER = timedelta(hours=40)


@pytest.fixture(params=JUMPS)
def zone(
    request: pytest.FixtureRequest, core: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A zone in which this process lives, and every session of its tasks."""
    name: str = request.param

    def settle(connection: Any, _: object) -> None:
        connection.execute(f"SET timezone TO '{name}'")
        connection.commit()

    ours = database.engine()
    event.listen(ours, "connect", settle)
    ours.dispose()
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield name
    monkeypatch.undo()
    time.tzset()


def text_of(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def paid_at(moment: datetime, suffix: str) -> list[Body]:
    """Return a purchase whose money came in at a moment."""
    done = transaction("transaction.completed")
    captured = done["data"]["payments"][0]
    captured |= {
        "captured_at": text_of(moment),
        "payment_attempt_id": f"attempt-{suffix}",
    }
    done["data"]["payments"] = [captured]
    return [renamed(published("customer.created"), suffix), renamed(done, suffix)]


def overdue_since(moment: datetime) -> list[Body]:
    """Return a subscription whose unpaid period began at a moment."""
    period = {"starts_at": text_of(moment), "ends_at": text_of(moment + 10 * LENGTH)}
    whole = subscription("past_due", current_billing_period=period)
    return [customer(), whole]


def test_days_have_twenty_four_hours_in_every_zone(
    core: Engine, configured: Callable[..., Settings], zone: str
) -> None:
    configured(access_grace_days=DAYS)
    add_offer(core, ONE_OFF_PRICE, "dated", days=DAYS)
    add_offer(core, MONTHLY, "owed")
    began = JUMPS[zone] - EARLIER

    add_events(core, [*paid_at(began, "1"), *overdue_since(began)])
    record([], 1)
    activate([], 1)

    with database.engine().connect() as connection:
        assert connection.scalar(text("SHOW timezone")) == zone
        ends = connection.execute(
            text("SELECT course_key, ends_at FROM grants ORDER BY 1")
        ).all()
        until = connection.scalar(
            text("SELECT access_until FROM course_access WHERE course_key = 'dated'")
        )
    assert [(key, end.astimezone(UTC)) for key, end in ends] == [
        ("dated", began + LENGTH),
        ("owed", began + LENGTH),
    ]
    assert until.astimezone(UTC) == began + LENGTH


def test_the_clock_ends_access_at_the_moment_and_not_by_the_wall(
    core: Engine, configured: Callable[..., Settings], zone: str
) -> None:
    configured(access_grace_days=DAYS)
    add_offer(core, ONE_OFF_PRICE, "dated", days=DAYS)
    add_offer(core, MONTHLY, "owed")
    now = datetime.now(UTC)
    add_events(core, paid_at(now - LENGTH + timedelta(minutes=10), "1"))
    add_events(core, overdue_since(now - LENGTH - timedelta(minutes=10)))

    record([], 1)
    activate([], 1)
    expire()

    states = "SELECT course_key, state FROM enrollments ORDER BY 1"
    assert rows(core, states) == [("dated", "active"), ("owed", "suspended")]


def test_a_day_of_revenue_is_a_day_in_utc(core: Engine, zone: str) -> None:
    midnight = datetime.combine(JUMPS[zone].date(), datetime.min.time(), UTC)
    moments = (midnight - timedelta(microseconds=1), midnight, JUMPS[zone])
    for number, moment in enumerate(moments, 1):
        add_events(core, paid_at(moment, str(number)))
    record([], 1)

    with database.engine().connect() as connection:
        days = connection.execute(
            text("SELECT day, purchases FROM revenue_daily ORDER BY 1")
        ).all()

    today = midnight.date()
    assert [tuple(day) for day in days] == [(today - timedelta(days=1), 1), (today, 2)]
