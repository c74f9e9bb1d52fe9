"""What was made goes out while it is true, however long it waited, and no longer."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from models.notices import NoticeKind
from tasks.remind import plan
from tests.factories import rows
from tests.notices import (
    BUYER,
    DUE,
    JUST_NOW,
    STATES,
    kinds,
    notice,
    parked,
    past_due,
    purchase,
    refund,
    tell,
    trial,
    turns,
)
from tests.purchases import Body
from tests.subscriptions import pass_time, scheduled, stamp, subscription
from worker.notices.resending import resend
from worker.settings import Settings, settings

UNDONE: dict[NoticeKind, Callable[[], Body]] = {
    NoticeKind.REFUND_CONFIRMED: lambda: refund("reversed", at=JUST_NOW / 4),
    NoticeKind.TRIAL_ENDING: lambda: trial(scheduled_change=scheduled("cancel", 1)),
    NoticeKind.RENEWAL_FAILED: lambda: subscription("active", at=0, period=-0.5),
    NoticeKind.PAYMENT_FAILED: lambda: purchase(at=0),
    NoticeKind.PAYMENT_RECEIVED: refund,
    NoticeKind.CHECKOUT_LEFT_OPEN: lambda: purchase(at=0),
}


@pytest.mark.parametrize("kind", UNDONE)
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


#: Four days pass; what the clock ends by itself goes on, and so do the keys.
AGE = (
    "UPDATE inbox SET occurred_at = occurred_at - interval '4 days'",
    """UPDATE transactions SET opened_at = opened_at - interval '4 days',
         billed_at = billed_at - interval '4 days',
         waits_since = waits_since - interval '4 days'""",
    """UPDATE payments SET attempted_at = attempted_at - interval '4 days',
         captured_at = captured_at - interval '4 days'""",
)
FAIL = (
    "UPDATE notifications SET state = 'failed', finished_at = now() WHERE kind = :kind"
)


def carry_out(engine: Engine, *statements: str, **values: object) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


@pytest.mark.parametrize("kind", DUE)
def test_what_the_mail_server_put_off_for_days_goes_out_if_it_is_still_true(
    kind: NoticeKind, shop: Engine
) -> None:
    tell(shop, BUYER, *DUE[kind]())
    plan()
    carry_out(shop, *AGE)
    assert notice(shop, kind).kind is kind


@pytest.mark.parametrize("kind", DUE)
def test_what_failed_and_is_sent_again_days_later_goes_out_if_it_is_still_true(
    kind: NoticeKind, shop: Engine
) -> None:
    tell(shop, BUYER, *DUE[kind]())
    plan()
    carry_out(shop, FAIL, kind=kind)
    carry_out(shop, *AGE)
    [(failed,)] = rows(shop, "SELECT id FROM notifications WHERE state = 'failed'")
    with shop.begin() as connection:
        resend(connection, [failed], "the mailbox is open again", settings())
    assert notice(shop, kind).kind is kind


@pytest.mark.parametrize(("grace", "began"), [(0, -0.5), (2, -2.5)])
def test_a_failed_renewal_that_is_told_late_names_no_day_that_is_over(
    grace: int, began: float, shop: Engine, configured: Callable[..., Settings]
) -> None:
    configured(notify_on="renewal_failed", access_grace_days=grace)
    tell(shop, BUYER, subscription(at=-20, period=-30))
    tell(shop, subscription("past_due", at=began + 0.1, period=began))
    assert "renewal_failed" not in kinds(shop)


def test_a_failed_renewal_is_not_told_of_once_the_grace_is_over(shop: Engine) -> None:
    tell(shop, BUYER, past_due())
    pass_time(shop, settings().access_grace_days)
    turns(shop)
    assert ("renewal_failed", "skipped", "no longer true") in rows(shop, STATES)
