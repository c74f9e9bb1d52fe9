"""Who is told what: each message once, in any order of events, and while it is true."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models.notices import NoticeKind
from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tasks.notices import plan
from tasks.record import record
from tests.factories import add_events, add_offer, one, rows
from tests.notices import (
    BUYER,
    JUST_NOW,
    STATES,
    declined,
    kinds,
    of_another,
    purchase,
    refund,
    tell,
    turns,
)
from tests.purchases import Body
from tests.reconciling import add_run
from tests.subscriptions import item, scheduled, stamp, subscription
from worker.notices.kinds import KINDS
from worker.notices.links import FETCHED
from worker.notices.reading import Notice
from worker.notices.samples import EVERY, SAMPLES
from worker.settings import Settings

COURSE = "python-basics"
#: All but those about access, which are on anyway.
MONEY = tuple(kind for kind, one in KINDS.items() if one.trigger != "access")


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A shop that sells one course, and tells of everything."""
    configured(notify_on=",".join(MONEY), notify_checkout_hours=1)
    add_offer(core, "pri_monthly", COURSE)
    return core


HOLD_BACK = text("""
INSERT INTO reconciled_events (inbox_id, run_id, reason, mails)
SELECT unnest(CAST(:ids AS bigint[])), :run, 'backfilled', false
""")


def trial(ends_in: float = 1, **data: Any) -> Body:
    return subscription(
        "trialing", at=-1, period=ends_in - 30, items=[item(status="trialing")], **data
    )


def past_due(at: float = JUST_NOW) -> Body:
    return subscription("past_due", at=at, period=-0.5)


def checkout(hours: float = 2) -> Body:
    return purchase("ready", at=-hours / 24)


def parked(at: float = JUST_NOW * 2) -> Body:
    return unsold(purchase(at=at))


def unsold(body: Body) -> Body:
    for price in (body["data"]["items"][0]["price"],):
        price |= {"id": "pri_unknown", "custom_data": None}
    body["data"]["details"]["line_items"][0]["price_id"] = "pri_unknown"
    return body


#: By kind, the events after which it is due.
DUE: dict[NoticeKind, Callable[[], list[Body]]] = {
    NoticeKind.REFUND_CONFIRMED: lambda: [purchase(at=-0.2), refund()],
    NoticeKind.TRIAL_ENDING: lambda: [trial()],
    NoticeKind.RENEWAL_FAILED: lambda: [past_due()],
    NoticeKind.PAYMENT_FAILED: lambda: [declined()],
    NoticeKind.PAYMENT_RECEIVED: lambda: [parked()],
    NoticeKind.ORDER_CONFIRMATION: lambda: [purchase()],
    NoticeKind.CHECKOUT_LEFT_OPEN: lambda: [checkout()],
}


def notice(engine: Engine, kind: NoticeKind) -> Notice:
    [found] = [n for n in turns(engine) if isinstance(n, Notice) and n.kind is kind]
    return found


@pytest.mark.parametrize("kind", DUE)
def test_a_message_is_made_once_and_has_the_facts_of_its_sample(
    kind: NoticeKind, shop: Engine
) -> None:
    bodies = [BUYER, *DUE[kind]()]
    tell(shop, *bodies)
    for body in bodies:
        tell(shop, {**body, "event_id": f"{body['event_id']}_again"})
    plan()
    plan()
    assert kinds(shop).count(kind) == 1
    found = notice(shop, kind)
    fetched = {FETCHED[kind]} if kind in FETCHED else set()
    assert found.facts.keys() | fetched == SAMPLES[kind].keys() | EVERY.keys()
    assert all(found.facts[name] for name in found.facts)
    assert found.recipient.address == "sam@example.com"
    amount = found.facts.get("amount")
    assert amount in {None, "29.00 EUR", "0.00 EUR"}


def everything(due: dict[NoticeKind, Callable[[], list[Body]]]) -> list[Body]:
    """What makes each kind due, each for a buyer of its own."""
    return [
        body
        for number, bodies in enumerate(due.values())
        for body in of_another(number, [BUYER, *bodies()])
    ]


def test_what_is_off_is_not_made(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(notify_off=",".join(DUE), notify_checkout_hours=1)
    tell(core, *everything(DUE))
    plan()
    assert set(kinds(core)) == {"welcome"}


def test_what_a_backfill_brought_tells_nobody(shop: Engine) -> None:
    ids = add_events(shop, everything(DUE))
    run = add_run(shop, RunKind.TRANSACTIONS, RunScope.BACKFILL)
    with shop.begin() as connection:
        connection.execute(HOLD_BACK, {"ids": ids, "run": run})
    record([], 1)
    activate([], 1)
    plan()
    assert rows(shop, "SELECT kind FROM notifications WHERE state <> 'skipped'") == []


OLD: dict[NoticeKind, Callable[[], list[Body]]] = {
    NoticeKind.REFUND_CONFIRMED: lambda: [purchase(at=-5), refund(at=-4)],
    NoticeKind.RENEWAL_FAILED: lambda: [past_due(at=-4)],
    NoticeKind.PAYMENT_FAILED: lambda: [declined(at=-4)],
    NoticeKind.PAYMENT_RECEIVED: lambda: [parked(at=-4)],
    NoticeKind.ORDER_CONFIRMATION: lambda: [purchase(at=-4)],
    NoticeKind.CHECKOUT_LEFT_OPEN: lambda: [checkout(hours=4 * 24)],
}


def test_old_news_is_told_to_nobody(shop: Engine) -> None:
    tell(shop, *everything(OLD))
    plan()
    assert set(kinds(shop)) == {"welcome"}


UNDONE: dict[NoticeKind, Callable[[], Body]] = {
    NoticeKind.REFUND_CONFIRMED: lambda: refund("reversed", at=JUST_NOW / 4),
    NoticeKind.TRIAL_ENDING: lambda: trial(scheduled_change=scheduled("cancel", 1)),
    NoticeKind.RENEWAL_FAILED: lambda: subscription("active", at=0, period=-0.5),
    NoticeKind.PAYMENT_FAILED: lambda: purchase(at=0),
    NoticeKind.PAYMENT_RECEIVED: lambda: unsold(purchase("canceled", at=0)),
    NoticeKind.CHECKOUT_LEFT_OPEN: lambda: purchase(at=0),
}


@pytest.mark.parametrize("kind", [k for k in UNDONE if k != "payment_received"])
def test_what_is_no_longer_true_at_its_turn_is_skipped(
    kind: NoticeKind, shop: Engine
) -> None:
    tell(shop, BUYER, *DUE[kind]())
    plan()
    undone = UNDONE[kind]()
    if kind is NoticeKind.TRIAL_ENDING:
        undone["data"]["updated_at"] = undone["occurred_at"] = stamp(0)
    tell(shop, undone)
    turns(shop)
    assert (kind, "skipped", "no longer true") in rows(shop, STATES)


def test_who_gets_access_meanwhile_is_not_told_that_it_follows(shop: Engine) -> None:
    tell(shop, BUYER, parked())
    plan()
    tell(shop, purchase(at=0))
    turns(shop)
    assert ("payment_received", "skipped", "no longer true") in rows(shop, STATES)


def test_a_declined_attempt_is_told_of_only_while_it_is_unpaid_in_any_order(
    shop: Engine,
) -> None:
    tell(shop, BUYER, purchase(at=0))
    tell(shop, declined())
    assert kinds(shop) == ["order_confirmation", "welcome"]


def test_a_trial_is_told_of_when_its_end_is_near(shop: Engine) -> None:
    tell(shop, BUYER, trial(ends_in=8))
    plan()
    assert "trial_ending" not in kinds(shop)


def test_a_buyer_whom_nobody_knows_is_told_nothing(shop: Engine) -> None:
    tell(shop, parked(), checkout())
    plan()
    assert kinds(shop) == []


def test_access_is_told_of_step_by_step(shop: Engine) -> None:
    tell(shop, BUYER, subscription(at=-0.5))
    turns(shop)
    for status in ("paused", "active", "canceled"):
        period = None if status != "active" else -0.1
        tell(shop, subscription(status, at=JUST_NOW, period=period))
    told = [n if isinstance(n, str) else n.kind for n in turns(shop)]
    # Undone before its turn came: neither the pause nor the return is told.
    assert told == ["access has changed again", "access has changed again", "ended"]
    notices = one(shop, "SELECT count(DISTINCT key) FROM notifications")
    assert notices == len(kinds(shop)) == 4


def test_each_change_of_access_says_why(shop: Engine) -> None:
    tell(shop, BUYER, purchase(at=-0.1))
    [_, welcome] = turns(shop)
    tell(shop, refund())
    ended = notice(shop, NoticeKind.ENDED)
    tell(shop, purchase(at=0, id="txn_second"))
    restored = notice(shop, NoticeKind.RESTORED)
    assert isinstance(welcome, Notice)
    for found in (welcome, ended, restored):
        assert found.facts.keys() == SAMPLES[found.kind].keys() | EVERY.keys()
    assert ended.facts["why"] == "The purchase was refunded."


def test_nobody_hears_of_an_end_who_never_heard_of_access(shop: Engine) -> None:
    tell(shop, BUYER, purchase(at=-0.1))
    tell(shop, refund())
    turns(shop)
    assert {state for kind, state, _ in rows(shop, STATES) if kind == "welcome"} == {
        "skipped"
    }
    assert ("ended", "skipped", "never told of access") in rows(shop, STATES)


def test_an_old_end_of_access_is_told_to_nobody(shop: Engine) -> None:
    tell(shop, BUYER, purchase(at=-5))
    turns(shop)
    tell(shop, refund(at=-4))
    assert "ended" not in kinds(shop)


def test_without_welcomes_the_rest_is_told_and_none_comes_later(
    shop: Engine, configured: Callable[..., Settings]
) -> None:
    configured(notify_off="welcome")
    tell(shop, BUYER, subscription(at=-0.5))
    tell(shop, subscription("paused", at=-0.4, period=None))
    turns(shop)
    configured()
    tell(shop, subscription("active", at=-0.3, period=-0.3))
    assert [n for n in rows(shop, STATES) if n[0] != "restored"] == [
        ("welcome", "skipped", "off"),
        ("suspended", "sent", None),
    ]
    assert [n.kind for n in turns(shop) if isinstance(n, Notice)] == ["restored"]


def test_any_order_of_a_life_makes_each_message_once(shop: Engine) -> None:
    bodies = [purchase(at=-0.2), declined(at=-0.3), refund(), BUYER]
    orders = list(permutations(bodies))
    for number, order in enumerate(orders):
        tell(shop, *of_another(number, order[:1]))
    for position in (1, 2, 3):
        told = [of_another(n, [order[position]]) for n, order in enumerate(orders)]
        tell(shop, *(body for [body] in told))
    found = dict(rows(shop, "SELECT kind, count(*) FROM notifications GROUP BY 1"))
    assert found["refund_confirmed"] == found["order_confirmation"] == len(orders)
    assert found["payment_failed"] < len(orders)
