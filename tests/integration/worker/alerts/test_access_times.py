"""From paid to access: which purchases count, and to which moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tests import outgoing
from worker.alerts.access_times import AccessTimes, access_times

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NONE = AccessTimes(0, None, None, None)


def bought(
    engine: Engine,
    seconds: Sequence[float],
    *,
    on: datetime = NOON,
    told_after: float | None = None,
    hook: bool = True,
) -> None:
    """Add purchases that had access so many seconds after they were paid.

    With a hook the platform has to be told of them.
    """
    told = None if told_after is None else on + timedelta(seconds=told_after)
    with engine.begin() as connection:
        for took in seconds:
            paid_at = on - timedelta(seconds=took)
            made = outgoing.add_access(connection, paid_at, on, told_at=told)
            if hook:
                outgoing.add_delivery(connection, enrollment_id=made, created_at=on)


def times(engine: Engine, *, to_platform: bool = False) -> AccessTimes:
    with engine.connect() as connection:
        return access_times(connection, NOON, NOON + HOUR, to_platform=to_platform)


def test_percentiles_are_times_that_purchases_took(core: Engine) -> None:
    bought(core, range(1, 201))

    assert times(core) == AccessTimes(200, 100, 198, 200)


def test_the_span_begins_with_its_begin_and_ends_before_its_end(core: Engine) -> None:
    bought(core, [5], on=NOON)
    bought(core, [7], on=NOON + HOUR)
    bought(core, [9], on=NOON - timedelta(microseconds=1))

    assert times(core) == AccessTimes(1, 5, 5, 5)


def test_without_purchases_there_are_no_times(core: Engine) -> None:
    assert times(core) == NONE


def test_a_change_that_was_no_purchase_does_not_count(core: Engine) -> None:
    bought(core, [5])
    with core.begin() as connection:
        connection.exec_driver_sql("UPDATE enrollment_history SET paid_at = NULL")

    assert times(core) == NONE


def test_to_the_platform_it_takes_until_the_acknowledgement(core: Engine) -> None:
    bought(core, [5], told_after=3)

    assert times(core).worst_seconds == 5
    assert times(core, to_platform=True).worst_seconds == 8


def test_what_there_was_no_platform_for_took_until_access(core: Engine) -> None:
    """The hook was set later; its first delivery about it may have come since."""
    bought(core, [5], hook=False)
    assert times(core, to_platform=True).worst_seconds == 5
    with core.begin() as connection:
        (enrollment,) = connection.exec_driver_sql("SELECT id FROM enrollments").one()
        outgoing.add_delivery(
            connection, enrollment_id=enrollment, created_at=NOON + HOUR
        )
    assert times(core, to_platform=True).worst_seconds == 5


def test_what_the_platform_does_not_know_takes_until_now(core: Engine) -> None:
    bought(core, [5])
    least = (datetime.now(UTC) - NOON).total_seconds() - 60

    worst = times(core, to_platform=True).worst_seconds
    assert worst is not None
    assert worst > least


def test_a_clock_that_is_ahead_makes_no_negative_time(core: Engine) -> None:
    bought(core, [-3])

    assert times(core).worst_seconds == 0
