"""Money, times, currencies and counts: whatever is read is read strictly, by name."""

import copy
from datetime import datetime
from typing import Any

import pytest

from models.kept_snapshots import DiscountSnapshot, PriceSnapshot
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from tests.event_bodies import body_of
from tests.purchases import Body, encoded
from worker.errors import MalformedPayloadError
from worker.providers.contract import StoredEvent
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.providers.paddle.provider import Paddle

TOTALS = ("subtotal", "discount", "tax", "total")
MONEY = {
    "transaction.completed": [
        *(f"details.totals.{name}" for name in TOTALS),
        *(f"details.line_items.0.totals.{name}" for name in TOTALS),
        "details.totals.grand_total",
        "details.totals.credit",
        "details.totals.credit_to_balance",
        "details.totals.fee",
        "details.totals.earnings",
        "payments.0.amount",
    ],
    "adjustment.updated": [
        "totals.subtotal",
        "totals.tax",
        "totals.total",
        "totals.fee",
        "totals.earnings",
        "items.0.totals.total",
    ],
    "subscription.created": ["items.0.price.unit_price.amount"],
    "price.created": ["unit_price.amount"],
    "discount.created": ["amount"],
}
TIMES = {
    "transaction.completed": [
        "updated_at",
        "created_at",
        "billed_at",
        "payments.0.created_at",
        "payments.0.captured_at",
    ],
    "subscription.updated": [
        "updated_at",
        "created_at",
        "started_at",
        "first_billed_at",
        "next_billed_at",
        "current_billing_period.starts_at",
        "current_billing_period.ends_at",
        "scheduled_change.effective_at",
        "items.0.next_billed_at",
    ],
    "subscription.trialing": ["items.0.trial_dates.starts_at"],
    "subscription.paused": ["paused_at"],
    "subscription.canceled": ["canceled_at"],
    "discount.created": ["updated_at", "expires_at"],
    "adjustment.created": ["updated_at", "created_at"],
    "customer.created": ["updated_at"],
    "address.created": ["updated_at"],
    "business.created": ["updated_at"],
    "product.created": ["updated_at"],
    "price.created": ["updated_at"],
}
CURRENCIES = {
    "transaction.completed": "currency_code",
    "subscription.created": "currency_code",
    "adjustment.created": "currency_code",
    "price.created": "unit_price.currency_code",
    "discount.created": "currency_code",
}
COUNTS = {
    "transaction.completed": ["details.line_items.0.quantity"],
    "subscription.created": ["items.0.quantity", "billing_cycle.frequency"],
}
BAD_MONEY: tuple[object, ...] = ("", " 1", "+1", "1e3", "10.5x", "1,5", "\u0661\u0662", "9" * 19, "NaN",
             1, 1.5, True, ["1"], {})  # fmt: skip
BAD_TIMES: tuple[object, ...] = ("", "yesterday", "2026-11-02", "2026-11-02T08:21:03",
             "2026-11-02T08:21:60Z", "2026-11-02T24:00:00Z", "0001-01-01T00:00:00Z",
             "9999-12-31T23:59:59-01:00", 1762071663, ["2026-11-02T08:21:03Z"])  # fmt: skip
BAD_CURRENCIES: tuple[object, ...] = ("", "eur", "EURO", "EU1", "\u20ac", 978, ["EUR"])
BAD_COUNTS: tuple[object, ...] = (-1, 2**63, 2**64, 1.5, "1", True, [1])


def read(body: Body) -> Any:
    event = StoredEvent(
        1,
        "paddle",
        body["event_id"],
        body["event_type"],
        datetime.fromisoformat("2026-11-02T09:00:00Z"),
        encoded(body),
    )
    return Paddle().read(event)


def changed(event_type: str, place: str, value: object) -> Body:
    body = copy.deepcopy(body_of(event_type))
    holder: Any = body["data"]
    *path, last = place.split(".")
    for name in path:
        holder = holder[int(name) if name.isdigit() else name]
    assert last in holder
    holder[last] = value
    return body


def cases(places: dict[str, list[str]]) -> list[Any]:
    return [(kind, place) for kind, named in places.items() for place in named]


def refuse(event_type: str, place: str, values: tuple[object, ...]) -> None:
    name = place.rpartition(".")[2]
    for value in values:
        with pytest.raises(MalformedPayloadError, match=name):
            read(changed(event_type, place, value))


@pytest.mark.parametrize(
    "event_type",
    [one.name for one in EVENT_TYPES.values() if one.outcome is Outcome.APPLIED],
)
def test_our_own_body_of_an_applied_type_is_read(event_type: str) -> None:
    assert read(body_of(event_type)).key.id == body_of(event_type)["data"]["id"]


@pytest.mark.parametrize(("event_type", "place"), cases(MONEY))
def test_an_amount_that_is_none_is_refused_by_name(event_type: str, place: str) -> None:
    refuse(event_type, place, BAD_MONEY)


@pytest.mark.parametrize(("event_type", "place"), cases(TIMES))
def test_a_time_that_is_none_is_refused_by_name(event_type: str, place: str) -> None:
    refuse(event_type, place, BAD_TIMES)


@pytest.mark.parametrize(("event_type", "place"), CURRENCIES.items())
def test_a_currency_that_is_none_is_refused_by_name(
    event_type: str, place: str
) -> None:
    refuse(event_type, place, BAD_CURRENCIES)


@pytest.mark.parametrize(("event_type", "place"), cases(COUNTS))
def test_a_count_that_is_none_is_refused_by_name(event_type: str, place: str) -> None:
    refuse(event_type, place, BAD_COUNTS)


@pytest.mark.parametrize(
    ("event_type", "place"),
    CURRENCIES.items(),
)
def test_a_currency_that_is_new_is_taken_as_it_is(event_type: str, place: str) -> None:
    assert read(changed(event_type, place, "KWD")).currency == "KWD"


@pytest.mark.parametrize(
    ("event_type", "place"),
    [
        ("transaction.completed", "details.totals.total"),
        ("transaction.completed", "details.totals.grand_total"),
        ("transaction.completed", "payments.0.amount"),
        ("adjustment.updated", "totals.total"),
        ("price.created", "unit_price.amount"),
    ],
)
def test_what_cannot_be_negative_is_refused(event_type: str, place: str) -> None:
    refuse(event_type, place, ("-1",))


@pytest.mark.parametrize("name", ["fee", "earnings"])
def test_what_is_left_over_can_be_negative(name: str) -> None:
    told = read(changed("transaction.completed", f"details.totals.{name}", "-1"))

    assert isinstance(told, TransactionSnapshot)
    assert getattr(told, f"{name}_minor") == -1


def test_yen_are_counted_in_yen() -> None:
    told = read(body_of("transaction.revised"))

    assert isinstance(told, TransactionSnapshot)
    assert (told.currency, told.total_minor) == ("JPY", 15800)
    assert [line.total_minor for line in told.lines] == [15800]


def test_a_grand_total_that_old_events_lack_is_the_total() -> None:
    told = read(changed("transaction.completed", "details.totals.grand_total", None))

    assert isinstance(told, TransactionSnapshot)
    assert told.grand_total_minor == told.total_minor


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("percentage", "0.01"), ("percentage", "100"), ("percentage", "12.5"),
     ("flat", "500"), ("flat_per_seat", "0"), ("per_moon", "1.5")],
)  # fmt: skip
def test_a_discount_is_money_or_per_cent(kind: str, amount: str) -> None:
    body = changed("discount.created", "type", kind)
    body["data"]["amount"] = amount

    told = read(body)

    assert isinstance(told, DiscountSnapshot)
    assert told.amount == amount


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("percentage", "100.01"), ("percentage", "-1"), ("percentage", ".5"),
     ("percentage", "1e1"), ("flat", "1.5"), ("flat", "-1"), ("per_moon", "many")],
)  # fmt: skip
def test_a_discount_of_anything_else_is_refused(kind: str, amount: str) -> None:
    body = changed("discount.created", "type", kind)

    body["data"]["amount"] = amount

    with pytest.raises(MalformedPayloadError, match=r"^data\.amount "):
        read(body)


def test_a_count_may_be_written_with_a_point() -> None:
    told = read(changed("subscription.created", "items.0.quantity", 2.0))

    assert isinstance(told, SubscriptionSnapshot)
    assert [item.quantity for item in told.lines] == [2]


@pytest.mark.parametrize("place", ["billing_cycle", "trial_period"])
def test_how_often_a_price_is_charged_is_a_count(place: str) -> None:
    for frequency in BAD_COUNTS:
        cycle = {"interval": "month", "frequency": frequency}
        with pytest.raises(MalformedPayloadError, match=f"{place}.*frequency"):
            read(changed("price.created", place, cycle))

    told = read(changed("price.created", place, {"interval": "month", "frequency": 3}))
    assert isinstance(told, PriceSnapshot)
    assert 3 in (told.cycle_frequency, told.trial_frequency)
