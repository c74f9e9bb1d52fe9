"""Payments that fail, invoices that wait: what is told, and what comes of it."""

import pytest

from local_paddle.clock import instant_of
from local_paddle.till import ShopError
from tests.unit.local_paddle.conftest import (
    BILLED,
    COMPLETED,
    EMAIL,
    FAILED,
    MONTHLY,
    OWED,
    PAID,
    World,
)


def test_a_failed_renewal_has_paddles_order_and_ties(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("fail-payments", email=EMAIL)
    world.told()
    world.do("advance", by="1 month")
    told = world.told()
    assert [t.short for t in told] == [
        "subscription.updated active",
        *BILLED,
        *FAILED,
    ]
    tied = {t.data["updated_at"] for t in told[3:6]}
    assert len(tied) == 1
    assert told[2].data["updated_at"] not in tied
    assert len({t.data["updated_at"] for t in told[6:8]}) == 1
    assert told[3].data["payments"][0]["error_code"] == "declined"


def test_dunning_recovers_at_its_first_try(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("fail-payments", email=EMAIL)
    world.do("advance", by="1 month")
    world.told()
    world.do("advance", by="1 day")
    assert world.shorts() == [*PAID, *COMPLETED, "subscription.updated active"]
    world.do("advance", by="1 month")
    assert world.subscription()["next_billed_at"].startswith("2027-04-15")


@pytest.mark.parametrize("end", ["canceled", "paused"])
def test_dunning_ends_by_the_setting(world: World, end: str) -> None:
    world.do("dunning", days=[2, 5], exhausted=end)
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("fail-payments", email=EMAIL, count=9)
    world.do("advance", by="1 month")
    world.told()
    world.do("advance", by="20 day")
    told = world.told()
    assert [t.short for t in told] == [
        "transaction.payment_failed past_due",
        "transaction.payment_failed past_due",
        f"subscription.updated {end}",
        f"subscription.{end} {end}",
        *OWED,
    ]
    assert len(told[-1].data["payments"]) == 3
    changed = [instant_of(t.data["updated_at"]) for t in told]
    assert changed == sorted(changed)
    assert world.shop.agenda.listed() == []


def test_nothing_renews_while_a_payment_is_due(world: World) -> None:
    world.do("dunning", days=[])
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("fail-payments", email=EMAIL)
    world.do("advance", by="3 month")
    assert len(world.shop.store.all("transaction")) == 2
    world.told()
    world.do("pay", transaction_id=world.transaction()["id"])
    assert world.shorts()[-1] == "subscription.updated active"


def test_a_resumption_that_is_not_paid_is_past_due(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("pause", email=EMAIL, now=True)
    world.do("fail-payments", email=EMAIL)
    world.told()
    world.do("resume", email=EMAIL)
    assert world.shorts()[-1] == "subscription.past_due past_due"


def test_a_canceled_one_owes_nothing_and_stays_so(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("fail-payments", email=EMAIL)
    world.do("advance", by="1 month")
    world.told()
    subscription_id = world.subscription()["id"]
    world.do("cancel", email=EMAIL, now=True)
    assert world.shorts()[-2:] == OWED
    with pytest.raises(ShopError, match="canceled") as raised:
        world.do("pause", subscription_id=subscription_id)
    assert raised.value.code == "subscription_update_when_canceled"


def test_an_invoice_starts_a_subscription_before_it_is_paid(world: World) -> None:
    receipt = world.do("subscribe", email=EMAIL, price=MONTHLY, mode="manual")
    told = world.told()
    assert [t.short for t in told[5:]] == [
        "transaction.updated billed",
        "transaction.billed billed",
        "subscription.created active",
        "subscription.activated active",
        "transaction.updated billed",
    ]
    assert told[-1].data["invoice_number"]
    assert told[-1].data["subscription_id"] == receipt.subscription_id
    assert world.access() == {MONTHLY: ("ended", "unpaid")}
    world.do("pay", transaction_id=receipt.transaction_id)
    assert world.shorts() == [*PAID, *COMPLETED]
    assert world.access() == {MONTHLY: ("active", "active")}


def test_an_unpaid_invoice_is_past_due_after_its_terms(world: World) -> None:
    order = {"price": MONTHLY, "mode": "manual", "terms_days": 10}
    receipt = world.do("subscribe", email=EMAIL, **order)
    world.told()
    world.do("advance", by="11 day")
    assert world.shorts() == FAILED[1:]
    world.do("pay", transaction_id=receipt.transaction_id)
    assert world.shorts() == [*PAID, *COMPLETED, "subscription.updated active"]
