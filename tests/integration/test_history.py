"""Each change of an enrollment is in its history, with its cause and a new version."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, text

from tasks.activate import activate
from tasks.expire import expire
from tasks.record import record
from tasks.release import release
from tests.factories import add_events, add_offer, one, rows
from tests.purchases import Body
from tests.subscriptions import (
    CUSTOMER,
    adjusted,
    begun,
    charge,
    customer,
    item,
    line,
    pass_time,
    scheduled,
    subscription,
)
from worker.by_hand import Deed, Wish, give, take
from worker.causes import Cause
from worker.grants import tell
from worker.settings import Settings

#: What an enrollment may be changed by.
CAUSES = ("event", "reconciliation", "clock", "operator", "catalog", "merge")


def carry_out(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def history(engine: Engine) -> list[tuple[str, int, str, str, str]]:
    """Return course, version, reason and cause of each change."""
    found = rows(
        engine,
        "SELECT e.course_key, h.version, h.reason, h.cause_kind, h.cause_ref"
        " FROM enrollment_history h JOIN enrollments e ON e.id = h.enrollment_id"
        " ORDER BY e.course_key, h.enrollment_id, h.version",
    )
    return [
        (course, version, why, kind, ref) for course, version, why, kind, ref in found
    ]


def check_versions(engine: Engine) -> None:
    """Versions count from 1 without a gap, and the last one is how it stands."""
    wrong = rows(
        engine,
        """
        SELECT e.id FROM enrollments e
        JOIN enrollment_history h ON h.enrollment_id = e.id
        GROUP BY e.id
        HAVING count(*) <> e.version OR max(h.version) <> e.version
          OR (array_agg((h.state, h.reason, h.access_until) ORDER BY h.version DESC))[1]
             IS DISTINCT FROM (e.state, e.reason, e.access_until)
        """,
    )
    assert wrong == []
    assert one(engine, "SELECT count(*) FROM enrollments WHERE version = 0") == 0


def by_hand(
    engine: Engine, deed: Callable[[Connection, Wish], Deed], course: str
) -> str:
    """Give or take access by hand, and return how the history calls it."""
    wish = Wish(one(engine, "SELECT min(id) FROM learners"), course, "why")
    with engine.begin() as connection:
        action = deed(connection, wish).action
    activate([], 1)
    return f"action {action}"


def test_a_life_with_the_causes_that_change_it(core: Engine) -> None:
    # Nobody knows what is sold: it waits, and the catalog gives it.
    items = [item("pri_late", None)]
    _, first, _ = begun(items=items)
    carry_out(core, customer(), first, charge(lines=[line(price_id="pri_late")]))
    add_offer(core, "pri_late", "python")
    release()
    activate([], 1)
    # An event tells that it will end, the clock ends it, a person gives it back.
    leaving = subscription(at=-3, items=items, scheduled_change=scheduled("cancel", 1))
    carry_out(core, leaving)
    pass_time(core, 2)
    expire()
    activate([], 1)
    given = by_hand(core, give, "python")
    taken = by_hand(core, take, "python")

    assert [(version, why, kind) for _, version, why, kind, _ in history(core)] == [
        (1, "subscribed", "catalog"),
        (2, "subscribed", "event"),
        (3, "canceled", "clock"),
        (4, "granted", "operator"),
        # What the clock ended goes before what a person took.
        (5, "canceled", "operator"),
    ]
    refs = [ref for *_, ref in history(core)]
    assert (refs[1], refs[3], refs[4]) == (leaving["event_id"], given, taken)
    check_versions(core)


def test_two_who_turn_out_to_be_one_are_told_of_as_a_merge(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(learner_ids_unsigned=True)
    carry_out(core, customer())
    with core.begin() as connection:
        connection.execute(text("INSERT INTO courses VALUES ('sql', 'course', 'SQL')"))
    by_hand(core, give, "sql")

    named: Body = {"custom_data": {"learner": "usr_sam"}}
    merging = charge(number=2, at=-1, **named)
    carry_out(core, merging)

    assert sorted(row[1:4] for row in history(core)) == [
        (1, "granted", "merge"),
        (1, "granted", "operator"),
        (2, "no grant", "merge"),
    ]
    assert rows(core, "SELECT count(*) FROM course_access WHERE has_access") == [(1,)]
    check_versions(core)


@pytest.mark.parametrize("kind", CAUSES)
def test_whatever_the_cause_it_is_kept_as_told(core: Engine, kind: str) -> None:
    carry_out(core, *begun())
    with core.begin() as connection:
        connection.execute(
            text("UPDATE grants SET state = 'suspended', cause = 'disputed'")
        )
        place = (one(core, "SELECT id FROM learners"), "python-basics")
        tell(connection, {place: Cause(kind, "ref_17")})
    activate([], 1)

    assert history(core)[-1][1:] == (2, "disputed", kind, "ref_17")
    check_versions(core)


@pytest.mark.parametrize("kind", CAUSES)
def test_what_changes_nothing_is_no_version(core: Engine, kind: str) -> None:
    carry_out(core, *begun())
    with core.begin() as connection:
        place = (one(core, "SELECT id FROM learners"), "python-basics")
        tell(connection, {place: Cause(kind, "ref_17")})
    activate([], 1)

    assert len(history(core)) == 1
    check_versions(core)


def test_only_the_rows_of_what_changed_are_told_of(core: Engine) -> None:
    other = customer(email="kim@example.com")
    other["data"]["id"] = "ctm_other"
    beside = charge(
        number=5, lines=[line(5, once=True)], subscription_id=None, period=None
    )
    beside["data"]["customer_id"] = "ctm_other"
    carry_out(core, *begun(), other, beside)

    carry_out(core, adjusted("chargeback"))

    assert rows(
        core,
        "SELECT i.value, e.version FROM enrollments e"
        " JOIN learner_identities i USING (learner_id)"
        " WHERE i.kind = 'customer' ORDER BY i.value",
    ) == [("paddle:ctm_other", 1), (f"paddle:{CUSTOMER}", 2)]
    check_versions(core)
