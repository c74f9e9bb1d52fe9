"""Everything sent or answered fits Paddle's OpenAPI description.

Its schemas name no required fields, so a second check compares the keys of each body
with those of Paddle's own examples.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from local_paddle.clock import instant_of
from tests.integration.local_paddle.conftest import BASICS, BUNDLE, YEN, Receiver
from worker.local_shop import Client

DATA = Path(__file__).parents[2] / "data" / "paddle"
SCHEMAS = json.loads((DATA / "schemas.json").read_text())
EXAMPLES = json.loads((DATA / "webhooks.json").read_text())["examples"]
#: Fields that Paddle has added since the description; its Python SDK demands them.
NEWER = {
    "adjusted_payout_totals",
    "exchange_rate",
    "fee_rate",
    "grand_total_tax",
    "proration",
    "retained_fee",
    "tax_rates_used",
}
#: Objects that are null or free in one body and filled in another.
FREE = {
    "billing_cycle",
    "billing_details",
    "billing_period",
    "contacts",
    "current_billing_period",
    "custom_data",
    "discount",
    "payout_totals",
    "scheduled_change",
    "trial_dates",
    "trial_period",
}
MONTHLY = "pri_01jd0m0nth1y00000000000000"
TRIAL = "pri_01jd0tr1a10000000000000000"
SEND_ALL = (
    ("ada@example.com", {"prices": [BASICS, BUNDLE], "declined": True}),
    ("bo@example.com", {"prices": [{"price_id": BASICS, "quantity": 3}]}),
    ("chi@example.com", {"prices": [YEN], "country": "JP", "custom_data": {"a": "b"}}),
)

formats = FormatChecker([])


@formats.checks("date-time", ValueError)  # type: ignore[untyped-decorator]
def is_instant(text: object) -> bool:
    return isinstance(text, str) and text.endswith("Z") and bool(instant_of(text))


def check(name: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", **SCHEMAS}
    Draft202012Validator(schema, format_checker=formats).validate(value)


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in NEWER:
                continue
            yield f"{prefix}.{name}"
            if name not in FREE:
                yield from paths(inner, f"{prefix}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{prefix}[]")


def buy(control: Client) -> list[dict[str, Any]]:
    receipts = [control.purchase(email, **order) for email, order in SEND_ALL]
    bought = [receipt["transaction_id"] for receipt in receipts]
    receipts.append(control.refund(bought[0], lines=[{"price_id": BASICS}]))
    lines = [{"price_id": YEN, "amount": 100}]
    receipts.append(control.refund(bought[2], lines=lines, outcome="rejected"))
    lost = control.dispute(bought[1], warning=True)
    return [*receipts, lost, control.reverse(lost["adjustment_id"])]


def change_catalog(control: Client, api: httpx.Client) -> None:
    product = {"name": "New", "tax_category": "ebooks"}
    made = api.post("/products", json=product).raise_for_status().json()["data"]
    price = {
        "description": "Newest",
        "product_id": made["id"],
        "unit_price": {"amount": "100", "currency_code": "EUR"},
    }
    made = api.post("/prices", json=price).raise_for_status().json()["data"]
    api.patch(f"/prices/{made['id']}", json={"name": "Newer"}).raise_for_status()
    made = control.post("discount", {"code": "HALF", "amount": "50", "recur": True})
    path = f"/discounts/{made['discount_id']}"
    api.patch(path, json={"usage_limit": 50}).raise_for_status()


def change_people(api: httpx.Client) -> None:
    customer = {"email": "dee@example.com"}
    made = api.post("/customers", json=customer).raise_for_status().json()["data"]
    path = f"/customers/{made['id']}"
    api.patch(path, json={"name": "Dee"}).raise_for_status()
    given = {"name": "Dee's", "contacts": [{"name": "Dee", "email": "d@example.com"}]}
    made = api.post(f"{path}/businesses", json=given).raise_for_status().json()["data"]
    path = f"{path}/businesses/{made['id']}"
    api.patch(path, json={"company_number": "7"}).raise_for_status()


def subscribe(control: Client) -> None:
    """Let subscriptions live through all there is, under the moved clock."""
    custom = {"note": "kept"}
    control.subscribe("eve@example.com", price=MONTHLY, custom_data=custom)
    control.subscribe("fay@example.com", price=TRIAL, discount="half")
    control.subscribe("gus@example.com", price=MONTHLY, mode="manual", terms_days=10)
    control.advance(by="15 day")
    control.fail_payments(email="eve@example.com", count=2)
    control.advance(by="1 month")
    control.change_plan(email="fay@example.com", price=MONTHLY)
    control.change_plan(email="fay@example.com", price=TRIAL, trial=None)
    control.post("charge", {"email": "fay@example.com", "price": BASICS})
    control.pause(email="fay@example.com", resume_at="2999-01-01T00:00:00Z")
    control.post("unschedule", {"email": "fay@example.com"})
    control.pause(email="fay@example.com", now=True)
    control.resume(email="fay@example.com")
    control.cancel(email="fay@example.com")
    control.fail_payments(email="eve@example.com", count=99)
    control.advance(by="3 month")


@pytest.fixture
def everything(
    control: Client, settle: Callable[[], object], api: httpx.Client
) -> list[dict[str, Any]]:
    """The shop has done all that it can do; these are its receipts."""
    receipts = buy(control)
    change_catalog(control, api)
    change_people(api)
    cycle = {"cycle": "month", "amount": 2_000}
    prices = [
        {"name": "Monthly", "id": MONTHLY, **cycle},
        {"name": "Tried", "id": TRIAL, "trial": "14 day", **cycle},
    ]
    control.post("catalog", {"prices": prices})
    subscribe(control)
    settle()
    return receipts


def test_every_delivered_body_fits_its_schema_and_example(
    everything: list[dict[str, Any]], receiver: Receiver
) -> None:
    types = set()
    for request in receiver.received:
        event = json.loads(request.body)
        check(event["event_type"], event)
        types.add(event["event_type"])
        example = EXAMPLES[event["event_type"]]
        known = set(paths(example))
        if event["event_type"].startswith("transaction."):
            known |= set(paths(EXAMPLES["transaction.completed"]))
        assert set(paths(event)) <= known
        assert set(event["data"]) >= set(example["data"])
    assert types == set(EXAMPLES)
    assert everything


def test_a_completed_transaction_has_all_that_paddles_example_has(
    everything: list[dict[str, Any]], api: httpx.Client
) -> None:
    path = f"/transactions/{everything[0]['transaction_id']}"
    ours = set(paths(api.get(path).json()["data"]))
    theirs = set(paths(EXAMPLES["transaction.completed"]["data"]))
    assert ours == theirs


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/customers", "customer"),
        ("/subscriptions", "subscription"),
        ("/discounts", "discount"),
        ("/products?include=prices", "product-includes"),
        ("/prices?include=product", "price-includes"),
        ("/transactions", "transaction"),
        (
            "/transactions?include=customer,address,adjustments,available_payment_methods",
            "transaction-includes",
        ),
        ("/adjustments", "adjustment"),
        ("/events", "event"),
        ("/event-types", "event_type"),
        ("/notifications", "notification"),
        ("/notification-settings", "notification_setting"),
    ],
)
def test_every_listed_entity_fits_its_schema(
    path: str, schema: str, everything: list[dict[str, Any]], api: httpx.Client
) -> None:
    answer = api.get(path).raise_for_status().json()
    assert answer["data"]
    assert everything
    for entity in answer["data"]:
        check(schema, entity)
    check("meta" if path == "/event-types" else "meta-paginated", answer["meta"])


def test_logs_and_addresses_fit_their_schemas(
    everything: list[dict[str, Any]], api: httpx.Client
) -> None:
    receipt = everything[0]
    logs = api.get(f"/notifications/{receipt['notification_ids'][0]}/logs").json()
    check("notification_log", logs["data"][0])
    addresses = api.get(f"/customers/{receipt['customer_id']}/addresses").json()
    check("address", addresses["data"][0])


def test_payments_stand_newest_first(
    everything: list[dict[str, Any]], api: httpx.Client
) -> None:
    path = f"/transactions/{everything[0]['transaction_id']}"
    payments = api.get(path).json()["data"]["payments"]
    assert [payment["status"] for payment in payments] == ["captured", "error"]


def test_yen_are_paid_out_in_dollars(
    everything: list[dict[str, Any]], api: httpx.Client
) -> None:
    path = f"/transactions/{everything[2]['transaction_id']}"
    details = api.get(path).json()["data"]["details"]
    assert details["totals"]["total"] == "7700"
    assert details["payout_totals"]["total"] == "5390"
    assert details["payout_totals"]["currency_code"] == "USD"


def test_lines_add_up_to_totals(
    everything: list[dict[str, Any]], api: httpx.Client
) -> None:
    assert everything
    for transaction in api.get("/transactions").json()["data"]:
        details = transaction["details"]
        for name in ("subtotal", "tax", "total"):
            lines = [int(line["totals"][name]) for line in details["line_items"]]
            assert sum(lines) == int(details["totals"][name])


@pytest.mark.parametrize(
    "path",
    ["/customers/ctm_x", "/nowhere", "/prices?per_page=none", "/events?filtre=x"],
)
def test_errors_fit_their_schema(path: str, api: httpx.Client) -> None:
    check("error", api.get(path).json())
