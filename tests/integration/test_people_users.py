"""Which user of the shop a learner is: merging and parting, and what goes with it."""

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from tests.factories import one, rows
from tests.people import World, act, holders, mail, owners, record, welcomes
from tests.purchases import COMPLETED_AT, Body
from tests.subscriptions import item, subscription
from worker.settings import Settings

WORLD = World("w")
JO, USER, OTHER = WORLD.address(0), WORLD.user(0), WORLD.user(1)
GUEST = f"address {JO}"
HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/",
    "platform_hook_secret": "whsec_" + base64.b64encode(b"x" * 32).decode(),
}


@pytest.fixture(autouse=True)
def config(core: Engine, configured: Callable[..., Settings]) -> Settings:
    return configured(learner_ids_unsigned=True, **HOOK)


def settle(engine: Engine) -> None:
    act(engine)
    mail(engine)


def test_who_bought_as_a_guest_and_later_signed_in_has_all_on_that_account(
    core: Engine,
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    settle(core)
    assert holders(core) == {WORLD.course(0): [GUEST]}

    record(core, WORLD.bought(1, 0, 0))
    settle(core)

    user = f"user {USER}"
    assert holders(core) == {WORLD.course(0): [user], WORLD.course(1): [user]}
    assert welcomes(core) == {WORLD.course(0): 1, WORLD.course(1): 1}
    assert one(core, "SELECT count(*) FROM notifications") == 2
    told = """
    SELECT a.learner_ref LIKE 'lrn_%', a.course_key, a.has_access, a.email, d.version
    FROM course_access a
    JOIN learners l ON l.ref = a.learner_ref
    JOIN enrollments e ON e.learner_id = l.id AND e.course_key = a.course_key
    JOIN platform_deliveries d ON d.enrollment_id = e.id
    ORDER BY a.course_key, a.has_access
    """
    email = JO.upper()
    assert rows(core, told) == [
        (True, WORLD.course(0), False, email, 2),
        (False, WORLD.course(0), True, email, 1),
        (False, WORLD.course(1), True, email, 1),
    ]
    history = """
    SELECT h.cause_kind, h.state, h.paid_at IS NOT NULL FROM enrollment_history h
    JOIN enrollments e ON e.id = h.enrollment_id
    WHERE e.course_key = :course ORDER BY h.changed_at, e.id
    """
    assert rows(core, history, course=WORLD.course(0)) == [
        ("event", "active", True),
        ("merge", "ended", False),
        ("merge", "active", False),
    ]


@pytest.mark.parametrize("sent_before", [True, False])
def test_a_mail_that_waits_while_the_accounts_are_merged_goes_out_once(
    core: Engine, *, sent_before: bool
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    act(core)
    if sent_before:
        mail(core)
    record(core, WORLD.bought(1, 0, 0))
    mail(core)
    act(core)
    mail(core)

    assert welcomes(core) == {WORLD.course(0): 1, WORLD.course(1): 1}


@pytest.mark.parametrize("ending", ["sent", "pending", "doubtful"])
def test_a_mail_that_is_going_out_while_the_accounts_are_merged_is_awaited(
    core: Engine, ending: str
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    act(core)
    set_mail(core, "sending")
    record(core, WORLD.bought(1, 0, 0))
    act(core)
    with pytest.raises(Exception, match="other account is being told"):
        mail(core)

    set_mail(core, ending, "state = 'sending'")
    mail(core)

    told = (
        "SELECT n.state FROM notifications n JOIN enrollments e ON e.id = enrollment_id"
    )
    mails = rows(core, f"{told} WHERE course_key = :c ORDER BY n.id", c=WORLD.course(0))
    assert [state for (state,) in mails] == {
        "sent": ["sent", "skipped"],
        "pending": ["skipped", "sent"],
        "doubtful": ["doubtful", "skipped"],
    }[ending]


def test_what_came_back_before_it_was_written_elsewhere_is_welcomed_all_the_same(
    core: Engine,
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    act(core)
    record(core, WORLD.bought(1, 0, 0))
    # The guest's mail finds its access gone, and it is back before the user's is written.
    mail(core)
    record(core, WORLD.bought(2, 0, 1))
    settle(core)
    mail(core)

    assert holders(core)[WORLD.course(0)] == [GUEST]
    assert welcomes(core) == dict.fromkeys(map(WORLD.course, range(3)), 1)


def set_mail(engine: Engine, state: str, where: str = "true") -> None:
    with engine.begin() as connection:
        statement = f"UPDATE notifications SET state = :state WHERE {where}"
        connection.execute(text(statement), {"state": state})


@pytest.mark.parametrize("sent", [True, False])
def test_a_second_user_id_parts_them_again_without_a_second_welcome(
    core: Engine, *, sent: bool
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    act(core)
    record(core, WORLD.bought(1, 0, 0))
    # The guest's mail finds its access gone; the user's is written after that.
    mail(core)
    act(core)
    if sent:
        mail(core)
    assert holders(core)[WORLD.course(0)] == [f"user {USER}"]

    record(core, WORLD.bought(2, 0, 1))
    settle(core)
    mail(core)

    assert holders(core) == {
        WORLD.course(0): [GUEST],
        WORLD.course(1): [f"user {USER}"],
        WORLD.course(2): [f"user {OTHER}"],
    }
    assert welcomes(core) == dict.fromkeys(map(WORLD.course, range(3)), 1)
    assert rows(core, "SELECT kind, subject, state, detail FROM findings") == [
        ("two_users", WORLD.customer(0), "open", {"users": 2})
    ]


def test_a_user_id_that_is_taken_back_clears_the_finding_and_merges_again(
    core: Engine,
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    record(core, WORLD.bought(1, 0, 0), WORLD.bought(2, 0, 1))
    assert owners(core)[WORLD.course(0)] == GUEST

    record(core, later(WORLD.bought(2, 0)))

    assert set(owners(core).values()) == {f"user {USER}"}
    assert rows(core, "SELECT state FROM findings") == [("cleared",)]

    record(core, later(WORLD.bought(1, 0), minutes=2))

    assert set(owners(core).values()) == {GUEST}


@pytest.mark.parametrize("is_subscribed", [False, True])
def test_a_customer_that_loses_its_only_signed_purchase_is_its_address_again(
    core: Engine, *, is_subscribed: bool
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 1, 0), WORLD.bought(0, 0))
    record(core, subscribed(0) if is_subscribed else WORLD.bought(1, 0, 0))
    assert set(owners(core).values()) == {f"user {USER}"}

    record(core, subscribed(1) if is_subscribed else later(WORLD.bought(1, 1, 0)))

    assert owners(core) == {WORLD.course(0): GUEST, WORLD.course(1): f"user {USER}"}


def subscribed(customer: int) -> Body:
    """Return that a signed subscription is a customer's by now."""
    return subscription(
        at=customer - 2,
        items=[item(course=WORLD.course(1))],
        customer_id=WORLD.customer(customer),
        custom_data={"learner": USER},
    )


def later(body: Body, minutes: int = 1) -> Body:
    moment = COMPLETED_AT + timedelta(minutes=minutes)
    told = moment.isoformat().replace("+00:00", "Z")
    body["occurred_at"] = body["data"]["updated_at"] = told
    body["event_id"] += f"_{minutes}"
    return body


def test_a_user_has_the_address_of_the_newest_customer_that_bought_as_it(
    core: Engine,
) -> None:
    record(core, WORLD.told(1, 1, 9), WORLD.bought(1, 1, 0))
    record(core, WORLD.told(0, 0, 3), WORLD.bought(0, 0, 0))
    email = "SELECT email FROM learners WHERE ref = :ref"
    assert one(core, email, ref=USER) == WORLD.address(1).upper()

    record(core, WORLD.told(0, 2, 12))

    assert one(core, email, ref=USER) == WORLD.address(2).upper()


def test_a_recycled_address_is_its_new_owners_too(core: Engine) -> None:
    archived = WORLD.told(0, 0, 0)
    archived["data"]["status"] = "archived"
    record(core, archived, WORLD.bought(0, 0))
    record(core, WORLD.bought(1, 1), WORLD.told(1, 0, 5))

    assert owners(core) == {WORLD.course(0): GUEST, WORLD.course(1): GUEST}
    assert one(core, "SELECT count(*) FROM learners") == 1


def test_an_id_that_nobody_has_paid_under_makes_no_account(core: Engine) -> None:
    opened = WORLD.bought(0, 0, 0)
    opened["data"]["status"] = "ready"
    record(core, WORLD.told(0, 0, 0), opened)

    assert rows(core, "SELECT value FROM learner_identities WHERE kind = 'user'") == []


def test_whoever_types_another_s_address_gets_nothing_of_theirs(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(learner_ids_unsigned=True, learner_addresses_verified=False, **HOOK)
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    settle(core)

    # Another user's purchase, for the customer whose address was typed.
    record(core, WORLD.bought(1, 0, 0))
    settle(core)

    assert holders(core) == {
        WORLD.course(0): [GUEST],
        WORLD.course(1): [f"user {USER}"],
    }
    assert one(core, "SELECT count(*) FROM learners WHERE merged_into IS NOT NULL") == 0
