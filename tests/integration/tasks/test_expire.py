"""``access.expire``: access that the clock ends, however often and late it is asked."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from celeryconfig import beat_schedule
from tasks import expire as module
from tasks.activate import activate
from tasks.expire import apply as expire_apply
from tasks.expire import expire
from tasks.record import apply as record_apply
from tasks.record import record
from tests.factories import add_events, add_offer, one, rows
from tests.integration.test_interleavings import interleave
from tests.purchases import ONE_OFF_PRICE, Body, purchase
from tests.subscriptions import begun, pass_time, scheduled, subscription
from worker.after_commit import Rings
from worker.app import make_app
from worker.drain import Apply, Result
from worker.settings import Settings

HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
ENROLLMENTS = "SELECT state, reason, version FROM enrollments ORDER BY id"
Step = tuple[Apply, Sequence[int]]
CLOCK = "SELECT count(*) FROM access_changes WHERE cause_kind = 'clock'"


@pytest.fixture
def served(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """The database, with a course platform that is told."""
    configured(**HOOK)
    return core


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def look(engine: Engine) -> list[tuple[Any, ...]]:
    """Let the clock be asked, and return how the enrollments stand."""
    expire()
    activate([], 1)
    return rows(engine, ENROLLMENTS)


def in_ten_days(engine: Engine, ending: str) -> None:
    """Have access that the clock ends in somewhat less than ten days."""
    if ending == "expired":
        add_offer(engine, ONE_OFF_PRICE, "python", days=100_000)
        tell(engine, *purchase())
        years = one(engine, "SELECT ends_at - now() FROM grants")
        pass_time(engine, (years - timedelta(days=10)).total_seconds() / 86_400)
        return
    tell(engine, *begun())
    if ending == "past_due":
        unpaid = subscription("past_due", at=0, period=-0.001)
        tell(engine, unpaid)
        pass_time(engine, -3)
    else:
        change = scheduled(ending, 9.999)
        tell(engine, subscription("active", at=-1, scheduled_change=change))


ENDINGS = [
    ("expired", "ended", "expired"),
    ("past_due", "suspended", "past_due"),
    ("cancel", "ended", "canceled"),
    ("pause", "suspended", "paused"),
]


@pytest.mark.parametrize(("ending", "state", "reason"), ENDINGS)
def test_access_ends_by_the_clock_and_not_before(
    served: Engine, ending: str, state: str, reason: str
) -> None:
    in_ten_days(served, ending)
    ((_, _, version),) = rows(served, ENROLLMENTS)
    moment = one(served, "SELECT recheck_at FROM enrollments")
    assert moment == one(served, "SELECT access_until FROM enrollments")

    pass_time(served, 9.9)
    assert expire() == "nothing due"

    pass_time(served, 0.2)
    # The view is right before anybody has looked.
    assert one(served, "SELECT has_access FROM course_access") is False
    assert look(served) == [(state, reason, version + 1)]
    assert one(served, "SELECT recheck_at FROM enrollments") is None
    assert rows(served, "SELECT version, state FROM platform_deliveries") == [
        (version + 1, "pending")
    ]


def test_the_history_names_the_clock_and_the_moment(served: Engine) -> None:
    in_ten_days(served, "cancel")
    pass_time(served, 11)
    moment = one(
        served,
        "SELECT to_char(recheck_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        " FROM enrollments",
    )
    look(served)

    assert rows(
        served,
        "SELECT state, reason, cause_kind, cause_ref FROM enrollment_history"
        " ORDER BY version DESC LIMIT 1",
    ) == [("ended", "canceled", "clock", moment)]


def test_asked_again_it_finds_nothing(served: Engine) -> None:
    in_ten_days(served, "past_due")
    pass_time(served, 11)

    assert expire() == "1 due"
    assert expire() == "nothing due"
    activate([], 1)
    assert expire() == "nothing due"
    assert one(served, CLOCK) == 1


def test_a_renewal_that_is_paid_late_brings_access_back(served: Engine) -> None:
    in_ten_days(served, "past_due")
    pass_time(served, 11)
    assert look(served)[0][:2] == ("suspended", "past_due")

    tell(served, subscription("active", at=0.001, period=-0.001))

    assert rows(served, ENROLLMENTS)[0][:2] == ("active", "subscribed")


def test_what_another_grant_keeps_the_clock_only_moves_on(served: Engine) -> None:
    in_ten_days(served, "cancel")
    with served.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO grants (source, provider, source_id, line_id, course_key,
              learner_id, state, cause, ends_at)
            SELECT 'gift', 'paddlewheel', '1', '', course_key, learner_id, 'active',
              'gift', now() + interval '99 days' FROM grants
            """)
        )
        connection.execute(
            text("UPDATE access_changes SET state = 'pending', next_attempt_at = now()")
        )
    activate([], 1)
    pass_time(served, 11)

    assert [(s, r) for s, r, _ in look(served)] == [("active", "gift")]
    assert expire() == "nothing due"
    pass_time(served, 99)
    assert [(s, r) for s, r, _ in look(served)] == [("ended", "expired")]


def test_a_change_that_waits_already_gets_no_second_row(served: Engine) -> None:
    in_ten_days(served, "cancel")
    pass_time(served, 11)
    with served.begin() as connection:
        connection.execute(
            text("UPDATE access_changes SET state = 'pending', next_attempt_at = now()")
        )

    assert expire() == "nothing due"
    activate([], 1)
    assert rows(served, ENROLLMENTS)[0][:2] == ("ended", "canceled")


def test_what_lies_with_a_dead_letter_is_left_to_a_person(served: Engine) -> None:
    in_ten_days(served, "cancel")
    pass_time(served, 11)
    with served.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO dead_letters (subject, work_table, row_id, error_class, error)
            SELECT 'access_changes:' || id, 'access_changes', id, 'E', 'e'
            FROM access_changes
            """)
        )
    assert expire() == "nothing due"
    with served.begin() as connection:
        connection.execute(text("UPDATE dead_letters SET state = 'discarded'"))

    assert look(served)[0][:2] == ("ended", "canceled")


def test_more_than_a_batch_is_worked_off_in_one_run(
    served: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENROLLMENTS_A_BATCH", 2)
    with served.begin() as connection:
        connection.execute(
            text("""
            WITH person AS (
              INSERT INTO learners (email)
              SELECT n || '@example.com' FROM generate_series(1, 5) AS n RETURNING id
            ), course AS (
              INSERT INTO courses (key, kind, title) VALUES ('sql', 'course', 'SQL')
              RETURNING key
            )
            INSERT INTO enrollments (learner_id, course_key, state, reason, version,
                                     recheck_at)
            SELECT person.id, key, 'active', 'gift', 1, now() FROM person, course
            """)
        )

    assert expire() == "5 due"
    assert {(state, reason) for state, reason, _ in look(served)} == {
        ("ended", "no grant")
    }


# --- two at once --------------------------------------------------------------------


def looking(connection: Connection, _ids: Sequence[int]) -> dict[int, Result]:
    expire_apply(Rings(), connection)
    return {}


def test_two_beats_at_once_add_one_row(
    served: Engine, sessions: Callable[[], Engine]
) -> None:
    in_ten_days(served, "past_due")
    pass_time(served, 11)

    waited = interleave(served, sessions, (looking, []), (looking, []))

    assert waited
    assert one(served, CLOCK) == 1
    activate([], 1)
    assert rows(served, ENROLLMENTS)[0][:2] == ("suspended", "past_due")


@pytest.mark.parametrize("clock_first", [True, False])
def test_the_clock_beside_a_renewal_that_is_paid_leaves_access(
    served: Engine, sessions: Callable[[], Engine], *, clock_first: bool
) -> None:
    in_ten_days(served, "past_due")
    pass_time(served, 11)
    paid: list[int] = add_events(
        served, [subscription("active", at=0.001, period=-0.001)]
    )

    clock: Step = (looking, [])
    renewal: Step = (partial(record_apply, Rings()), paid)
    pair = (clock, renewal) if clock_first else (renewal, clock)
    interleave(served, sessions, *pair)
    activate([], 1)

    assert rows(served, ENROLLMENTS)[0][:2] == ("active", "subscribed")
    assert look(served)[0][:2] == ("active", "subscribed")


def test_the_clock_beats_as_often_as_is_set(
    make_settings: Callable[..., Settings],
) -> None:
    app = make_app(make_settings(access_expire_seconds=7))

    assert "access.expire" not in beat_schedule
    entry = app.conf.beat_schedule["access.expire"]
    assert (entry["task"], entry["schedule"]) == ("access.expire", timedelta(seconds=7))
