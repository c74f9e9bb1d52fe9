"""Paddle's own Python SDK understands the local Paddle."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from paddle_billing import Client as Sdk
from paddle_billing import Options
from paddle_billing.Entities.Notifications.NotificationEvent import NotificationEvent
from paddle_billing.Entities.Shared import CountryCode, CurrencyCode, Money, TaxCategory
from paddle_billing.Entities.Shared.Action import Action
from paddle_billing.Exceptions.ApiError import ApiError
from paddle_billing.Notifications.Entities.UndefinedEntity import UndefinedEntity
from paddle_billing.Resources.Addresses.Operations import CreateAddress
from paddle_billing.Resources.Adjustments.Operations import CreateAdjustment
from paddle_billing.Resources.Customers.Operations import CreateCustomer, ListCustomers
from paddle_billing.Resources.Events.Operations import ListEvents
from paddle_billing.Resources.Notifications.Operations import ListNotifications
from paddle_billing.Resources.Prices.Operations import CreatePrice, ListPrices
from paddle_billing.Resources.Products.Operations import CreateProduct
from paddle_billing.Resources.Shared.Operations.List.Pager import Pager
from paddle_billing.Resources.Subscriptions.Operations import (
    CancelSubscription,
    ListSubscriptions,
    UpdateSubscription,
)
from paddle_billing.Resources.Transactions.Operations import (
    CreateTransaction,
    ListTransactions,
)
from paddle_billing.Resources.Transactions.Operations.Create import (
    TransactionCreateItem,
)

from tests.integration.local_paddle.conftest import (
    API_KEY,
    BASICS,
    BUNDLE,
    Receiver,
)
from worker.local_shop import Client


@pytest.fixture
def sdk(address: str) -> Iterator[Sdk]:
    # The SDK asks its environment for nothing but the address.
    environment: Any = SimpleNamespace(base_url=address)
    client = Sdk(API_KEY, Options(environment))
    yield client
    client.client.close()


@pytest.fixture
def sold(control: Client, settle: Callable[[], object]) -> list[dict[str, Any]]:
    orders: list[dict[str, Any]] = [
        {"declined": True},
        {"country": "DE"},
        {"until": "ready"},
    ]
    made = [
        control.purchase(f"{n}@example.com", prices=[BASICS], **order)
        for n, order in enumerate(orders)
    ]
    made.append(control.refund(made[0]["transaction_id"]))
    settle()
    return made


def test_the_sdk_pages_through_every_list(sdk: Sdk, sold: list[dict[str, Any]]) -> None:
    pager = Pager(per_page=2)
    ids = [receipt["transaction_id"] for receipt in sold[:3]]
    transactions = list(sdk.transactions.list(ListTransactions(pager)))
    assert [transaction.id for transaction in transactions] == ids
    customers = list(sdk.customers.list(ListCustomers(pager)))
    assert [customer.email for customer in customers] == [
        f"{n}@example.com" for n in range(3)
    ]
    assert BASICS in [price.id for price in sdk.prices.list(ListPrices(pager))]
    assert len(list(sdk.products.list())) == 3
    events = list(sdk.events.list(ListEvents(pager)))
    told = [event_id for receipt in sold for event_id in receipt["event_ids"]]
    assert [event.event_id for event in events] == told


def test_the_sdk_reads_every_event_as_what_it_is(
    sdk: Sdk, sold: list[dict[str, Any]]
) -> None:
    assert sold
    for event in sdk.events.list(ListEvents(Pager(per_page=200))):
        assert not isinstance(event.data, UndefinedEntity)


def test_the_sdk_parses_every_delivery(
    sold: list[dict[str, Any]], receiver: Receiver
) -> None:
    assert sold
    for request in receiver.received:
        event = NotificationEvent.from_dict(json.loads(request.body))
        assert not isinstance(event.data, UndefinedEntity)


def test_the_sdk_lists_notifications_and_logs_and_replays(
    sdk: Sdk, sold: list[dict[str, Any]]
) -> None:
    found = list(sdk.notifications.list(ListNotifications(Pager(per_page=7))))
    told = [ntf for receipt in sold for ntf in receipt["notification_ids"]]
    assert [notification.id for notification in found] == told
    assert {str(notification.status) for notification in found} == {"delivered"}
    logs = list(sdk.notification_logs.list(told[0]))
    assert [entry.response_code for entry in logs] == [200]
    assert sdk.notifications.replay(told[0]) not in told
    assert len(list(sdk.notification_settings.list())) == 1
    assert len(list(sdk.event_types.list())) > 40


def test_the_sdk_makes_what_a_sale_needs(sdk: Sdk) -> None:
    product = sdk.products.create(CreateProduct("Course", TaxCategory.Standard))
    price = sdk.prices.create(
        CreatePrice("Once", product.id, Money("2500", CurrencyCode.USD))
    )
    customer = sdk.customers.create(CreateCustomer("ada@example.com", name="Ada"))
    address = sdk.addresses.create(customer.id, CreateAddress(CountryCode.GB))
    transaction = sdk.transactions.create(
        CreateTransaction(
            [TransactionCreateItem(price.id, 2)],
            customer_id=customer.id,
            address_id=address.id,
        )
    )
    assert str(transaction.status) == "ready"
    assert transaction.details.totals.total == "6000"
    assert sdk.transactions.get(transaction.id).id == transaction.id


@pytest.fixture
def subscribed(control: Client, settle: Callable[[], object]) -> dict[str, Any]:
    """A subscription that has seen nearly all that one can see."""
    receipt = control.subscribe("sue@example.com", price=BASICS, trial="14 day")
    control.advance(by="14 day")
    control.fail_payments(email="sue@example.com", count=2)
    control.advance(by="2 month")
    control.change_plan(email="sue@example.com", price=BUNDLE, cycle="month")
    control.pause(email="sue@example.com", now=True)
    control.resume(email="sue@example.com")
    control.cancel(email="sue@example.com", now=True)
    control.subscribe("sue@example.com", price=BASICS, mode="manual")
    settle()
    return receipt


def test_the_sdk_parses_a_subscriptions_whole_life(
    subscribed: dict[str, Any], sdk: Sdk, receiver: Receiver
) -> None:
    seen = set()
    for request in receiver.received:
        event = NotificationEvent.from_dict(json.loads(request.body))
        assert not isinstance(event.data, UndefinedEntity)
        seen.add(str(event.event_type))
    lives = {"activated", "canceled", "past_due", "paused", "resumed", "trialing"}
    assert {f"subscription.{life}" for life in lives} <= seen
    for event in sdk.events.list(ListEvents(Pager(per_page=200))):
        assert not isinstance(event.data, UndefinedEntity)
    found = sdk.subscriptions.get(subscribed["subscription_id"])
    assert str(found.status) == "canceled"
    bills = sdk.transactions.list(ListTransactions(subscription_ids=[found.id]))
    assert {str(bill.origin) for bill in bills} == {
        "web",
        "subscription_recurring",
        "subscription_update",
    }


def test_the_sdk_changes_and_stops_a_subscription(control: Client, sdk: Sdk) -> None:
    receipt = control.subscribe("sue@example.com", price=BASICS)
    subscription_id = receipt["subscription_id"]
    mine = sdk.subscriptions.list(ListSubscriptions(price_ids=[BASICS]))
    assert [s.id for s in mine] == [subscription_id]
    planned = sdk.subscriptions.cancel(subscription_id, CancelSubscription())
    assert planned.scheduled_change
    assert str(planned.scheduled_change.action) == "cancel"
    kept = UpdateSubscription(scheduled_change=None)
    assert sdk.subscriptions.update(subscription_id, kept).scheduled_change is None
    control.cancel(subscription_id=subscription_id, now=True)
    with pytest.raises(ApiError) as raised:
        sdk.subscriptions.cancel(subscription_id, CancelSubscription())
    assert raised.value.error_code == "subscription_update_when_canceled"


def test_the_sdk_refunds_and_reads_discounts(control: Client, sdk: Sdk) -> None:
    control.post("discount", {"code": "TEN"})
    bought = control.purchase("sue@example.com", prices=[BASICS], discount="TEN")
    assert [d.code for d in sdk.discounts.list()] == ["TEN"]
    wish = CreateAdjustment.full(Action.Refund, "asked", bought["transaction_id"])
    assert str(sdk.adjustments.create(wish).status) == "pending_approval"
    control.advance(by="1 day")
    found = list(sdk.adjustments.list())
    assert [str(a.status) for a in found] == ["approved"]


def test_the_sdk_understands_our_errors(sdk: Sdk) -> None:
    sdk.customers.create(CreateCustomer("ada@example.com"))
    with pytest.raises(ApiError) as raised:
        sdk.customers.create(CreateCustomer("ada@example.com"))
    assert raised.value.error_code == "customer_already_exists"


def test_the_sdk_is_told_when_to_come_again(sdk: Sdk, control: Client) -> None:
    control.post("limit", {"requests_per_minute": 0})
    with pytest.raises(ApiError) as raised:
        sdk.customers.list()
    assert raised.value.error_code == "too_many_requests"
    assert raised.value.retry_after == 60
