"""What a person sets in the dashboard decides what the API refuses."""

from typing import Any

import httpx
import pytest

from tests.integration.local_paddle.conftest import BASICS
from worker.local_shop import Client, ControlError

ONE = {"items": [{"price_id": BASICS, "quantity": 1}]}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def opened(api: httpx.Client, **fields: object) -> Any:
    return api.post("/transactions", json={**ONE, **fields})


def test_a_checkout_opens_on_the_page_that_was_named(api: httpx.Client) -> None:
    named = opened(api, checkout={"url": "https://shop.courses.example/pay?x=1"})
    usual = opened(api, checkout={"url": None})

    one, other = named.json()["data"], usual.json()["data"]
    assert one["checkout"]["url"] == (
        f"https://shop.courses.example/pay?x=1&_ptxn={one['id']}"
    )
    assert other["checkout"]["url"] == (
        f"https://courses.example/pay?_ptxn={other['id']}"
    )


def test_a_domain_has_to_be_approved_and_a_default_set(
    api: httpx.Client, control: Client
) -> None:
    foreign = opened(api, checkout={"url": "https://elsewhere.example/pay"})
    control.post("dashboard", {"default_payment_link": None})
    without = opened(api)

    assert code_of(foreign) == (400, "transaction_checkout_url_domain_is_not_approved")
    assert code_of(without) == (400, "transaction_default_checkout_url_not_set")
    assert opened(api, checkout={"url": "https://courses.example/"}).status_code == 201


def test_what_is_archived_or_unknown_is_not_sold(api: httpx.Client) -> None:
    api.patch(f"/prices/{BASICS}", json={"status": "archived"})
    unknown = {"items": [{"price_id": f"pri_{'0' * 26}", "quantity": 1}]}

    assert code_of(opened(api)) == (400, "entity_archived")
    assert code_of(opened(api, **unknown)) == (400, "transaction_price_not_found")


def test_an_unknown_discount_is_refused(api: httpx.Client) -> None:
    answer = opened(api, discount_id=f"dsc_{'0' * 26}")

    assert code_of(answer) == (400, "transaction_discount_not_found")


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/transactions", "transaction.read"),
        ("POST", "/transactions", "transaction.write"),
        ("GET", "/notification-settings", "notification_setting.read"),
        ("PATCH", "/notification-settings/x", "notification_setting.write"),
        ("GET", "/customers/x/addresses", "address.read"),
        ("GET", "/events", "notification.read"),
        ("POST", "/simulations/x/runs", "notification_simulation.write"),
        ("GET", "/transactions/x/invoice", "transaction.read"),
    ],
)
def test_a_request_needs_its_permission(
    method: str, path: str, permission: str, api: httpx.Client, control: Client
) -> None:
    control.post("dashboard", {"permissions": ["product.read"]})
    without = api.request(method, path, json={})
    control.post("dashboard", {"permissions": [permission]})
    with_it = api.request(method, path, json={})

    assert code_of(without) == (403, "forbidden")
    assert with_it.status_code != 403
    assert api.get("/event-types").status_code == 200


def test_a_misspelt_permission_is_not_taken(control: Client) -> None:
    with pytest.raises(ControlError, match="no permission"):
        control.post("dashboard", {"permissions": ["transactions"]})
