"""The life of a subscription through Postgres: access, reasons, causes, the platform."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tasks.activate import activate
from tasks.expire import expire
from tasks.record import record
from tasks.release import release
from tests.factories import add_events, add_offer, one, rows
from tests.purchases import Body
from tests.subscriptions import (
    COURSE,
    MONTHLY,
    PRO,
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
from worker.settings import Settings

HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


@pytest.fixture
def school(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """The database, with a course platform that is told."""
    configured(**HOOK)
    return core


def tell(engine: Engine, *bodies: Body) -> str:
    """Tell events and return how access stands."""
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)
    return access(engine)


def access(engine: Engine) -> str:
    """Return the enrollments in words, checked against the view and the hook."""
    found = rows(
        engine,
        "SELECT e.course_key, e.state, e.reason, e.version, a.version, d.version"
        " FROM enrollments e JOIN learners l ON l.id = e.learner_id"
        " JOIN course_access a"
        "   ON a.learner_ref = l.ref AND a.course_key = e.course_key"
        " LEFT JOIN platform_deliveries d ON d.enrollment_id = e.id"
        " ORDER BY e.course_key",
    )
    for _, _, _, version, seen, told in found:
        assert version == seen == told
    if len(found) == 1:
        return f"{found[0][1]} {found[0][2]}"
    return "; ".join(
        f"{course} {state} {reason}" for course, state, reason, *_ in found
    )


def history(engine: Engine) -> list[tuple[int, str, str, str]]:
    """Return versions, reasons and causes, and check that none is missing."""
    found = rows(
        engine,
        "SELECT version, reason, cause_kind, cause_ref FROM enrollment_history"
        " ORDER BY enrollment_id, version",
    )
    return [(version, reason, kind, ref) for version, reason, kind, ref in found]


# --- a year, as it mostly goes ------------------------------------------------------


def test_from_trial_to_the_end_each_step_names_its_event(school: Engine) -> None:
    steps = [
        (subscription("trialing", at=-30, kind="created"), "active trialing"),
        (subscription("active", at=-16, period=-16), "active subscribed"),
        # The renewal moves the period before the money is collected.
        (subscription("active", at=-3, period=-3), "active subscribed"),
        (subscription("past_due", at=-2.9, period=-3), "active past_due"),
        (subscription("active", at=-2, period=-3), "active subscribed"),
        (subscription("paused", at=-1.5, period=None), "suspended paused"),
        (subscription("active", at=-1, period=-1), "active subscribed"),
        (subscription("canceled", at=-0.5, period=None), "ended canceled"),
    ]
    tell(school, customer())

    assert [tell(school, body) for body, _ in steps] == [after for _, after in steps]

    enrollment = one(school, "SELECT id FROM enrollments")
    changing = [steps[n] for n in (0, 1, 3, 4, 5, 6, 7)]
    assert history(school) == [
        (number, after.split()[1], "event", body["event_id"])
        for number, (body, after) in enumerate(changing, start=1)
    ]
    # One welcome, however often access came back; and whatever else was told, once.
    assert rows(school, "SELECT key, kind FROM notifications ORDER BY id") == [
        (f"welcome:{enrollment}", "welcome"),
        (f"suspended:{enrollment}:5", "suspended"),
        (f"restored:{enrollment}:6", "restored"),
        (f"ended:{enrollment}:7", "ended"),
    ]


# --- what begins it -----------------------------------------------------------------


def test_an_invoice_gives_access_once_it_is_paid(school: Engine) -> None:
    manual: Body = {"collection_mode": "manual"}
    first = subscription(kind="created", at=-30, **manual)

    assert tell(school, customer(), first, charge("billed", **manual)) == ""
    assert one(school, "SELECT count(*) FROM parked") == 0
    paid = charge("paid", at=-20, **manual)
    assert tell(school, paid) == "active subscribed"
    # The second invoice is due: access stays until the provider says that it is late.
    renewed = subscription(at=-1, period=-1, **manual)
    assert tell(school, renewed, charge("billed", number=2, at=-1)) == (
        "active subscribed"
    )
    assert [kind for _, _, kind, _ in history(school)] == ["event"]
    assert history(school)[0][3] == paid["event_id"]


def test_a_discount_of_a_hundred_percent_gives_access_like_any_price(
    school: Engine,
) -> None:
    free = charge(lines=[line(total=0)])

    assert tell(school, customer(), subscription(kind="created"), free) == (
        "active subscribed"
    )


def test_a_bundle_gives_each_course_and_a_new_price_waits_for_its_mapping(
    school: Engine,
) -> None:
    add_offer(school, MONTHLY, "python")
    add_offer(school, MONTHLY, "sql", days=1)

    assert tell(school, *begun()) == "python active subscribed; sql active subscribed"
    both = [item(), item(PRO, None)]
    tell(school, subscription(at=-2, items=both))
    assert rows(school, "SELECT reason, price_id FROM parked") == [
        ("unknown price", PRO)
    ]
    add_offer(school, PRO, "pro")
    release()
    activate([], 1)
    assert access(school).startswith("pro active subscribed")
    assert rows(
        school,
        "SELECT cause_kind FROM enrollment_history h JOIN enrollments e"
        " ON e.id = h.enrollment_id WHERE course_key = 'pro'",
    ) == [("catalog",)]


def test_an_offer_that_is_changed_later_leaves_what_was_sold(school: Engine) -> None:
    add_offer(school, MONTHLY, "python")
    tell(school, *begun())
    with school.begin() as connection:
        connection.execute(text("UPDATE offers SET valid_until = now()"))
    add_offer(school, MONTHLY, "sql")

    assert tell(school, subscription(at=-1, period=-1)) == "active subscribed"
    assert rows(school, "SELECT course_key FROM enrollments") == [("python",)]


# --- changes of plan ----------------------------------------------------------------


def test_a_plan_change_takes_the_old_course_and_gives_the_new(school: Engine) -> None:
    tell(school, *begun())

    new = subscription(at=-1, items=[item(PRO, "pro")])

    assert tell(school, new) == f"pro active subscribed; {COURSE} ended removed"


def test_a_plan_with_the_same_course_keeps_access_without_interruption(
    school: Engine,
) -> None:
    tell(school, *begun())

    tell(school, subscription(at=-1, items=[item(PRO)]))

    assert rows(school, "SELECT line_id, state, cause FROM grants ORDER BY id") == [
        (MONTHLY, "ended", "removed"),
        (PRO, "active", "subscribed"),
    ]
    assert [(version, reason) for version, reason, *_ in history(school)] == [
        (1, "subscribed")
    ]
    back = subscription(at=-0.5, items=[item()])
    assert tell(school, back) == "active subscribed"
    assert len(history(school)) == 1


def test_an_item_that_is_inactive_ends_alone(school: Engine) -> None:
    items = [item(), item(PRO, "pro")]
    tell(school, *begun(items=items))

    off = subscription(at=-1, items=[item(), item(PRO, "pro", status="inactive")])

    assert tell(school, off) == f"pro ended item_inactive; {COURSE} active subscribed"


# --- by the clock -------------------------------------------------------------------


def test_grace_ends_by_the_clock_and_the_platform_is_told(school: Engine) -> None:
    tell(school, *begun())
    unpaid = subscription("past_due", at=-1, period=-1)
    assert tell(school, unpaid) == "active past_due"

    pass_time(school, 6.1)
    expire()
    activate([], 1)

    assert access(school) == "suspended past_due"
    assert [kind for _, _, kind, _ in history(school)] == ["event", "event", "clock"]


def test_a_scheduled_cancel_may_be_taken_back_until_its_day(school: Engine) -> None:
    tell(school, *begun())
    leaving = subscription(at=-3, scheduled_change=scheduled("cancel", 20))
    assert tell(school, leaving) == "active subscribed"
    assert one(school, "SELECT access_until IS NOT NULL FROM course_access")

    assert tell(school, subscription(at=-2)) == "active subscribed"

    assert rows(school, "SELECT access_until, recheck_at FROM enrollments") == [
        (None, None)
    ]


def test_an_event_that_tells_what_the_clock_did_already_ends_it_as_well(
    school: Engine,
) -> None:
    tell(school, *begun())
    tell(school, subscription(at=-3, scheduled_change=scheduled("cancel", 1)))
    pass_time(school, 2)
    expire()
    activate([], 1)
    assert access(school) == "ended canceled"

    gone = subscription("canceled", at=0, period=None)

    assert tell(school, gone) == "ended canceled"


# --- money that went back -----------------------------------------------------------


def test_a_dispute_holds_access_and_its_reversal_gives_it_back(school: Engine) -> None:
    tell(school, *begun())

    assert tell(school, adjusted("chargeback_warning", at=-5)) == "suspended disputed"
    assert tell(school, adjusted("chargeback", at=-4)) == "suspended disputed"
    withdrawn = adjusted("chargeback_warning_reverse", at=-3)
    assert tell(school, withdrawn) == "suspended disputed"
    assert tell(school, adjusted("chargeback_reverse", at=-2)) == "active subscribed"
    assert [reason for _, reason, *_ in history(school)] == [
        "subscribed",
        "disputed",
        "subscribed",
    ]


@pytest.mark.parametrize("action", ["refund", "chargeback"])
def test_of_all_that_is_told_at_once_the_cause_is_what_took_the_money_back(
    school: Engine, action: str
) -> None:
    tell(school, *begun())
    taken = adjusted(action, at=-5)
    leaving = subscription(at=-4, scheduled_change=scheduled("cancel", 1))

    assert tell(school, taken, leaving).startswith("suspended")
    assert history(school)[-1][3] == taken["event_id"]


def test_of_all_that_is_told_at_once_the_cause_is_what_gave_it_back(
    school: Engine,
) -> None:
    tell(school, *begun(), adjusted("chargeback", at=-5))
    given = adjusted("chargeback_reverse", at=-4)

    tell(school, given, subscription(at=-3))

    assert history(school)[-1][1:] == ("subscribed", "event", given["event_id"])


@pytest.mark.parametrize("status", ["pending_approval", "rejected", "reversed"])
def test_a_refund_that_is_not_approved_changes_nothing(
    school: Engine, status: str
) -> None:
    tell(school, *begun())

    assert tell(school, adjusted(status=status)) == "active subscribed"


def test_a_refund_of_an_earlier_period_changes_nothing(school: Engine) -> None:
    tell(school, *begun(), subscription(at=-1, period=-1))
    tell(school, charge(number=2, at=-0.9, period=-1))

    assert tell(school, adjusted(at=-0.5)) == "active subscribed"
    assert tell(school, adjusted(number=2, at=-0.4)) == "suspended period_refunded"


def test_a_workbook_in_the_same_purchase_stands_for_itself(school: Engine) -> None:
    workbook = line(2, price_id="pri_book", once=True)
    both = charge(lines=[line(), workbook])
    plan = subscription(kind="created", items=[item(MONTHLY, "pro")])
    tell(school, customer(), plan, both)
    assert access(school) == f"pro active subscribed; {COURSE} active purchased"

    tell(school, adjusted())
    assert access(school) == (
        f"pro suspended period_refunded; {COURSE} active purchased"
    )
    gone = subscription("canceled", at=0, period=None, items=[item(MONTHLY, "pro")])
    assert tell(school, gone) == f"pro ended canceled; {COURSE} active purchased"


# --- several at once ----------------------------------------------------------------


def test_another_reason_keeps_access_when_a_subscription_ends(school: Engine) -> None:
    once = charge(
        number=9,
        lines=[line(9, once=True)],
        subscription_id=None,
        period=None,
        at=-2,
    )
    tell(school, *begun(), once)

    assert tell(school, subscription("canceled", at=0, period=None)) == (
        "active purchased"
    )
    assert tell(school, adjusted(number=9)) == "ended refunded"


def test_without_a_customer_it_is_parked_until_one_comes(school: Engine) -> None:
    _, first, paid = begun()

    assert tell(school, first, paid) == ""
    assert rows(school, "SELECT source, reason FROM parked") == [
        ("subscription", "unknown learner")
    ]
    assert tell(school, customer()) == "active subscribed"
    assert one(school, "SELECT count(*) FROM parked") == 0


def test_what_is_told_twice_changes_nothing(school: Engine) -> None:
    tell(school, *begun())
    before = history(school)
    with school.begin() as connection:
        connection.execute(
            text("UPDATE inbox SET state = 'pending', next_attempt_at = now()")
        )

    record([], 1)
    activate([], 1)

    assert history(school) == before
    assert one(school, "SELECT count(*) FROM grants") == 1
