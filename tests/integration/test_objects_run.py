"""Runs that compare the provider's objects with our rows, and heal what differs."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Connection, Engine, text

from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tests import subscriptions
from tests.factories import one, rows
from tests.fetching import tell
from tests.purchases import (
    TRANSACTION,
    Body,
    adjustment,
    at,
    published,
    purchase,
    renamed,
    transaction,
)
from tests.reconciling_objects import (
    Shelf,
    add_run,
    contents,
    edit,
    finish,
    go_on,
    reconcile,
    show,
    step,
)
from worker.providers.api import ApiList
from worker.reconciliation import healing
from worker.reconciliation.objects import Objects
from worker.reconciliation.run import Progress

FINDINGS = "SELECT kind, subject, state FROM findings ORDER BY kind, subject"
ACCESS = "SELECT DISTINCT course_key, state FROM enrollments"
DIFFERS = ("differs_from_provider", TRANSACTION)


@pytest.fixture
def told() -> list[Body]:
    """Everything of a purchase and of a subscription."""
    return [*purchase(), adjustment(total=100), *subscriptions.begun()]


@pytest.fixture
def bought(asking: Engine, told: list[Body]) -> Engine:
    """A database that was told everything."""
    tell(asking, *told)
    activate([], 1)
    return asking


@pytest.fixture
def shelf(told: list[Body]) -> Shelf:
    """What the provider has after that."""
    return Shelf(*told)


def numbered(count: int) -> list[Body]:
    return [
        renamed(transaction("transaction.completed"), str(number))
        for number in range(1, count + 1)
    ]


def test_what_is_equal_is_confirmed_and_changed_in_nothing(
    bought: Engine, shelf: Shelf
) -> None:
    before = contents(bought)

    for kind, count in (
        (RunKind.CUSTOMERS, 2),
        (RunKind.TRANSACTIONS, 2),
        (RunKind.SUBSCRIPTIONS, 1),
        (RunKind.ADJUSTMENTS, 1),
    ):
        ended = reconcile(bought, shelf, kind)
        assert (ended["state"], ended["seen"], ended["found"]) == ("complete", count, 0)
        unconfirmed = f"SELECT count(*) FROM {kind} WHERE confirmed_at IS NULL"
        assert one(bought, unconfirmed) == 0

    assert contents(bought) == before


def test_a_lost_purchase_is_found_and_gives_access(asking: Engine) -> None:
    shelf = Shelf(*purchase())
    tell(asking, published("customer.created"))

    run = add_run(asking, RunKind.TRANSACTIONS)
    go_on(asking, shelf)

    assert show(asking, run)["state"] == "pending"
    assert rows(asking, FINDINGS) == [(*DIFFERS, "open")]
    assert one(asking, "SELECT detail FROM findings") == {
        "kind": "transaction",
        "fields": ["missing"],
    }
    ended = finish(asking, shelf, run)
    assert (ended["state"], ended["found"], ended["healed"]) == ("complete", 1, 1)
    assert rows(asking, ACCESS) == [("python-basics", "active")]
    assert rows(asking, FINDINGS) == [(*DIFFERS, "cleared")]
    assert rows(asking, "SELECT reason, subject FROM reconciled_events") == [
        ("differs", TRANSACTION)
    ]

    before = contents(asking)
    again = reconcile(asking, shelf)
    assert (again["found"], again["healed"]) == (0, 0)
    assert contents(asking) == before


@pytest.mark.parametrize("is_old", [False, True])
def test_nobody_is_welcomed_to_what_was_bought_before_paddlewheel(
    asking: Engine, *, is_old: bool
) -> None:
    stamped = "now()" if is_old else "'2001-01-01'"
    edit(
        asking,
        "INSERT INTO deployment (id, environment, stamped_at)"
        f" VALUES (1, 'local', {stamped})"
        " ON CONFLICT (id) DO UPDATE SET stamped_at = excluded.stamped_at",
    )
    shelf = Shelf(*purchase())
    tell(asking, published("customer.created"))

    reconcile(asking, shelf)

    assert rows(asking, "SELECT mails FROM reconciled_events") == [(not is_old,)]
    assert rows(asking, ACCESS) == [("python-basics", "active")]
    assert rows(asking, "SELECT state, reason FROM notifications") == [
        ("skipped", "backfill") if is_old else ("pending", None)
    ]


EDITS = {
    "status": "UPDATE transactions SET status = 'canceled'",
    "amount": "UPDATE transactions SET total_minor = total_minor + 1",
    "whole row": "DELETE FROM transactions",
    "line amount": "UPDATE transaction_lines SET total_minor = 1",
    "line deleted": "DELETE FROM transaction_lines",
    "line added": """
        INSERT INTO transaction_lines
        SELECT (jsonb_populate_record(t, jsonb_build_object('id', 'txnitm_more'))).*
        FROM transaction_lines t""",
    "payment status": "UPDATE payments SET status = 'error'",
    "payment deleted": "DELETE FROM payments",
    "custom data": "UPDATE transactions SET custom_data = '{\"a\": 1}'",
}


def test_what_was_edited_by_hand_heals_as_often_as_it_is_edited(
    bought: Engine, shelf: Shelf
) -> None:
    rightly = ledger(bought)
    left = "SELECT count(*) FROM findings WHERE kind = 'differs_from_provider' AND"

    for name, statement in [*EDITS.items(), *EDITS.items()]:
        edit(bought, statement)
        ended = reconcile(bought, shelf)

        assert (name, ended["state"]) == (name, "complete")
        assert (name, ended["healed"]) == (name, ended["found"])
        assert (name, ended["found"]) != (name, 0)
        assert (name, ledger(bought)) == (name, rightly)
        assert (name, one(bought, f"{left} state = 'open'")) == (name, 0)

    changed = contents(bought)
    assert reconcile(bought, shelf)["found"] == 0
    assert contents(bought) == changed
    assert rows(bought, ACCESS) == [("python-basics", "active")]


def ledger(engine: Engine) -> dict[str, Any]:
    """Return what transactions say, but for the events that it comes from."""
    clocks = "'clock_occurred_at' - 'clock_event' - 'confirmed_at'"
    return {
        table: rows(
            engine, f"SELECT to_jsonb(t) - {clocks} AS row FROM {table} t ORDER BY row"
        )
        for table in ("transactions", "transaction_lines", "payments")
    }


OTHERS = {
    "customer": (RunKind.CUSTOMERS, "UPDATE customers SET email = 'x@example.com'"),
    "subscription": (
        RunKind.SUBSCRIPTIONS,
        "UPDATE subscriptions SET status = 'paused'",
    ),
    "item": (RunKind.SUBSCRIPTIONS, "DELETE FROM subscription_items"),
    "adjustment": (RunKind.ADJUSTMENTS, "UPDATE adjustments SET total_minor = 1"),
    "adjustment line": (RunKind.ADJUSTMENTS, "DELETE FROM adjustment_lines"),
    "adjustment gone": (RunKind.ADJUSTMENTS, "DELETE FROM adjustments"),
}


def test_other_objects_heal_as_well(bought: Engine, shelf: Shelf) -> None:
    for name, (kind, statement) in [*OTHERS.items(), *OTHERS.items()]:
        edit(bought, statement)
        ended = reconcile(bought, shelf, kind)
        assert (name, ended["healed"]) == (name, ended["found"])
        assert (name, ended["found"]) != (name, 0)

    for kind, _ in OTHERS.values():
        assert reconcile(bought, shelf, kind)["found"] == 0


def test_rows_of_an_old_backup_are_brought_up_to_date(asking: Engine) -> None:
    told = purchase()
    tell(asking, *told[:3])

    ended = reconcile(asking, Shelf(*told))
    activate([], 1)

    assert (ended["found"], ended["healed"]) == (1, 1)
    assert one(asking, "SELECT status FROM transactions") == "completed"
    assert rows(asking, ACCESS) == [("python-basics", "active")]


def test_an_answer_that_is_older_than_our_row_changes_nothing(core: Engine) -> None:
    told = subscriptions.begun()
    later = subscriptions.subscription("past_due", at=-1)
    tell(core, *told, later)
    before = contents(core, ["subscriptions", "inbox", "grants"])

    ended = reconcile(core, Shelf(*told), RunKind.SUBSCRIPTIONS)

    assert (ended["found"], ended["healed"]) == (1, 0)
    assert rows(core, FINDINGS) == [
        ("newer_than_provider", subscriptions.SUBSCRIPTION, "open")
    ]
    assert contents(core, ["subscriptions", "inbox", "grants"]) == before
    assert reconcile(core, Shelf(later), RunKind.SUBSCRIPTIONS)["found"] == 0
    assert rows(core, FINDINGS)[0][2] == "cleared"


def test_what_comes_between_asking_and_keeping_wins(core: Engine) -> None:
    told = subscriptions.begun()
    tell(core, *told)
    shelf = Shelf(*told)
    minutes = 1 / 24 / 60
    later = subscriptions.subscription("past_due", at=-2 * minutes)
    shelf.meanwhile = lambda: tell(core, later)

    ended = reconcile(core, shelf, RunKind.SUBSCRIPTIONS)

    assert (ended["state"], ended["seen"], ended["found"]) == ("complete", 1, 0)
    assert one(core, "SELECT status FROM subscriptions") == "past_due"
    assert rows(core, FINDINGS) == []


def test_what_the_provider_changed_just_now_is_left_to_its_event(core: Engine) -> None:
    told = subscriptions.begun()
    tell(core, *told)
    edit(core, "UPDATE subscriptions SET confirmed_at = now() - interval '9 days'")
    shelf = Shelf(subscriptions.subscription("past_due", at=0))

    ended = reconcile(core, shelf, RunKind.SUBSCRIPTIONS)

    assert (ended["seen"], ended["found"]) == (1, 0)
    assert rows(core, FINDINGS) == []
    assert one(core, "SELECT status FROM subscriptions") == "active"


def test_a_final_status_is_not_taken_back(bought: Engine, shelf: Shelf) -> None:
    draft = copy.deepcopy(transaction("transaction.completed", status="ready"))
    shelf.know(at(draft, datetime(2024, 5, 1, tzinfo=UTC)))
    before = contents(bought, ["transactions", "inbox"])

    ended = reconcile(bought, shelf)

    assert (ended["found"], ended["healed"]) == (1, 0)
    assert contents(bought, ["transactions", "inbox"]) == before
    assert (*DIFFERS, "open") in rows(bought, FINDINGS)


def test_what_the_provider_no_longer_has_is_kept_and_told(
    bought: Engine, shelf: Shelf
) -> None:
    before = contents(bought, ["transactions", "grants", "enrollments"])
    gone = shelf.entities[ApiList.TRANSACTIONS].pop(TRANSACTION)

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["found"]) == ("complete", 1)
    assert rows(bought, FINDINGS)[0] == ("not_at_provider", TRANSACTION, "open")
    assert contents(bought, ["transactions", "grants", "enrollments"]) == before

    shelf.entities[ApiList.TRANSACTIONS][TRANSACTION] = gone
    assert reconcile(bought, shelf)["found"] == 0
    assert rows(bought, FINDINGS)[0] == ("not_at_provider", TRANSACTION, "cleared")


def test_what_we_learned_of_during_the_walk_is_not_missing(asking: Engine) -> None:
    shelf = Shelf()
    shelf.meanwhile = lambda: tell(asking, *purchase())

    assert reconcile(asking, shelf)["found"] == 0


def test_what_cannot_be_understood_makes_a_run_partial(
    bought: Engine, shelf: Shelf
) -> None:
    shelf.entities[ApiList.TRANSACTIONS][TRANSACTION]["currency_code"] = "euros"

    ended = reconcile(bought, shelf)

    assert ended["state"] == "partial"
    assert ended["reason"] == "1 of a page could not be understood"
    assert (ended["seen"], ended["found"]) == (2, 1)
    assert ("unreadable_at_provider", TRANSACTION, "open") in rows(bought, FINDINGS)
    assert (
        one(
            bought, "SELECT count(*) FROM transactions WHERE confirmed_at > '-infinity'"
        )
        == 1
    )


def test_a_run_goes_on_where_it_was(asking: Engine) -> None:
    told = numbered(5)
    tell(asking, *told)
    shelf = Shelf(*told)
    shelf.page_size = 2
    run = add_run(asking, RunKind.TRANSACTIONS)

    def fail() -> None:
        if len(shelf.asked) == 2:
            raise ConnectionError

    shelf.meanwhile = fail
    ended = finish(asking, shelf, run)

    ids = sorted(shelf.entities[ApiList.TRANSACTIONS])
    assert [asked.after for asked in shelf.asked] == ["", ids[1], ids[1], ids[3]]
    assert (ended["state"], ended["seen"], ended["expected"]) == ("complete", 5, 5)


def test_a_kill_between_finding_and_healing_loses_neither(asking: Engine) -> None:
    shelf = Shelf(*purchase())
    tell(asking, published("customer.created"))
    run = add_run(asking, RunKind.TRANSACTIONS)
    keep = Objects.keep

    def dies(self: Objects, connection: Connection, *given: Any) -> Progress:
        keep(self, connection, *given)
        raise KeyboardInterrupt

    with patch.object(Objects, "keep", dies), pytest.raises(KeyboardInterrupt):
        go_on(asking, shelf)
    count = "SELECT count(*) FROM reconciled_events"
    assert (rows(asking, FINDINGS), one(asking, count)) == ([], 0)

    go_on(asking, shelf)
    assert (rows(asking, FINDINGS), one(asking, count)) == ([(*DIFFERS, "open")], 1)

    ended = finish(asking, shelf, run)
    assert (ended["found"], ended["healed"]) == (1, 1)


def test_two_runs_at_once_put_in_one_event(asking: Engine) -> None:
    shelf = Shelf(*purchase())
    tell(asking, published("customer.created"))
    first = add_run(asking, RunKind.TRANSACTIONS)
    recent = datetime(2024, 1, 1, tzinfo=UTC)
    second = add_run(asking, RunKind.TRANSACTIONS, RunScope.RECENT, since=recent)

    go_on(asking, shelf)
    assert one(asking, "SELECT count(*) FROM inbox WHERE event_id LIKE 'pw_%'") == 1

    finish(asking, shelf, first)
    assert [show(asking, run)["found"] for run in (first, second)] == [1, 1]
    assert rows(asking, FINDINGS) == [(*DIFFERS, "cleared")]


def test_what_died_before_is_not_put_in_again(asking: Engine) -> None:
    shelf = Shelf(*purchase())
    first = add_run(asking, RunKind.TRANSACTIONS)
    go_on(asking, shelf)
    edit(asking, "UPDATE inbox SET state = 'dead'")
    assert finish(asking, shelf, first)["healed"] == 0

    ended = reconcile(asking, shelf)

    assert (ended["found"], ended["healed"]) == (1, 0)
    assert one(asking, "SELECT count(*) FROM inbox") == 1
    assert rows(asking, FINDINGS) == [(*DIFFERS, "open")]


def test_what_died_under_an_id_of_its_own_is_not_put_in_again(
    bought: Engine, shelf: Shelf
) -> None:
    change = "UPDATE transactions SET status = 'canceled'"
    edit(bought, change)
    reconcile(bought, shelf)
    edit(bought, change)
    run = add_run(bought, RunKind.TRANSACTIONS)
    go_on(bought, shelf)
    edit(bought, "UPDATE inbox SET state = 'dead' WHERE state = 'pending'")
    finish(bought, shelf, run)
    stored = one(bought, "SELECT count(*) FROM inbox")

    reconcile(bought, shelf)

    assert one(bought, "SELECT count(*) FROM inbox") == stored


def test_a_row_that_somebody_holds_is_not_waited_for(
    bought: Engine, shelf: Shelf, sessions: Callable[[], Engine]
) -> None:
    held = text("SELECT id FROM transactions WHERE id = :id FOR UPDATE")
    with sessions().begin() as other:
        other.execute(held, {"id": TRANSACTION})
        ended = reconcile(bought, shelf)

    assert (ended["state"], ended["found"]) == ("complete", 0)
    unconfirmed = "SELECT id FROM transactions WHERE confirmed_at IS NULL"
    assert rows(bought, unconfirmed) == [(TRANSACTION,)]


def test_an_event_that_does_not_pass_holds_a_run_up_for_ten_minutes(
    asking: Engine,
) -> None:
    shelf = Shelf(*purchase())
    run = add_run(asking, RunKind.TRANSACTIONS)
    go_on(asking, shelf)
    step(asking, shelf)
    assert show(asking, run)["state"] == "pending"

    edit(asking, "UPDATE reconciled_events SET found_at = now() - interval '601 s'")
    step(asking, shelf)

    assert show(asking, run)["state"] == "complete"
    assert show(asking, run)["healed"] == 0
    assert rows(asking, FINDINGS) == [(*DIFFERS, "open")]


def test_many_differences_are_looked_at_again_step_by_step(asking: Engine) -> None:
    shelf = Shelf(*numbered(5))

    with patch.object(healing, "A_STEP", 2):
        ended = reconcile(asking, shelf)

    assert (ended["state"], ended["found"], ended["healed"]) == ("complete", 5, 5)


def test_a_backfill_takes_what_is_recent_or_still_lives_without_findings(
    core: Engine,
) -> None:
    long_ago = -900
    shelf = Shelf(
        *purchase()[:3], *subscriptions.begun(), subscriptions.subscription(at=long_ago)
    )
    since = datetime.now(UTC) - timedelta(days=100)
    scope = RunScope.BACKFILL

    for kind in (RunKind.CUSTOMERS, RunKind.TRANSACTIONS, RunKind.SUBSCRIPTIONS):
        ended = reconcile(core, shelf, kind, scope, since=since, mails=False)
        assert (ended["state"], ended["found"]) == (
            "complete",
            2 if kind is RunKind.CUSTOMERS else 1,
        )
        assert ended["healed"] == ended["found"]

    assert rows(core, "SELECT id FROM transactions") == [("txn_life1",)]
    assert rows(core, "SELECT status FROM subscriptions") == [("active",)]
    assert rows(core, FINDINGS) == []
    told = "SELECT DISTINCT reason, mails FROM reconciled_events"
    assert rows(core, told) == [("backfilled", False)]


def test_a_canceled_subscription_of_before_is_left_out(core: Engine) -> None:
    shelf = Shelf(subscriptions.subscription("canceled", at=-900, period=None))
    since = datetime.now(UTC) - timedelta(days=100)
    kind = RunKind.SUBSCRIPTIONS

    assert reconcile(core, shelf, kind, RunScope.BACKFILL, since=since)["found"] == 0
    assert reconcile(core, shelf, kind, RunScope.BACKFILL)["found"] == 1


def test_recent_objects_are_read_backwards_until_they_are_not_recent(
    core: Engine,
) -> None:
    shelf = Shelf()
    shelf.page_size = 1
    for number, days in enumerate((-50, -40, -5, -2, -1)):
        body = subscriptions.subscription(at=days, created_at=subscriptions.stamp(days))
        body["data"]["id"] = f"sub_{number}"
        shelf.know(body)
    tell(core, subscriptions.customer())

    ended = reconcile(core, shelf, RunKind.SUBSCRIPTIONS, RunScope.RECENT)

    assert [asked.after for asked in shelf.asked] == ["", "sub_4", "sub_3"]
    assert all(asked.newest_first for asked in shelf.asked)
    assert (ended["state"], ended["seen"], ended["expected"]) == ("complete", 3, None)
    assert ended["found"] == ended["healed"] == 3


def test_recent_transactions_are_asked_for_by_their_changes(
    bought: Engine, shelf: Shelf
) -> None:
    since = datetime.now(UTC) - timedelta(days=35)

    ended = reconcile(bought, shelf, RunKind.TRANSACTIONS, RunScope.RECENT, since=since)

    assert [asked.changed_since for asked in shelf.asked] == [since]
    assert (ended["state"], ended["seen"], ended["found"]) == ("complete", 1, 0)
