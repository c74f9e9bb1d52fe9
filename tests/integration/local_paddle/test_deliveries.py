"""Deliveries on a real wire: signed, retried, and failing as told."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from local_paddle.hostile import MALFORMED, POISON
from tests.integration.local_paddle.conftest import BASICS, Receiver
from worker.local_shop import Client

Settle = Callable[[], dict[str, int]]

ONE_OFF = [
    "transaction.created",
    "customer.created",
    "address.created",
    "transaction.updated",
    "transaction.ready",
    "transaction.updated",
    "transaction.paid",
    "transaction.updated",
    "transaction.completed",
]
KEYS = ["data", "event_id", "event_type", "occurred_at", "notification_id"]
#: Retries come a thousand times faster than Paddle's: 60 ms for a minute.
FAST = 1_000


def identity_holds(counts: dict[str, int]) -> bool:
    ended = counts["answered_200"] + counts["refused"] + counts["unanswered"]
    return counts["deliveries"] == ended and counts["in_flight"] == 0


def test_a_purchase_sends_paddles_events_in_its_order(control: Client) -> None:
    receipt = control.purchase("ada@example.com", course="basics")
    assert [event["event_type"] for event in receipt["events"]] == ONE_OFF
    assert receipt["event_ids"] == sorted(receipt["event_ids"])
    times = [event["occurred_at"] for event in receipt["events"]]
    assert times[0] < times[3] < times[5] < times[7]


def test_a_known_buyer_makes_no_second_customer(control: Client) -> None:
    first = control.purchase("ada@example.com", prices=[BASICS])
    second = control.purchase("ADA@example.com", prices=[BASICS])
    assert second["customer_id"] == first["customer_id"]
    assert len(second["events"]) == 7


def test_a_declined_card_adds_its_event(control: Client) -> None:
    receipt = control.purchase("ada@example.com", prices=[BASICS], declined=True)
    types = [event["event_type"] for event in receipt["events"]]
    assert (
        types.index("transaction.payment_failed")
        == types.index("transaction.ready") + 1
    )
    assert types[-1] == "transaction.completed"


def test_bodies_are_compact_with_paddles_order_of_keys(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.purchase("ada@example.com", prices=[BASICS], name="Ada Ü")
    settle()
    assert len(receiver.received) == len(ONE_OFF)
    for request in receiver.received:
        event = json.loads(request.body)
        assert list(event) == KEYS
        assert request.body == json.dumps(event, separators=(",", ":")).encode()
        assert request.headers["User-Agent"] == "Paddle"


def test_every_retry_has_a_fresh_timestamp_and_the_same_id(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    # About 1.2 s of real time until the third try, so that the second changes.
    control.compress(100)
    receiver.answers += [500] * len(ONE_OFF) * 2
    control.purchase("ada@example.com", prices=[BASICS])
    counts = settle()
    assert counts["refused"] == 2 * len(ONE_OFF)
    assert counts["real"] == 3 * len(ONE_OFF)
    bodies = Counter(request.body for request in receiver.received)
    assert set(bodies.values()) == {3}
    stamps = {r.headers["Paddle-Signature"].split(";")[0] for r in receiver.received}
    assert len(stamps) > 1


@pytest.mark.parametrize("status", [201, 204, 302, 400, 503])
def test_only_200_counts_as_delivered(
    status: int, control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.compress(FAST)
    receiver.answers.append(status)
    control.purchase("ada@example.com", prices=[BASICS], until="draft")
    counts = settle()
    assert (counts["refused"], counts["answered_200"]) == (1, 1)


def test_after_the_last_retry_a_notification_has_failed(
    control: Client, settle: Settle, receiver: Receiver, api: httpx.Client
) -> None:
    control.post("clock", {"schedule": "sandbox", "factor": 10_000})
    receiver.answers += [500] * 4
    receipt = control.purchase("ada@example.com", prices=[BASICS], until="draft")
    counts = settle()
    assert (counts["exhausted"], counts["refused"]) == (1, 4)
    path = f"/notifications/{receipt['notification_ids'][0]}"
    found = api.get(path).json()["data"]
    assert (found["status"], found["times_attempted"]) == ("failed", 4)
    assert found["retry_at"] is None
    logs = api.get(f"{path}/logs").json()["data"]
    assert [entry["response_code"] for entry in logs] == [500] * 4


def test_waiting_for_a_retry_shows_in_the_notification(
    control: Client, receiver: Receiver, api: httpx.Client
) -> None:
    receiver.answers.append(500)
    receipt = control.purchase("ada@example.com", prices=[BASICS], until="draft")
    path = f"/notifications/{receipt['notification_ids'][0]}"
    found = api.get(path).json()["data"]
    while found["status"] == "not_attempted":
        found = api.get(path).json()["data"]
    assert (found["status"], found["times_attempted"]) == ("needs_retry", 1)
    assert found["retry_at"] > found["last_attempt_at"]
    assert 55 < control.get("quiet")["next_due_seconds"] <= 60


def test_a_receiver_that_is_too_slow_has_not_answered(
    control: Client, receiver: Receiver, settle: Settle
) -> None:
    control.compress(FAST)
    receiver.delay_seconds = 60
    control.purchase("ada@example.com", prices=[BASICS], until="draft")
    while not receiver.received:
        time.sleep(0.01)
    receiver.delay_seconds = 0
    counts = settle()
    assert counts["unanswered"] == counts["answered_200"] == 1
    assert 5 <= receiver.received[1].at - receiver.received[0].at < 30


def test_nobody_listening_is_unanswered(control: Client, api: httpx.Client) -> None:
    setting = api.get("/notification-settings").json()["data"][0]
    path = f"/notification-settings/{setting['id']}"
    api.patch(path, json={"destination": "http://127.0.0.1:9/"}).raise_for_status()
    control.compress(10_000)
    control.post("clock", {"schedule": "sandbox"})
    control.purchase("ada@example.com", prices=[BASICS], until="draft")
    assert control.wait_until_quiet(60)
    counts = control.counts()
    assert (counts["unanswered"], counts["exhausted"]) == (4, 1)


def test_a_dropped_delivery_leaves_nothing_and_comes_again(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.compress(FAST)
    control.purchase("a@example.com", prices=[BASICS], faults={"*": "drop"})
    counts = settle()
    assert counts["cut"] == counts["unanswered"] == len(ONE_OFF)
    assert counts["answered_200"] == len(receiver.received) == len(ONE_OFF)


def test_a_lost_delivery_never_arrives(
    control: Client, settle: Settle, receiver: Receiver, api: httpx.Client
) -> None:
    order = {"prices": [BASICS], "faults": {"*": "lost"}}
    receipt = control.purchase("a@example.com", **order)
    counts = settle()
    assert not receiver.received
    assert counts["unanswered"] == counts["exhausted"] == len(ONE_OFF)
    path = f"/notifications/{receipt['notification_ids'][0]}"
    found = api.get(path).json()["data"]
    assert (found["status"], found["times_attempted"]) == ("failed", 1)
    listed = api.get("/events").json()["data"]
    assert {event["event_id"] for event in listed} == set(receipt["event_ids"])


def test_a_lost_answer_is_sent_again(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.compress(FAST)
    control.purchase("a@example.com", prices=[BASICS], faults={"*": "answer_lost"})
    counts = settle()
    assert counts["answers_lost"] == len(ONE_OFF)
    assert counts["answered_200"] == len(receiver.received) == 2 * len(ONE_OFF)
    assert counts["accepted"] == len(ONE_OFF)


def test_a_double_comes_twice(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.purchase("a@example.com", prices=[BASICS], faults={"*": "double"})
    counts = settle()
    assert counts["doubled"] == len(ONE_OFF)
    assert set(Counter(r.body for r in receiver.received).values()) == {2}


def test_corrupt_and_forged_and_stale_deliveries_are_refused(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.compress(FAST)
    control.purchase("a@example.com", prices=[BASICS], faults={"*": "corrupt"})
    control.inject("forged", count=3)
    control.inject("stale", count=2)
    counts = settle()
    assert counts["corrupted"] == len(ONE_OFF)
    assert (counts["forged"], counts["stale"]) == (3, 2)
    assert counts["refused"] == len(receiver.refused) == len(ONE_OFF) + 5
    assert counts["answered_200"] == len(ONE_OFF)
    assert identity_holds(counts)


def test_malformed_bodies_are_rightly_signed(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    for variant in set(MALFORMED) - {"not_utf8"}:  # Paddle's verifier raises on that
        control.inject("malformed", variant)
    settle()
    seen = {hashlib.sha256(r.body).hexdigest() for r in receiver.received}
    told = control.truth()["extras"]
    assert seen == {extra["sha256"] for extra in told}
    assert {extra["variant"] for extra in told} == set(MALFORMED) - {"not_utf8"}


def test_poison_has_a_good_envelope(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.purchase("a@example.com", prices=[BASICS])
    for variant in POISON:
        control.inject("poison", variant)
    settle()
    bodies = [json.loads(request.body) for request in receiver.received]
    seen = {body["event_id"] for body in bodies if list(body) == KEYS}
    told = {extra["event_id"] for extra in control.truth()["extras"]}
    assert len(told) == len(POISON)
    assert told < seen


def test_extras_are_no_events_of_the_api(
    control: Client, settle: Settle, listed: Callable[..., list[dict[str, object]]]
) -> None:
    control.purchase("a@example.com", prices=[BASICS])
    for kind in ("forged", "stale", "malformed", "poison"):
        control.inject(kind, "no_id" if kind == "malformed" else None)
    control.post("clock", {"schedule": "sandbox", "factor": FAST})
    settle()
    assert len(listed("/events")) == len(listed("/notifications")) == len(ONE_OFF)


def test_a_held_event_arrives_out_of_order(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.plan(hold=0.5, hold_seconds=1.5, seed=3)
    receipt = control.purchase("a@example.com", prices=[BASICS])
    settle()
    arrived = [json.loads(request.body)["event_id"] for request in receiver.received]
    assert arrived != receipt["event_ids"]
    assert sorted(arrived) == receipt["event_ids"]


def test_a_day_of_faults_delivers_every_event_and_adds_up(
    control: Client, settle: Settle, receiver: Receiver
) -> None:
    control.compress(FAST)
    control.plan(
        seed=11, drop=0.1, answer_lost=0.1, double=0.1, corrupt=0.1, hold=0.2,
        hold_seconds=0.2, forged=0.05, stale=0.05, poison=0.05, declined=0.3,
    )  # fmt: skip
    for number in range(25):
        control.purchase(f"{number}@example.com", prices=[BASICS])
    counts = settle()
    assert identity_holds(counts)
    assert counts["answered_200"] == len(receiver.received)
    assert counts["forged_answered_200"] == counts["stale_answered_200"] == 0
    assert counts["refused"] == len(receiver.refused)
    assert all(event["answered_200"] for event in control.truth()["events"])
    seen = {json.loads(request.body)["event_id"] for request in receiver.received}
    assert len(seen) == counts["accepted"]
    for kind in ("cut", "answers_lost", "doubled", "corrupted", "forged", "poison"):
        assert counts[kind] > 0


def test_replay_sends_the_same_event_as_another_notification(
    control: Client, settle: Settle, receiver: Receiver, api: httpx.Client
) -> None:
    receipt = control.purchase("a@example.com", prices=[BASICS], until="draft")
    settle()
    first = receipt["notification_ids"][0]
    answer = api.post(f"/notifications/{first}/replay")
    assert answer.status_code == 202
    again = answer.json()["data"]["notification_id"]
    settle()
    bodies = [json.loads(request.body) for request in receiver.received]
    assert [body["event_id"] for body in bodies] == receipt["event_ids"] * 2
    assert [body["notification_id"] for body in bodies] == [first, again]
    assert api.get(f"/notifications/{first}").json()["data"]["replayed_at"]
    refused = api.post(f"/notifications/{again}/replay").json()["error"]["code"]
    assert refused == "notification_replay_invalid_origin_type"


def test_a_second_destination_gets_notifications_of_its_own(
    control: Client, settle: Settle, receiver: Receiver, api: httpx.Client
) -> None:
    setting = {
        "description": "Second",
        "destination": receiver.url,
        "type": "url",
        "subscribed_events": ["transaction.completed"],
    }
    answer = api.post("/notification-settings", json=setting)
    assert answer.status_code == 201
    receipt = control.purchase("a@example.com", prices=[BASICS])
    control.post("clock", {"schedule": "sandbox", "factor": 10_000})
    settle()
    assert len(receipt["events"][-1]["notification_ids"]) == 2
    assert len(receiver.refused) == 4, "it is signed with a secret of its own"
