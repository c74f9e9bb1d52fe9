"""Paddle's events: understood as Paddle's own kit does, or refused without quoting."""

from collections.abc import Callable

import pytest
from paddle_billing.Notifications.Entities.Adjustment import Adjustment
from paddle_billing.Notifications.Entities.Customer import Customer
from paddle_billing.Notifications.Entities.Transaction import Transaction

from models.snapshot import Snapshot
from models.snapshots import AdjustmentSnapshot, CustomerSnapshot, TransactionSnapshot
from tests.purchases import (
    Body,
    all_published,
    published,
    stored,
    transaction,
)
from worker.providers.contract import Ignored, StoredEvent
from worker.providers.paddle.provider import Paddle
from worker.settings import Settings

CANARY = "c4n4ry-of-a-buyer"
HANDLED = ("transaction.", "customer.", "adjustment.")


def read(body: Body) -> Snapshot | Ignored:
    return Paddle().read(stored(body))


def read_bytes(raw: bytes, event_type: str | None = "transaction.completed") -> None:
    event_id = transaction("transaction.completed")["event_id"]
    Paddle().read(StoredEvent(1, "paddle", event_id, event_type, None, raw))


def handled(prefix: str = "") -> list[str]:
    return [
        t for t in all_published() if t.startswith(HANDLED) and t.startswith(prefix)
    ]


# --- the published bodies, with Paddle's own kit as the oracle ----------------------


@pytest.mark.parametrize("event_type", handled("transaction."))
def test_a_transaction_reads_as_paddles_own_kit_reads_it(event_type: str) -> None:
    data = published(event_type)["data"]
    oracle, ours = Transaction.from_dict(data), read(published(event_type))

    assert isinstance(ours, TransactionSnapshot)
    assert (ours.key.id, ours.status) == (oracle.id, str(oracle.status))
    assert ours.customer_id == oracle.customer_id
    assert ours.subscription_id == oracle.subscription_id
    assert ours.currency == str(oracle.currency_code)
    assert ours.clock.updated_at == oracle.updated_at
    assert ours.total_minor == int(oracle.details.totals.total)
    assert ours.grand_total_minor == int(oracle.details.totals.grand_total)
    assert [
        (line.id, line.price_id, line.quantity, line.total_minor) for line in ours.lines
    ] == [
        (line.id, line.price_id, line.quantity, int(line.totals.total))
        for line in oracle.details.lineItems
    ]
    assert [(p.id, p.status, p.amount_minor) for p in ours.payments] == [
        (p.payment_attempt_id, str(p.status), int(p.amount)) for p in oracle.payments
    ]


@pytest.mark.parametrize("event_type", handled("transaction."))
def test_lines_are_recurring_where_the_price_has_a_cycle(event_type: str) -> None:
    data = published(event_type)["data"]
    ours = read(published(event_type))

    assert isinstance(ours, TransactionSnapshot)
    cycles = {i["price"]["id"]: i["price"]["billing_cycle"] for i in data["items"]}
    assert [line.recurring for line in ours.lines] == [
        cycles[line["price_id"]] is not None for line in data["details"]["line_items"]
    ]


@pytest.mark.parametrize("event_type", handled("customer."))
def test_a_customer_reads_as_paddles_own_kit_reads_it(event_type: str) -> None:
    oracle = Customer.from_dict(published(event_type)["data"])
    ours = read(published(event_type))

    assert isinstance(ours, CustomerSnapshot)
    assert (ours.key.id, ours.email, ours.name) == (
        oracle.id,
        oracle.email,
        oracle.name,
    )
    assert (ours.locale, ours.status) == (oracle.locale, str(oracle.status))
    assert ours.clock.updated_at == oracle.updated_at


@pytest.mark.parametrize("event_type", handled("adjustment."))
def test_an_adjustment_reads_as_paddles_own_kit_reads_it(event_type: str) -> None:
    oracle = Adjustment.from_dict(published(event_type)["data"])
    ours = read(published(event_type))

    assert isinstance(ours, AdjustmentSnapshot)
    assert (ours.key.id, ours.transaction_id) == (oracle.id, oracle.transaction_id)
    assert (ours.action, ours.status) == (str(oracle.action), str(oracle.status))
    assert ours.total_minor == int(oracle.totals.total)
    assert [(line.line_id, line.total_minor) for line in ours.lines] == [
        (item.item_id, int(item.totals.total)) for item in oracle.items
    ]


@pytest.mark.parametrize(
    ("event_type", "reason"),
    [
        ("payout.created", "kept: payouts are Paddle's accounting with the seller"),
        ("moon.landed", "unknown event type"),
        ("transaction.teleported", "unknown event type"),
    ],
)
def test_other_events_are_ignored_for_their_type(event_type: str, reason: str) -> None:
    body = {**published("price.created"), "event_type": event_type}
    assert read(body) == Ignored(reason)


# --- what may change without harm ---------------------------------------------------


@pytest.mark.parametrize("event_type", handled())
def test_unknown_fields_statuses_and_kinds_are_taken_as_they_come(
    event_type: str,
) -> None:
    body = published(event_type)
    body["data"] |= {"status": "invented", "new": {"of": ["a", "later", "release"]}}
    body["data"] |= {"origin": "invented", "collection_mode": "invented"}
    if "action" in body["data"]:
        body["data"]["action"] = "invented"

    told = read(body)

    assert not isinstance(told, Ignored)
    assert getattr(told, "status") == "invented"  # noqa: B009


def test_the_course_is_named_by_the_price_and_else_by_the_product() -> None:
    body = transaction("transaction.completed", course=None)
    line = body["data"]["details"]["line_items"][0]
    line["product"]["custom_data"] = {"course": "of-the-product"}
    assert course_of(body) == "of-the-product"

    body["data"]["items"][0]["price"]["custom_data"] = {"course": "of-the-price"}
    assert course_of(body) == "of-the-price"


@pytest.mark.parametrize("course", ["", None, 7, ["a"], {"a": 1}])
def test_a_course_that_is_no_name_is_none(course: object) -> None:
    body = transaction("transaction.completed", course=None)
    body["data"]["items"][0]["price"]["custom_data"] = {"course": course}

    assert course_of(body) is None


def test_the_buyers_own_custom_data_never_names_a_course() -> None:
    bought = transaction("transaction.completed", None, custom_data={"course": "all"})

    assert course_of(bought) is None


def course_of(body: Body) -> str | None:
    told = read(body)
    assert isinstance(told, TransactionSnapshot)
    return told.lines[0].course


@pytest.mark.parametrize("currency", ["JPY", "KWD", "USD"])
def test_minor_units_are_taken_as_they_are_in_every_currency(currency: str) -> None:
    told = read(transaction("transaction.completed", currency_code=currency))

    assert isinstance(told, TransactionSnapshot)
    assert (told.currency, told.total_minor) == (currency, 21666)


@pytest.mark.parametrize("environment", ["local", "sandbox", "production"])
def test_simulated_events_are_ignored_in_production_only(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
) -> None:
    config = make_settings(paddle_environment=environment)
    monkeypatch.setattr("worker.providers.paddle.provider.settings", lambda: config)

    told = read(published("customer.created") | {"event_id": "ntfsimevt_1"})

    assert (told == Ignored("simulated")) is (environment == "production")
