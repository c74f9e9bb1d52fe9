"""A subscription through its life: which events, in which order, with which ties."""

import pytest

from tests.unit.local_paddle.conftest import (
    BILLED,
    CHECKOUT,
    COMPLETED,
    EMAIL,
    MONTHLY,
    PAID,
    TRIAL,
    World,
)


def test_a_start_without_trial(world: World) -> None:
    receipt = world.do("subscribe", email=EMAIL, price=MONTHLY)
    told = world.told()
    assert [t.short for t in told] == [
        *CHECKOUT,
        *PAID,
        "subscription.created active",
        "subscription.activated active",
        "transaction.updated paid",
        *COMPLETED,
    ]
    created, activated = told[7:9]
    assert created.occurred_at == activated.occurred_at
    assert created.data["transaction_id"] == receipt.transaction_id
    assert "transaction_id" not in activated.data
    paid, named, completed = told[6], told[9], told[11]
    assert paid.data["subscription_id"] is None
    assert named.data["subscription_id"] == receipt.subscription_id
    assert named.data["details"]["totals"]["fee"]
    assert named.data["invoice_number"] is None
    assert completed.data["invoice_number"]


def test_a_start_with_trial_totals_zero_and_is_paid_at_its_end(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=TRIAL)
    assert "subscription.trialing trialing" in world.shorts()
    bill, trial = world.transaction(), world.subscription()
    assert bill["details"]["totals"]["total"] == "0"
    assert bill["payments"] == []
    assert trial["first_billed_at"] is None
    assert trial["next_billed_at"] == trial["items"][0]["trial_dates"]["ends_at"]
    assert -14 <= world.days_since(trial["next_billed_at"]) < -13.99
    world.do("advance", to=trial["next_billed_at"])
    assert world.shorts() == [
        "subscription.updated active",
        *BILLED,
        *PAID,
        *COMPLETED,
        "subscription.activated active",
    ]
    assert world.transaction()["details"]["totals"]["subtotal"] == "2000"
    assert world.subscription()["first_billed_at"] == trial["next_billed_at"]


def test_a_renewal_moves_the_subscription_before_the_money(world: World) -> None:
    custom = {"learner": "7"}
    world.do("subscribe", email=EMAIL, price=MONTHLY, custom_data=custom)
    world.told()
    world.do("advance", by="1 month")
    told = world.told()
    assert [t.short for t in told] == [
        "subscription.updated active",
        *BILLED,
        *PAID,
        *COMPLETED,
    ]
    period = told[0].data["current_billing_period"]
    assert period["starts_at"].startswith("2027-02-15")
    assert told[-1].data["origin"] == "subscription_recurring"
    assert told[-1].data["billing_period"] == period
    assert told[-1].data["custom_data"] == custom


def test_periods_keep_their_day_over_short_months(world: World) -> None:
    world.do("advance", to="2027-01-31T12:00:00Z")
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    days = []
    for _ in range(3):
        days.append(world.subscription()["next_billed_at"][:10])
        world.do("advance", to=world.subscription()["next_billed_at"])
    assert days == ["2027-02-28", "2027-03-31", "2027-04-30"]


@pytest.mark.parametrize(
    ("action", "status"), [("cancel", "canceled"), ("pause", "paused")]
)
def test_a_stop_now(world: World, action: str, status: str) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.told()
    world.do(action, email=EMAIL, now=True)
    assert world.shorts() == [
        f"subscription.updated {status}",
        f"subscription.{status} {status}",
    ]
    stopped = world.subscription()
    assert stopped["current_billing_period"] is None
    assert stopped["next_billed_at"] is None
    assert stopped[f"{status}_at"]


@pytest.mark.parametrize(
    ("action", "status"), [("cancel", "canceled"), ("pause", "paused")]
)
def test_a_stop_at_the_end_of_the_period(
    world: World, action: str, status: str
) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    end = world.subscription()["current_billing_period"]["ends_at"]
    world.told()
    world.do(action, email=EMAIL)
    planned = world.told()
    assert [t.short for t in planned] == ["subscription.updated active"]
    assert planned[0].data["scheduled_change"] == {
        "action": action,
        "effective_at": end,
        "resume_at": None,
    }
    world.do("advance", by="2 month")
    assert world.shorts() == [
        f"subscription.updated {status}",
        f"subscription.{status} {status}",
    ]


def test_a_scheduled_change_taken_back_lets_it_renew(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("cancel", email=EMAIL)
    world.do("unschedule", email=EMAIL)
    assert world.subscription()["scheduled_change"] is None
    world.told()
    world.do("advance", by="1 month")
    assert world.shorts()[-1] == "transaction.completed completed"


def test_a_pause_ends_on_its_date_and_bills_anew(world: World) -> None:
    world.do("subscribe", email=EMAIL, price=MONTHLY)
    world.do("pause", email=EMAIL, resume_at="2027-05-01T00:00:00Z")
    assert world.subscription()["next_billed_at"] == "2027-05-01T00:00:00Z"
    world.do("advance", by="2 month")
    assert world.subscription()["scheduled_change"]["action"] == "resume"
    world.told()
    world.do("advance", to="2027-05-01T00:00:00Z")
    assert world.shorts() == [
        "subscription.updated active",
        "subscription.resumed active",
        *BILLED,
        *PAID,
        *COMPLETED,
        "subscription.updated active",
        "subscription.activated active",
    ]
    assert world.subscription()["next_billed_at"].startswith("2027-06-01T00:00:00")
