"""Simulated events: signed like real ones, marked by their ids, about nothing real."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.local_paddle.conftest import BASICS, Receiver
from tests.integration.local_paddle.test_bodies import check
from worker.local_shop import Client

Api = httpx.Client
Listed = Callable[..., list[Any]]
RENEWAL = [
    "subscription.updated",
    "transaction.created",
    "transaction.billed",
    "transaction.updated",
    "transaction.paid",
    "transaction.updated",
    "transaction.completed",
]
DUNNED = [
    "subscription.updated",
    "transaction.created",
    "transaction.billed",
    "transaction.payment_failed",
    "transaction.updated",
    "transaction.past_due",
    "subscription.updated",
    "subscription.past_due",
]
OWED = ["transaction.updated", "transaction.canceled"]


@pytest.fixture
def setting_id(api: Api) -> str:
    found = api.get("/notification-settings").json()["data"][0]["id"]
    path = f"/notification-settings/{found}"
    api.patch(path, json={"traffic_source": "all"}).raise_for_status()
    return str(found)


@pytest.fixture
def simulate(setting_id: str, api: Api) -> Callable[..., dict[str, Any]]:
    def run(name: str, **given: Any) -> dict[str, Any]:
        body = {"notification_setting_id": setting_id, "name": "A try", "type": name}
        made = api.post("/simulations", json=body | given)
        assert made.status_code == 201, made.text
        check("simulation", made.json()["data"])
        path = f"/simulations/{made.json()['data']['id']}/runs"
        answer = api.post(path)
        assert answer.status_code == 201, answer.text
        check("simulation-run", answer.json()["data"])
        return {"path": f"{path}/{answer.json()['data']['id']}"}

    return run


def types_in(receiver: Receiver) -> list[str]:
    """Return the types of what came, in the order in which it was made."""
    events = [json.loads(request.body) for request in receiver.received]
    events.sort(key=lambda event: event["event_id"])
    return [event["event_type"] for event in events]


@pytest.fixture
def played(
    simulate: Callable[..., dict[str, Any]],
    settle: Callable[[], object],
    receiver: Receiver,
) -> Callable[..., list[str]]:
    def run(name: str, **given: Any) -> list[str]:
        simulate(name, **given)
        settle()
        return types_in(receiver)

    return run


def test_a_simulated_event_is_signed_and_marked(
    simulate: Callable[..., dict[str, Any]],
    receiver: Receiver,
    settle: Callable[[], dict[str, int]],
    api: Api,
    listed: Listed,
) -> None:
    run = simulate("transaction.completed")
    counts = settle()
    event = json.loads(receiver.received[0].body)
    assert event["event_id"].startswith("ntfsimevt_")
    assert event["notification_id"].startswith("ntfsimntf_")
    check("transaction", event["data"])
    assert event["data"]["status"] == "completed"
    assert listed("/events") == []
    assert listed("/notifications") == []
    assert (counts["simulation"], counts["deliveries"]) == (1, 1)
    shown = api.get(run["path"], params={"include": "events"}).json()["data"]
    assert shown["status"] == "completed"
    check("simulation-run-includes", shown)
    check("simulation-event", shown["events"][0])
    assert shown["events"][0]["status"] == "success"
    assert shown["events"][0]["response"] == {"body": "ok", "status_code": 200}


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("subscription_renewal", {"payment_outcome": "success"}, RENEWAL),
        (
            "subscription_renewal",
            {"payment_outcome": "recovered_updated_payment_method"},
            [*DUNNED, *RENEWAL[3:], "subscription.updated"],
        ),
        (
            "subscription_renewal",
            {
                "payment_outcome": "failed",
                "dunning_exhausted_action": "subscription_paused",
            },
            [
                *DUNNED,
                *["transaction.payment_failed"] * 7,
                "subscription.updated",
                "subscription.paused",
                *OWED,
            ],
        ),
        ("subscription_pause", {}, ["subscription.updated", "subscription.paused"]),
        (
            "subscription_pause",
            {"has_past_due_transaction": True},
            ["subscription.updated", "subscription.paused", *OWED],
        ),
        (
            "subscription_cancellation",
            {"effective_from": "next_billing_period"},
            ["subscription.updated", "subscription.updated", "subscription.canceled"],
        ),
        (
            "subscription_resume",
            {},
            [
                "subscription.updated",
                "subscription.resumed",
                *RENEWAL[1:],
                "subscription.updated",
                "subscription.activated",
            ],
        ),
        (
            "subscription_creation",
            {},
            [
                "transaction.created",
                "customer.created",
                "address.created",
                "transaction.updated",
                "transaction.ready",
                "transaction.updated",
                "transaction.paid",
                "subscription.created",
                "subscription.activated",
                "transaction.updated",
                "transaction.updated",
                "transaction.completed",
            ],
        ),
    ],
)
def test_a_scenario_is_played_by_its_options(
    name: str,
    options: dict[str, Any],
    expected: list[str],
    played: Callable[..., list[str]],
) -> None:
    assert played(name, config={name: {"options": options}}) == expected


def test_a_simulation_changes_nothing(
    simulate: Callable[..., dict[str, Any]],
    control: Client,
    receiver: Receiver,
    settle: Callable[[], object],
) -> None:
    real = control.subscribe("ada@example.com", price=BASICS)
    settle()
    before = control.truth()
    receiver.received.clear()
    entities = {"subscription_id": real["subscription_id"]}
    config = {"subscription_cancellation": {"entities": entities}}
    simulate("subscription_cancellation", config=config)
    settle()
    told = json.loads(receiver.received[0].body)["data"]
    assert (told["id"], told["status"]) == (real["subscription_id"], "canceled")
    after = control.truth()
    for fact in ("access", "subscriptions", "transactions", "events"):
        assert after[fact] == before[fact]
    assert control.get("agenda")["due"]


def test_every_single_event_has_a_sample(
    setting_id: str,
    simulate: Callable[..., dict[str, Any]],
    api: Api,
    receiver: Receiver,
    settle: Callable[[], object],
) -> None:
    assert setting_id
    types = api.get("/simulation-types").json()["data"]
    for found in types:
        check("simulation_type", found)
    singles = [t["name"] for t in types if t["type"] == "single_event"]
    for name in singles:
        simulate(name)
    settle()
    for request in receiver.received:
        event = json.loads(request.body)
        real = {"event_id": f"evt_{'0' * 26}", "notification_id": f"ntf_{'0' * 26}"}
        check(event["event_type"], event | real)
    assert set(types_in(receiver)) == set(singles)


def test_a_payload_of_ones_own_is_sent_as_it_is(
    simulate: Callable[..., dict[str, Any]],
    receiver: Receiver,
    settle: Callable[[], object],
) -> None:
    simulate("payout.paid", payload={"id": "mine", "anything": [1]})
    settle()
    data = json.loads(receiver.received[0].body)["data"]
    assert data == {"id": "mine", "anything": [1]}


def test_a_refused_simulation_is_not_tried_again_but_can_be_replayed(
    simulate: Callable[..., dict[str, Any]],
    receiver: Receiver,
    settle: Callable[[], object],
    api: Api,
) -> None:
    receiver.answers.append(500)
    run = simulate("customer.created")
    settle()
    events = api.get(f"{run['path']}/events").json()["data"]
    assert [event["status"] for event in events] == ["failed"]
    path = f"{run['path']}/events/{events[0]['id']}"
    assert api.get(path).json()["data"]["response"]["status_code"] == 500
    replayed = api.post(f"{path}/replay")
    assert replayed.status_code == 202
    settle()
    assert len(receiver.received) == 2


def test_a_destination_takes_what_it_asked_for(
    control: Client, receiver: Receiver, settle: Callable[[], object], api: Api
) -> None:
    setting = api.get("/notification-settings").json()["data"][0]
    body = {"notification_setting_id": setting["id"], "name": "x"}
    refused = api.post("/simulations", json=body | {"type": "customer.created"})
    assert refused.status_code == 400
    path = f"/notification-settings/{setting['id']}"
    api.patch(path, json={"traffic_source": "simulation"}).raise_for_status()
    control.purchase("ada@example.com", prices=[BASICS])
    control.post("simulate", {"type": "customer.created"})
    settle()
    assert types_in(receiver) == ["customer.created"]


def test_simulations_are_listed_changed_and_kept(
    simulate: Callable[..., dict[str, Any]], api: Api, listed: Listed
) -> None:
    simulate("customer.created")
    made = listed("/simulations")[0]
    assert made["last_run_at"]
    path = f"/simulations/{made['id']}"
    api.patch(path, json={"status": "archived"}).raise_for_status()
    assert listed("/simulations") == []
    assert api.get(path).json()["data"]["status"] == "archived"
    assert len(listed(f"{path}/runs")) == 1
    assert api.get(f"/simulations/ntfsim_{'0' * 26}").status_code == 404
