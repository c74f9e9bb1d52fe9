"""Who is told what: each message once, in any order of events, and while it is true."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import permutations

import pytest
from sqlalchemy import Engine, text

from models.notices import NoticeKind
from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tasks.record import record
from tasks.remind import plan
from tests.factories import add_events, rows
from tests.notices import (
    BUYER,
    DUE,
    JUST_NOW,
    checkout,
    declined,
    kinds,
    notice,
    of_another,
    parked,
    past_due,
    purchase,
    refund,
    tell,
    trial,
    turns,
)
from tests.purchases import Body
from tests.reconciling import add_run
from tests.subscriptions import TOTAL, stamp
from worker.notices.links import FETCHED
from worker.notices.reading import Notice
from worker.notices.samples import EVERY, SAMPLES
from worker.settings import Settings

TOLD_TO = """
SELECT l.email, n.kind FROM notifications n JOIN learners l ON l.id = n.learner_id
"""
HOLD_BACK = text("""
INSERT INTO reconciled_events (inbox_id, run_id, reason, mails)
SELECT unnest(CAST(:ids AS bigint[])), :run, 'backfilled', false
""")


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
    assert amount in {None, "29.00 EUR"}


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


def test_a_declined_attempt_is_told_of_only_while_it_is_unpaid_in_any_order(
    shop: Engine,
) -> None:
    tell(shop, BUYER, purchase(at=0))
    tell(shop, declined())
    assert kinds(shop) == ["order_confirmation", "welcome"]


def test_a_kind_that_is_switched_on_tells_of_what_is_still_so_and_no_older(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    yesterday = [checkout(hours=24), declined(at=-1), purchase(at=-1)]
    before = [checkout(hours=4 * 24), declined(at=-4), purchase(at=-4)]
    lives = [of_another(n, [BUYER, one]) for n, one in enumerate(yesterday + before)]
    tell(core, *(body for life in lives for body in life))
    configured(notify_on="checkout_left_open", notify_checkout_hours=1)
    plan()
    told = [to for to, kind in rows(core, TOLD_TO) if kind == "checkout_left_open"]
    assert told == ["sam0@example.com", "sam1@example.com"]


def test_an_invoice_that_is_paid_long_after_it_was_issued_is_confirmed(
    shop: Engine,
) -> None:
    paid = {
        "payment_attempt_id": "pay_1",
        "amount": str(TOTAL),
        "status": "captured",
        "error_code": None,
        "created_at": stamp(JUST_NOW),
        "captured_at": stamp(JUST_NOW),
        "method_details": {"type": "wire_transfer", "card": None},
    }
    issued = stamp(-20)
    invoice = purchase(
        origin="api",
        collection_mode="manual",
        created_at=issued,
        billed_at=issued,
        payments=[paid],
    )
    tell(shop, BUYER, invoice)
    assert "order_confirmation" in kinds(shop)


def test_a_trial_is_told_of_when_its_end_is_near(shop: Engine) -> None:
    tell(shop, BUYER, trial(ends_in=8))
    plan()
    assert "trial_ending" not in kinds(shop)


def test_a_buyer_whom_nobody_knows_is_told_nothing(shop: Engine) -> None:
    tell(shop, parked(), checkout())
    plan()
    assert kinds(shop) == []


def made_in(order: Sequence[str]) -> Counter[str]:
    """Return what must be made of a life that is told in an order, step by step."""
    at = {name: position for position, name in enumerate(order)}
    made = Counter(["refund_confirmed", "order_confirmation"])
    if at["purchase"] > max(at["declined"], at["buyer"]):
        made["payment_failed"] += 1
    if at["refund"] > max(at["purchase"], at["buyer"]):
        made.update(["welcome", "ended"])
    return made


def test_any_order_of_a_life_makes_each_message_once(shop: Engine) -> None:
    life = {
        "purchase": purchase(at=-0.2),
        "declined": declined(at=-0.3),
        "refund": refund(),
        "buyer": BUYER,
    }
    orders = list(permutations(life))
    for position in range(len(life)):
        told = [of_another(n, [life[o[position]]]) for n, o in enumerate(orders)]
        tell(shop, *(body for [body] in told))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for email, kind in rows(shop, TOLD_TO):
        found[email][kind] += 1
    assert found == {
        f"sam{number}@example.com": made_in(order)
        for number, order in enumerate(orders)
    }
    # It all happened before anybody's turn came: what is left of it is true.
    out = Counter(str(n.kind) for n in turns(shop) if isinstance(n, Notice))
    assert out == dict.fromkeys(["refund_confirmed", "order_confirmation"], len(orders))
