"""A checkout that a shop opened is paid, by a buyer who types who they are."""

import httpx
import pytest

from tests.integration.local_paddle.conftest import BASICS
from worker.local_shop import Client, ControlError


def test_a_checkout_without_a_buyer_is_paid_by_who_types_their_address(
    api: httpx.Client, control: Client
) -> None:
    given = {"items": [{"price_id": BASICS, "quantity": 1}]}
    draft = api.post("/transactions", json=given).json()["data"]
    told = {"transaction_id": draft["id"], "email": "ada@example.com"}

    with pytest.raises(ControlError, match="name the buyer's email"):
        control.post("pay", {"transaction_id": draft["id"]})
    receipt = control.post("pay", {**told, "name": "Ada", "country": "DE"})

    types = [one["event_type"] for one in receipt["events"]]
    assert types[:4] == [
        "customer.created",
        "address.created",
        "transaction.updated",
        "transaction.ready",
    ]
    assert types[-1] == "transaction.completed"
    paid = api.get(f"/transactions/{draft['id']}?include=customer,address").json()
    customer, address = paid["data"]["customer"], paid["data"]["address"]
    assert (customer["email"], customer["name"]) == ("ada@example.com", "Ada")
    assert address["country_code"] == "DE"
    access = control.truth()["access"]
    assert [(a["email"], a["has_access"]) for a in access] == [
        ("ada@example.com", True)
    ]
    with pytest.raises(ControlError, match="completed, not ready"):
        control.post("pay", told)


def test_the_tax_of_a_checkout_is_that_of_where_its_buyer_lives(
    api: httpx.Client, control: Client
) -> None:
    discount = control.post("discount", {"amount": "50"})["discount_id"]
    given = {"items": [{"price_id": BASICS, "quantity": 2}], "discount_id": discount}
    draft = api.post("/transactions", json=given).json()["data"]
    same = {"email": "ada@example.com", "country": "DE", "discount": discount}
    bought = control.post(
        "purchase", {**same, "prices": [{"price_id": BASICS, "quantity": 2}]}
    )

    control.pay(draft["id"], email="ada@example.com", country="DE")

    paid, expected = (
        api.get(f"/transactions/{one}").json()["data"]
        for one in (draft["id"], bought["transaction_id"])
    )
    assert draft["details"]["totals"]["tax"] == "0"
    assert paid["details"]["totals"] == expected["details"]["totals"]
    assert int(paid["details"]["totals"]["tax"]) > 0
    assert paid["customer_id"] == expected["customer_id"]
    lines = [one["details"]["line_items"][0]["id"] for one in (draft, paid)]
    assert lines[0] == lines[1]


def test_a_customer_that_the_shop_named_types_an_address_only(
    api: httpx.Client, control: Client
) -> None:
    customer = api.post("/customers", json={"email": "a@example.com"}).json()["data"]
    given = {"items": [{"price_id": BASICS, "quantity": 1}]}
    given |= {"customer_id": customer["id"]}
    draft = api.post("/transactions", json=given).json()["data"]

    control.pay(draft["id"])

    (access,) = control.truth()["access"]
    assert (access["email"], access["has_access"]) == ("a@example.com", True)


def test_an_invoice_without_a_buyer_has_no_page_to_pay_on(
    api: httpx.Client, control: Client
) -> None:
    given = {
        "items": [{"price_id": BASICS, "quantity": 1}],
        "collection_mode": "manual",
        "billing_details": {"payment_terms": {"interval": "day", "frequency": 14}},
    }
    draft = api.post("/transactions", json=given).json()["data"]

    with pytest.raises(ControlError, match="is draft, not ready"):
        control.pay(draft["id"], email="ada@example.com")
