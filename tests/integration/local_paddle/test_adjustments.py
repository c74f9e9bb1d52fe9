"""Refunds, discounts and invoices through Paddle's API."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.local_paddle.conftest import BASICS
from tests.integration.local_paddle.test_bodies import check
from worker.local_shop import Client

EMAIL = "ada@example.com"
Listed = Callable[..., list[Any]]
Api = httpx.Client


def code_of(answer: httpx.Response) -> tuple[int, str]:
    check("error", answer.json())
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def bought(control: Client) -> dict[str, Any]:
    return control.purchase(EMAIL, prices=[BASICS])


def refund(api: Api, bought: dict[str, Any], **given: object) -> httpx.Response:
    body = {"action": "refund", "reason": "asked", "type": "full"}
    named = {"transaction_id": bought["transaction_id"]}
    return api.post("/adjustments", json=body | named | given)


def test_a_refund_is_pending_until_its_round(
    bought: dict[str, Any], api: Api, control: Client, listed: Listed
) -> None:
    answer = refund(api, bought)
    assert answer.status_code == 201
    check("adjustment", answer.json()["data"])
    assert answer.json()["data"]["status"] == "pending_approval"
    control.advance(by="1 day")
    assert [a["status"] for a in listed("/adjustments")] == ["approved"]
    assert code_of(refund(api, bought)) == (
        400,
        "adjustment_total_amount_above_remaining_allowed",
    )


def test_one_refund_waits_for_another(
    bought: dict[str, Any], api: Api, control: Client
) -> None:
    # Just after a round, so that none comes between the two.
    control.advance(to="2999-01-01T00:00:01Z")
    line = api.get(f"/transactions/{bought['transaction_id']}").json()["data"]
    line_id = line["details"]["line_items"][0]["id"]
    part = {"item_id": line_id, "type": "partial", "amount": "100"}
    made = refund(api, bought, type="partial", items=[part])
    assert made.json()["data"]["items"][0]["amount"] == "100"
    assert code_of(refund(api, bought)) == (400, "adjustment_pending_refund_request")


def test_what_is_not_completed_cannot_be_refunded(control: Client, api: Api) -> None:
    ready = control.purchase(EMAIL, prices=[BASICS], until="ready")
    assert code_of(refund(api, ready)) == (
        400,
        "adjustment_transaction_invalid_status_for_refund",
    )
    unknown = {"transaction_id": f"txn_{'0' * 26}"}
    assert code_of(refund(api, unknown)) == (404, "not_found")


@pytest.mark.parametrize(
    "given",
    [
        {"type": "partial"},
        {"items": [{"item_id": "txnitm_x", "type": "partial"}], "type": "partial"},
        {"items": [{"item_id": "txnitm_x", "type": "most"}], "type": "partial"},
        {"action": "chargeback"},
        {"reason": ""},
    ],
)
def test_a_refund_that_makes_no_sense_is_refused(
    given: dict[str, Any], bought: dict[str, Any], api: Api
) -> None:
    assert code_of(refund(api, bought, **given)) == (400, "invalid_field")


def test_discounts_are_made_found_and_archived(api: Api, listed: Listed) -> None:
    given = {"description": "Ten off", "type": "percentage", "amount": "10"}
    made = api.post("/discounts", json=given | {"code": "TEN"}).json()["data"]
    check("discount", made)
    assert listed("/discounts", code="TEN") == [made]
    again = api.post("/discounts", json=given | {"code": "ten"})
    assert code_of(again) == (409, "discount_code_conflict")
    hidden = api.post("/discounts", json=given | {"enabled_for_checkout": False})
    assert hidden.json()["data"]["code"] is None
    flat = given | {"type": "flat", "amount": "500"}
    assert code_of(api.post("/discounts", json=flat)) == (400, "invalid_field")
    path = f"/discounts/{made['id']}"
    api.patch(path, json={"status": "archived"}).raise_for_status()
    assert made["id"] not in [d["id"] for d in listed("/discounts")]
    assert len(listed("/discounts", status="active,archived")) == 2


def test_an_api_transaction_has_discount_business_and_terms(
    api: Api, control: Client
) -> None:
    customer = api.post("/customers", json={"email": EMAIL}).json()["data"]
    people = f"/customers/{customer['id']}"
    address = api.post(f"{people}/addresses", json={"country_code": "CH"})
    business = api.post(f"{people}/businesses", json={"name": "A school"})
    check("business", business.json()["data"])
    discount = control.post("discount", {"amount": "100"})
    given = {
        "items": [{"price_id": BASICS, "quantity": 1}],
        "customer_id": customer["id"],
        "address_id": address.json()["data"]["id"],
        "business_id": business.json()["data"]["id"],
        "discount_id": discount["discount_id"],
        "collection_mode": "manual",
        "billing_details": {"payment_terms": {"interval": "day", "frequency": 14}},
    }
    answer = api.post("/transactions?include=business,discount", json=given)
    made = answer.json()["data"]
    assert (made["status"], made["details"]["totals"]["total"]) == ("ready", "0")
    control.pay(made["id"])
    shown = api.get(f"/transactions/{made['id']}?include=business,discount")
    check("transaction-includes", shown.json()["data"])
    assert shown.json()["data"]["status"] == "completed"
    assert shown.json()["data"]["discount"]["times_used"] == 1
    stranger = f"biz_{'0' * 26}"
    wrong = api.post("/transactions", json=given | {"business_id": stranger})
    assert code_of(wrong) == (400, "invalid_field")
