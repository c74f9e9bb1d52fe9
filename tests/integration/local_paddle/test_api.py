"""The API's manners: keys, limits, pages, filters, complaints."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.local_paddle.conftest import API_KEY, BASICS, BUNDLE
from worker.local_shop import Client, ControlError

Listed = Callable[..., list[Any]]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "authentication_missing"),
        ("", "authentication_missing"),
        (API_KEY, "authentication_malformed"),
        (f"Basic {API_KEY}", "authentication_malformed"),
        (f"Bearer {API_KEY} more", "authentication_malformed"),
        (f"Bearer {API_KEY}x", "invalid_token"),
        ("Bearer ü", "invalid_token"),
    ],
)
@pytest.mark.parametrize("path", ["/customers", "/local/truth"])
def test_without_the_right_key_everything_is_403(
    path: str, header: str | None, code: str, shared_api: httpx.Client
) -> None:
    given = {} if header is None else {b"Authorization": header.encode()}
    answer = httpx.get(shared_api.base_url.join(path), headers=given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_too_many_requests_say_when_to_come_again(
    control: Client, api: httpx.Client
) -> None:
    control.post("limit", {"requests_per_minute": 3})
    answers = [api.get("/ips") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"]["code"] == "too_many_requests"
    assert 55 <= int(answers[3].headers["Retry-After"]) <= 60
    assert control.counts(), "control is not counted"


def test_the_limit_is_two_hundred_and_forty_a_minute(api: httpx.Client) -> None:
    answers = [api.get("/ips").status_code for _ in range(241)]
    assert answers == [200] * 240 + [429]


def test_another_api_version_is_refused(shared_api: httpx.Client) -> None:
    answer = shared_api.get("/ips", headers={"Paddle-Version": "2"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_what_is_not_there_is_404(shared_api: httpx.Client) -> None:
    missing = "txn_01hv8wptq8987qeep44cyrewp9"
    answer = shared_api.get(f"/transactions/{missing}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "not_found")
    assert missing in error["detail"]
    assert shared_api.get("/nowhere").json()["error"]["code"] == "invalid_url"
    assert (
        shared_api.delete("/customers").json()["error"]["code"] == "method_not_allowed"
    )


def test_pages_follow_each_other_and_end(
    control: Client, listed: Listed, api: httpx.Client
) -> None:
    made = [control.purchase(f"{n}@example.com", prices=[BASICS]) for n in range(7)]
    ids = [receipt["transaction_id"] for receipt in made]
    assert [t["id"] for t in listed("/transactions", per_page=2)] == ids[::-1]
    ascending = listed("/transactions", per_page=3, order_by="id[ASC]")
    assert [t["id"] for t in ascending] == ids
    by_time = listed("/transactions", per_page=2, order_by="updated_at[ASC]")
    assert sorted(t["id"] for t in by_time) == ids
    page = api.get("/transactions", params={"per_page": 2}).json()["meta"]["pagination"]
    assert (page["per_page"], page["has_more"], page["estimated_total"]) == (2, True, 7)


def test_an_empty_list_has_a_next_page_too(shared_api: httpx.Client) -> None:
    pagination = shared_api.get("/transactions").json()["meta"]["pagination"]
    assert pagination["next"].endswith("/transactions")
    assert pagination["has_more"] is False


@pytest.mark.parametrize(
    ("path", "asked", "given"),
    [
        ("/customers", None, 50),
        ("/customers", 500, 200),
        ("/transactions", None, 30),
        ("/transactions", 200, 30),
        ("/adjustments", None, 10),
        ("/adjustments", 200, 50),
        ("/notification-settings", None, 200),
    ],
)
def test_page_sizes_are_clamped(
    path: str, asked: int | None, given: int, shared_api: httpx.Client
) -> None:
    params = {} if asked is None else {"per_page": asked}
    answer = shared_api.get(path, params=params).json()
    assert answer["meta"]["pagination"]["per_page"] == given


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/customers?per_page=0", "per_page"),
        ("/customers?per_page=-1", "per_page"),
        ("/customers?after=evt_01hv8wptq8987qeep44cyrewp9", "after"),
        ("/customers?order_by=email[ASC]", "order_by"),
        ("/customers?status=gone", "status"),
        ("/transactions?updated_at[GT]=yesterday", "updated_at[GT]"),
        ("/prices?recurring=maybe", "recurring"),
        ("/transactions?udpated_at=2026-01-01", "udpated_at"),
        ("/prices?include=everything", "include"),
    ],
)
def test_wrong_parameters_are_named(
    path: str, field: str, shared_api: httpx.Client
) -> None:
    answer = shared_api.get(path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_field")
    assert [complaint["field"] for complaint in error["errors"]] == [field]


def test_transactions_are_found_by_buyer_status_and_time(
    control: Client, listed: Listed
) -> None:
    first = control.purchase("a@example.com", prices=[BASICS])
    second = control.purchase("b@example.com", prices=[BASICS], until="ready")
    ids = [first["transaction_id"], second["transaction_id"]]

    def found(**query: str) -> list[str]:
        return [t["id"] for t in listed("/transactions", order_by="id[ASC]", **query)]

    assert found(customer_id=first["customer_id"]) == ids[:1]
    assert found(status="ready,paid") == ids[1:]
    assert found(id=",".join(ids)) == ids
    assert found(subscription_id="null", origin="web") == ids
    at = listed("/transactions", id=ids[0])[0]["updated_at"]
    assert found(**{"updated_at[GTE]": at, "id": ids[0]}) == ids[:1]
    assert found(**{"updated_at[GT]": at, "id": ids[0]}) == []
    assert found(**{"updated_at[LT]": "2020-01-01T00:00:00Z"}) == []


def test_customers_are_found_by_email_and_search(
    control: Client, listed: Listed, api: httpx.Client
) -> None:
    made = control.purchase("ada@example.com", prices=[BASICS], name="Ada Lovelace")
    control.purchase("bo@example.com", prices=[BASICS])
    for query in ({"email": "ada@example.com"}, {"search": "LOVELACE"}):
        assert [c["id"] for c in listed("/customers", **query)] == [made["customer_id"]]
    path = f"/customers/{made['customer_id']}"
    api.patch(path, json={"status": "archived"}).raise_for_status()
    assert [c["email"] for c in listed("/customers")] == ["bo@example.com"]
    assert len(listed("/customers", status="active,archived")) == 2


def test_prices_events_and_notifications_are_found(
    control: Client, listed: Listed, settle: Callable[[], object]
) -> None:
    price = listed("/prices", id=BUNDLE)[0]
    assert listed("/prices", product_id=price["product_id"]) == [price]
    assert listed("/prices", recurring="true") == []
    receipt = control.purchase("a@example.com", prices=[BASICS])
    settle()
    completed = listed("/events", event_type="transaction.completed,payout.paid")
    assert [e["event_id"] for e in completed] == receipt["event_ids"][-1:]
    after = receipt["event_ids"][4]
    newer = listed("/events", after=after, order_by="id[ASC]", per_page=2)
    assert [event["event_id"] for event in newer] == receipt["event_ids"][5:]
    assert len(listed("/notifications", status="delivered")) == 9
    assert listed("/notifications", status="failed") == []
    about = listed("/notifications", filter=receipt["transaction_id"])
    assert len(about) == 7


def test_a_transaction_is_ready_once_it_has_a_buyer(api: httpx.Client) -> None:
    items = [{"price_id": BASICS, "quantity": 2}]
    draft = api.post("/transactions", json={"items": items})
    assert (draft.status_code, draft.json()["data"]["status"]) == (201, "draft")
    customer = api.post("/customers", json={"email": "a@example.com"}).json()["data"]
    path = f"/customers/{customer['id']}/addresses"
    address = api.post(path, json={"country_code": "DE"}).json()["data"]
    given = {"items": items, "custom_data": {"user": "7"}}
    given |= {"customer_id": customer["id"], "address_id": address["id"]}
    ready = api.post("/transactions", json=given).json()["data"]
    assert (ready["status"], ready["origin"]) == ("ready", "api")
    assert ready["details"]["totals"]["total"] == "11662"
    assert ready["checkout"]["url"].endswith(f"_ptxn={ready['id']}")


def test_a_transaction_made_through_the_api_can_be_paid(
    api: httpx.Client, control: Client
) -> None:
    customer = api.post("/customers", json={"email": "a@example.com"}).json()["data"]
    path = f"/customers/{customer['id']}/addresses"
    address = api.post(path, json={"country_code": "US"}).json()["data"]
    given = {"items": [{"price_id": BASICS, "quantity": 1}]}
    given |= {"customer_id": customer["id"], "address_id": address["id"]}
    ready = api.post("/transactions", json=given).json()["data"]
    control.post("pay", {"transaction_id": ready["id"]})
    assert control.truth()["courses"][0]["has_access"]
    with pytest.raises(ControlError, match="not ready"):
        control.post("pay", {"transaction_id": ready["id"]})


def test_a_known_email_makes_no_second_customer(api: httpx.Client) -> None:
    first = api.post("/customers", json={"email": "a@example.com"}).json()["data"]
    again = api.post("/customers", json={"email": "A@example.com"})
    error = again.json()["error"]
    assert (again.status_code, error["code"]) == (409, "customer_already_exists")
    assert first["id"] in error["detail"]


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/customers", {}, ["email"]),
        ("/customers", {"email": "nobody"}, ["email"]),
        ("/customers", {"email": "a@b.example", "emial": 1}, ["emial"]),
        ("/customers", [], [""]),
        ("/products", {"name": "", "tax_category": "food"}, ["name", "tax_category"]),
        ("/transactions", {"items": []}, ["items"]),
        ("/transactions", {"items": [{"price_id": BASICS, "quantity": 0}]}, ["items"]),
    ],
)
def test_wrong_bodies_are_refused_field_by_field(
    path: str, body: object, fields: list[str], shared_api: httpx.Client
) -> None:
    answer = shared_api.post(path, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_field")
    assert [complaint["field"] for complaint in error["errors"]] == fields


def test_broken_json_is_refused(shared_api: httpx.Client) -> None:
    answer = shared_api.post("/customers", content=b'{"email":')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("purchase", {"email": "a@example.com", "course": "cooking"}, "no price gives"),
        ("purchase", {"email": "a@example.com"}, "nothing to buy"),
        ("purchase", {"course": "basics"}, "email"),
        ("purchase", {"email": "a@b.example", "prices": ["pri_x"]}, "no price pri_x"),
        ("refund", {"transaction_id": "txn_x"}, "no transaction txn_x"),
        ("plan", {"dorp": 1}, "dorp"),
        ("inject", {"kind": "mild"}, "mild"),
        ("inject", {"kind": "poison"}, "no completed transaction"),
        ("clock", {"factor": 0}, "above 0"),
        ("decide", {"adjustment_id": "adj_x", "outcome": "approved"}, "no pending"),
    ],
)
def test_control_says_in_a_sentence_what_it_cannot_do(
    name: str, body: dict[str, Any], sentence: str, control: Client
) -> None:
    with pytest.raises(ControlError, match=sentence):
        control.post(name, body)


def test_new_prices_can_be_put_on_sale(control: Client) -> None:
    price = {"name": "Unlisted", "amount": 0}
    made = control.post("catalog", {"prices": [price]})["price_ids"]
    receipt = control.purchase("a@example.com", prices=made)
    access = control.truth()["access"]
    assert [(a["price_id"], a["courses"]) for a in access] == [(made[0], [])]
    transactions = control.truth()["transactions"]
    assert transactions[0]["id"] == receipt["transaction_id"]
    assert transactions[0]["total"] == "0"
