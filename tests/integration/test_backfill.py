"""What was there before Paddlewheel is taken up: access, and not a word to learners."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tasks.record import record
from tasks.release import release
from tests import subscriptions
from tests.factories import add_events, add_offer, one, rows
from tests.fixtures.answering import KEY
from tests.purchases import (
    COURSE,
    CUSTOMER,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    published,
    purchase,
    renamed,
    transaction,
)
from tests.reconciling_objects import Shelf, add_run, contents, edit, finish, show
from worker.by_hand import Wish, give, make_learner
from worker.environment import check_stamp
from worker.fetching import note_unknown_buyers
from worker.learners import find_learner
from worker.providers.api import ApiList
from worker.reconciliation.plan import OBJECTS
from worker.settings import Environment, Settings

HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
#: After the purchase of the examples, which is of 2024.
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MAILS = "SELECT kind, state, reason FROM notifications ORDER BY id"
ACCESS = "SELECT email, course_key, has_access FROM course_access ORDER BY 1, 2, 3"
GIVEN = [("jo@example.com", COURSE, True)]
HELD = [("welcome", "skipped", "backfill")]


def backfill(
    engine: Engine, *bodies: Body, since: datetime | None = SINCE, mails: bool = False
) -> dict[RunKind, dict[str, Any]]:
    """Take up what the provider has, all kinds side by side; how each ended."""
    shelf, scope = Shelf(*bodies), RunScope.BACKFILL
    runs = {
        kind: add_run(engine, kind, scope, since=since, mails=mails) for kind in OBJECTS
    }
    finish(engine, shelf, runs[RunKind.CUSTOMERS])
    return {kind: show(engine, run) for kind, run in runs.items()}


def deliver(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def another(body: Body, number: str = "2") -> Body:
    """Return the event of another purchase by the same customer."""
    other = renamed(body, number)
    other["data"]["customer_id"] = CUSTOMER
    return other


def test_the_mail_of_a_backfill_is_held_back_and_the_platform_is_told(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(**HOOK)

    backfill(core, *purchase())

    assert rows(core, ACCESS) == GIVEN
    assert rows(core, MAILS) == HELD
    assert rows(core, "SELECT version, state FROM platform_deliveries") == [
        (1, "pending")
    ]
    # Nobody waited for it, so it is no slow access either.
    assert rows(core, "SELECT cause_kind, paid_at FROM enrollment_history") == [
        ("reconciliation", None)
    ]


def test_mails_that_are_asked_for_are_sent(core: Engine) -> None:
    check_stamp(core, Environment.LOCAL)
    opened = purchase()[0]["data"]["created_at"]
    stamped_later = "SELECT stamped_at > CAST(:opened AS timestamptz) FROM deployment"
    assert one(core, stamped_later, opened=opened)

    backfill(core, *purchase(), mails=True)

    assert rows(core, MAILS) == [("welcome", "pending", None)]


def test_later_events_of_the_same_purchase_do_not_revive_a_mail(core: Engine) -> None:
    backfill(core, *purchase())

    deliver(core, adjustment("chargeback"))
    deliver(core, adjustment("chargeback_reverse", number=2, minutes=20))
    deliver(core, *purchase())

    assert rows(core, ACCESS) == GIVEN
    assert one(core, "SELECT max(version) FROM enrollment_history") == 3
    assert rows(core, MAILS) == HELD


def moved(address: str, minute: int) -> Body:
    """Return word that the buyer has another address."""
    body = published("customer.created")
    told = f"2026-02-01T00:{minute:02}:00Z"
    body |= {"event_id": f"evt_moved{minute}", "event_type": "customer.updated"}
    body["occurred_at"] = body["data"]["updated_at"] = told
    body["data"]["email"] = address
    return body


def test_a_purchase_that_becomes_somebody_elses_and_comes_back_is_not_welcomed(
    core: Engine,
) -> None:
    other = renamed(published("customer.created"), "7")
    backfill(core, *purchase())
    deliver(core, other)

    deliver(core, moved(other["data"]["email"], 1))
    assert one(core, "SELECT count(*) FROM course_access WHERE has_access") == 1
    assert set(rows(core, MAILS)) == set(HELD)

    deliver(core, moved("jo@example.com", 2))
    assert one(core, "SELECT count(*) FROM course_access WHERE has_access") == 1
    assert set(rows(core, MAILS)) == set(HELD)


def test_a_new_purchase_of_the_same_course_is_welcomed(core: Engine) -> None:
    backfill(core, *purchase(), adjustment())
    assert rows(core, "SELECT state FROM enrollments") == [("ended",)]

    deliver(core, another(transaction("transaction.completed")))

    assert rows(core, ACCESS) == GIVEN
    assert rows(core, MAILS) == [("welcome", "pending", None)]


def test_who_was_held_back_is_welcomed_to_what_is_bought_now(core: Engine) -> None:
    backfill(core, *purchase())
    assert rows(core, MAILS) == HELD

    deliver(core, another(transaction("transaction.completed")))

    assert rows(core, MAILS) == [("welcome", "pending", None)]


def lose(engine: Engine, *bodies: Body) -> None:
    """Have the list of events bring what no delivery brought."""
    run = add_run(engine, RunKind.EVENTS)
    ids = add_events(engine, bodies)
    with engine.begin() as connection:
        note = """
        INSERT INTO reconciled_events (inbox_id, run_id, reason)
        SELECT id, :run, 'missed' FROM unnest(CAST(:ids AS bigint[])) AS id
        """
        connection.execute(text(note), {"run": run, "ids": ids})
    record([], 1)
    activate([], 1)


@pytest.mark.parametrize("bring", [deliver, lose])
def test_what_an_old_subscription_gives_anew_is_welcomed(
    core: Engine, bring: Callable[..., None]
) -> None:
    backfill(core, *subscriptions.begun())
    assert rows(core, MAILS) == HELD
    items = [subscriptions.item(), subscriptions.item(subscriptions.PRO, "sql")]

    bring(core, subscriptions.subscription(at=-1, items=items))
    deliver(core, subscriptions.subscription("paused", at=-0.5, items=items))
    deliver(core, subscriptions.subscription(at=-0.1, items=items))

    assert rows(core, MAILS) == [
        *HELD,
        ("welcome", "pending", None),
        # Of the new course; undone before their turn, they are skipped then.
        ("suspended", "pending", None),
        ("restored", "pending", None),
    ]


def test_an_old_purchase_whose_price_is_mapped_later_is_not_welcomed(
    core: Engine,
) -> None:
    told = [*purchase()[:-1], transaction("transaction.completed", course=None)]
    backfill(core, *told)
    assert rows(core, ACCESS) == []
    add_offer(core, ONE_OFF_PRICE, COURSE)
    release()
    activate([], 1)

    assert rows(core, ACCESS) == GIVEN
    assert rows(core, MAILS) == HELD


@pytest.mark.parametrize("is_known_before", [True, False])
def test_an_account_that_is_known_by_its_address_alone_has_what_it_bought(
    core: Engine, *, is_known_before: bool
) -> None:
    """No subscription id, no customer id: the customers that are listed meet it."""
    told = [*purchase(), *subscriptions.begun()]

    def open_account() -> None:
        edit(core, "INSERT INTO courses VALUES ('gift', 'course', 'A gift')")
        for address in ("jo@example.com", "Sam@Example.com"):
            with core.begin() as connection:
                known = find_learner(connection, address)
                learner = known or make_learner(connection, address)
                give(connection, Wish(learner, "gift", "an account"))
        activate([], 1)

    if is_known_before:
        open_account()
    backfill(core, *told)
    if not is_known_before:
        open_account()

    assert rows(
        core,
        """SELECT lower(email), array_agg(course_key ORDER BY course_key)
           FROM course_access WHERE has_access GROUP BY 1 ORDER BY 1""",
    ) == [("jo@example.com", ["gift", COURSE]), ("sam@example.com", ["gift", COURSE])]
    assert one(core, "SELECT count(*) FROM learners") == 2


@pytest.mark.parametrize("is_known_before", [True, False])
def test_an_account_that_is_known_by_its_user_id_has_what_it_bought(
    core: Engine, configured: Callable[..., Settings], *, is_known_before: bool
) -> None:
    configured(learner_ids_unsigned=True, learner_addresses_verified=True)
    named = another(
        transaction("transaction.completed", custom_data={"learner": "usr_jo"})
    )

    if is_known_before:
        deliver(core, published("customer.created"), named)
    backfill(core, *purchase()[:1], *purchase()[2:])
    if not is_known_before:
        deliver(core, published("customer.created"), named)

    granted = """SELECT count(*) FROM grants g JOIN learners l ON l.id = g.learner_id
                 WHERE l.ref = 'usr_jo' AND g.state = 'active'"""
    assert one(core, granted) == 2


def test_what_tells_nothing_of_access_is_left_out_by_its_time(core: Engine) -> None:
    invoice = subscriptions.charge("completed", number=3, at=-900, period=None)
    invoice["data"]["billing_period"] = {
        "starts_at": subscriptions.stamp(-900),
        "ends_at": subscriptions.stamp(30),
    }
    ended = subscriptions.subscription("canceled", at=-900, period=None)
    told = [ended, subscriptions.charge(number=2, at=-900, period=-900), invoice]

    backfill(core, *told)
    # The one whose period reaches into the time, as a yearly invoice does.
    assert rows(core, "SELECT id FROM transactions") == [("txn_life3",)]
    assert rows(core, "SELECT status FROM subscriptions") == [(None,)]

    backfill(core, *told, since=None)
    assert rows(core, "SELECT id FROM transactions ORDER BY 1") == [
        ("txn_life2",),
        ("txn_life3",),
    ]
    assert rows(core, "SELECT status FROM subscriptions") == [("canceled",)]


def test_everything_of_that_time_is_understood(core: Engine) -> None:
    """Each status, odd custom data, prices long gone, archived customers."""
    states = ("draft", "ready", "billed", "past_due", "canceled", "paid")
    told = [
        renamed(transaction("transaction.completed", status=status), str(number))
        for number, status in enumerate(states, 10)
    ]
    told[0]["data"]["customer_id"] = None
    for number, data in enumerate(({}, {"a": {"b": [1]}}, {"learner": 5}), 20):
        body = transaction("transaction.completed", custom_data=data)
        told.append(renamed(body, str(number)))
    unknown = renamed(transaction("transaction.completed", course=None), "30")
    unknown["data"]["items"][0]["price"]["status"] = "archived"
    archived = renamed(published("customer.created"), "30")
    archived["data"]["status"] = "archived"

    ended = backfill(core, *told, unknown, archived)

    assert {one["state"] for one in ended.values()} == {"complete"}
    transactions = ended[RunKind.TRANSACTIONS]
    assert transactions["seen"] == 10
    # What was never paid is history, and lies before the time that was asked for.
    assert transactions["found"] == transactions["healed"] == 5
    assert one(core, "SELECT count(*) FROM dead_letters") == 0
    assert rows(core, "SELECT state, count(*) FROM inbox GROUP BY 1") == [
        ("processed", 6)
    ]
    # Its price is in no catalog any more: a person maps it, nothing dies of it.
    parked = "SELECT count(*) FROM parked WHERE reason = 'unknown price'"
    assert one(core, parked) == 1

    backfill(core, *told, unknown, archived, since=None)
    assert one(core, "SELECT count(*) FROM transactions") == 10
    assert one(core, "SELECT count(*) FROM dead_letters") == 0
    assert one(core, "SELECT count(*) FROM grants WHERE state = 'active'") == 0


@pytest.mark.parametrize(
    ("taken", "state"),
    [
        (adjustment(), "ended"),
        (adjustment("chargeback"), "suspended"),
        (adjustment(status="rejected"), "active"),
        (adjustment(status="pending_approval"), "active"),
    ],
)
def test_what_was_taken_back_before_stays_taken_back(
    core: Engine, taken: Body, state: str
) -> None:
    backfill(core, *purchase(), taken)

    assert rows(core, "SELECT state FROM enrollments") == [(state,)]
    assert rows(core, MAILS) == ([] if state != "active" else HELD)


def test_a_buyer_who_is_not_listed_is_asked_for_by_name(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(paddle_api_url="http://127.0.0.1:9", paddle_api_key=KEY)
    backfill(core, *purchase()[:1], *purchase()[2:])
    edit(core, "UPDATE transactions SET waits_since = now() - interval '1 min'")

    with core.begin() as connection:
        assert len(note_unknown_buyers(connection, ["paddle"])) == 1

    deliver(core, published("customer.created"))
    assert rows(core, ACCESS) == GIVEN
    assert rows(core, MAILS) == HELD


def test_a_second_backfill_changes_nothing(core: Engine) -> None:
    told = [*purchase(), adjustment(total=100), *subscriptions.begun()]
    backfill(core, *told)
    before = contents(core)

    ended = backfill(core, *told)

    assert {(one["state"], one["found"]) for one in ended.values()} == {("complete", 0)}
    assert contents(core) == before


def test_a_backfill_that_is_killed_between_two_pages_goes_on_there(
    core: Engine,
) -> None:
    told = [renamed(transaction("transaction.completed"), str(n)) for n in range(1, 6)]
    shelf = Shelf(*told)
    shelf.page_size = 2
    run = add_run(core, RunKind.TRANSACTIONS, RunScope.BACKFILL, since=SINCE)

    def die() -> None:
        if len(shelf.asked) == 2:
            raise KeyboardInterrupt

    shelf.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        finish(core, shelf, run)
    assert (show(core, run)["seen"], show(core, run)["expected"]) == (2, 5)
    edit(
        core,
        "UPDATE reconciliation_runs SET lease_token = NULL, leased_until = NULL",
    )
    ended = finish(core, shelf, run)

    ids = sorted(shelf.entities[ApiList.TRANSACTIONS])
    assert [asked.after for asked in shelf.asked] == ["", ids[1], ids[1], ids[3]]
    assert (ended["state"], ended["seen"], ended["healed"]) == ("complete", 5, 5)
    assert one(core, "SELECT count(*) FROM inbox") == 5
