"""Subscriptions through Paddle's API and the control endpoints."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local_paddle.clock import instant_of, rfc3339
from tests.integration.local_paddle.conftest import BASICS, Receiver
from tests.integration.local_paddle.test_bodies import check
from worker.local_shop import Client, ControlError

MONTHLY = "pri_01jd0m0nth1y00000000000000"
DEEP = "pri_01jd0deep1y000000000000000"
EMAIL = "ada@example.com"
Listed = Callable[..., list[Any]]
Api = httpx.Client


@pytest.fixture
def subscription_id(control: Client) -> str:
    month = {"cycle": "month"}
    prices = [
        {"name": "Monthly", "id": MONTHLY, "amount": 1_000, **month},
        {"name": "Deep", "id": DEEP, "amount": 3_000, **month},
    ]
    control.post("catalog", {"prices": prices})
    receipt = control.subscribe(EMAIL, price=MONTHLY, custom_data={"a": "b"})
    return str(receipt["subscription_id"])


@pytest.fixture
def path(subscription_id: str) -> str:
    return f"/subscriptions/{subscription_id}"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    check("error", answer.json())
    return answer.status_code, answer.json()["error"]["code"]


def test_only_the_api_shows_management_urls(
    path: str, api: Api, settle: Callable[[], object], receiver: Receiver
) -> None:
    shown = api.get(path).json()["data"]
    check("subscription", shown)
    assert path in shown["management_urls"]["cancel"]
    assert "transaction_id" not in shown
    settle()
    sent = [json.loads(request.body) for request in receiver.received]
    mine = [e for e in sent if e["event_type"].startswith("subscription.")]
    assert {e["event_type"] for e in mine if "transaction_id" in e["data"]} == {
        "subscription.created"
    }
    assert not any("management_urls" in e["data"] for e in mine)


def test_subscriptions_are_found_by_all_filters(
    subscription_id: str, control: Client, listed: Listed
) -> None:
    other = control.subscribe("bo@example.com", price=DEEP)
    control.cancel(email="bo@example.com")
    mine = listed("/subscriptions", price_id=MONTHLY)[0]
    for query in (
        {"customer_id": mine["customer_id"]},
        {"address_id": mine["address_id"]},
        {"id": subscription_id},
        {"next_billed_at[GT]": "2020-01-01T00:00:00Z"},
    ):
        assert [s["id"] for s in listed("/subscriptions", **query)] == [subscription_id]
    planned = listed("/subscriptions", scheduled_change_action="cancel")
    assert [s["id"] for s in planned] == [other["subscription_id"]]
    control.cancel(email="bo@example.com", now=True)
    assert len(listed("/subscriptions", status="active")) == 1
    assert len(listed("/subscriptions", per_page=1)) == 2
    assert listed("/subscriptions", collection_mode="manual") == []


def test_a_change_says_how_it_is_billed(path: str, api: Api) -> None:
    items = {"items": [{"price_id": DEEP}]}
    assert code_of(api.patch(path, json=items)) == (400, "invalid_field")
    answer = api.patch(path, json=items | {"proration_billing_mode": "do_not_bill"})
    assert [i["price"]["id"] for i in answer.json()["data"]["items"]] == [DEEP]
    check("subscription", answer.json()["data"])


def test_a_declined_change_is_an_error_and_no_change(
    path: str, api: Api, control: Client
) -> None:
    control.fail_payments(email=EMAIL)
    given: dict[str, Any] = {"items": [{"price_id": DEEP, "quantity": 1}]}
    given["proration_billing_mode"] = "prorated_immediately"
    answer = api.patch(path, json=given)
    assert code_of(answer) == (400, "subscription_payment_declined")
    assert api.get(path).json()["data"]["items"][0]["price"]["id"] == MONTHLY


def test_custom_data_goes_on_to_later_transactions(
    path: str, subscription_id: str, api: Api, control: Client, listed: Listed
) -> None:
    api.patch(path, json={"custom_data": {"a": "c"}}).raise_for_status()
    control.advance(by="1 month")
    found = listed("/transactions", subscription_id=subscription_id)
    assert [t["custom_data"] for t in found] == [{"a": "c"}, {"a": "b"}]
    assert listed("/customers")[0]["custom_data"] is None


def test_a_cancellation_is_planned_and_taken_back(path: str, api: Api) -> None:
    planned = api.post(f"{path}/cancel", json={}).json()["data"]
    assert planned["scheduled_change"]["action"] == "cancel"
    assert code_of(api.post(f"{path}/pause", json={})) == (
        400,
        "subscription_locked_pending_changes",
    )
    kept = api.patch(path, json={"scheduled_change": None}).json()["data"]
    assert kept["scheduled_change"] is None
    assert code_of(api.patch(path, json={"scheduled_change": planned})) == (
        400,
        "invalid_field",
    )


def test_a_pause_and_a_resumption(path: str, api: Api) -> None:
    now = {"effective_from": "immediately"}
    assert api.post(f"{path}/pause", json=now).json()["data"]["status"] == "paused"
    later = {"effective_from": "2999-01-01T00:00:00Z"}
    planned = api.post(f"{path}/resume", json=later).json()["data"]
    assert planned["scheduled_change"]["action"] == "resume"
    assert api.post(f"{path}/resume").json()["data"]["status"] == "active"
    assert code_of(api.post(f"{path}/resume")) == (400, "subscription_not_paused")
    assert code_of(api.post(f"{path}/activate")) == (
        400,
        "subscription_is_not_trialing",
    )


def test_what_is_canceled_stays_canceled(path: str, api: Api) -> None:
    now = {"effective_from": "immediately"}
    assert api.post(f"{path}/cancel", json=now).json()["data"]["status"] == "canceled"
    assert code_of(api.post(f"{path}/cancel", json=now)) == (
        400,
        "subscription_update_when_canceled",
    )


def test_nothing_changes_shortly_before_a_renewal(
    path: str, api: Api, control: Client
) -> None:
    due = instant_of(api.get(path).json()["data"]["next_billed_at"])
    control.advance(to=rfc3339(due - timedelta(minutes=10)))
    assert code_of(api.post(f"{path}/cancel")) == (409, "subscription_locked_renewal")


def test_a_charge_is_answered_with_the_subscription(
    path: str, api: Api, control: Client, listed: Listed
) -> None:
    given: dict[str, Any] = {"effective_from": "immediately"}
    given["items"] = [{"price_id": BASICS, "quantity": 2}]
    answer = api.post(f"{path}/charge", json=given)
    assert answer.status_code == 201
    assert len(answer.json()["data"]["items"]) == 1
    assert listed("/transactions", origin="subscription_charge")
    control.fail_payments(email=EMAIL)
    control.advance(by="1 month")
    assert code_of(api.post(f"{path}/charge", json=given)) == (
        409,
        "subscription_outstanding_transaction",
    )


def test_a_subscription_that_is_not_there(api: Api) -> None:
    path = f"/subscriptions/sub_{'0' * 26}"
    for answer in (api.get(path), api.post(f"{path}/cancel"), api.patch(path, json={})):
        assert code_of(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("subscribe", {"email": EMAIL, "price": "pri_x"}, "no price pri_x"),
        ("subscribe", {"email": EMAIL, "course": "basics", "cycle": "eon"}, "duration"),
        ("cancel", {"email": "nobody@example.com"}, "no customer"),
        ("pause", {"subscription_id": "sub_x"}, "no subscription sub_x"),
        ("advance", {"by": "1 month", "to": "2030-01-01T00:00:00Z"}, "name"),
        ("dunning", {"days": [3, 1]}, "rising"),
        ("purchase", {"email": EMAIL, "course": "basics", "mode": "barter"}, "mode"),
        ("simulate", {"type": "subscription_revival"}, "no simulation"),
    ],
)
def test_control_says_in_a_sentence_what_it_cannot_do(
    name: str, body: dict[str, Any], sentence: str, control: Client
) -> None:
    with pytest.raises(ControlError, match=sentence):
        control.post(name, body)


def test_truth_is_told_for_the_askers_clock(
    subscription_id: str, control: Client
) -> None:
    control.fail_payments(99, email=EMAIL)
    control.advance(by="1 month")
    truth = control.truth()
    failed = truth["subscriptions"][0]
    assert (failed["id"], failed["status"]) == (subscription_id, "past_due")
    assert failed["has_access"]
    later = rfc3339(instant_of(truth["now"]) + timedelta(days=8))
    assert not control.truth(now=later)["access"][0]["has_access"]
    assert control.truth(now=later, grace_days=30)["access"][0]["has_access"]
    with pytest.raises(ControlError, match="isoformat"):
        control.truth(now="soon")
