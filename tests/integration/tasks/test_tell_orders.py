"""``platform.tell`` of orders and failed attempts: whole, repeated alike, in the end."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text
from standardwebhooks import Webhook

from models.outgoing import DeliveryKind
from tests.checkouts import CAPTURED, DECLINED, OWNER, REFERENCE, STORY, checkout
from tests.factories import add_events, rows
from tests.fixtures.platform import SECRET, Hook, Platform, reply
from tests.integration.tasks.conftest import Desk, delivery
from tests.purchases import (
    COURSE,
    LINE_TOTAL,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    at,
    published,
    renamed,
)
from worker.after_commit import Rings
from worker.channels.platform_sink import Beliefs
from worker.settings import ROOT, Settings

SEED = 7
BUYERS = 4


@pytest.fixture
def desk(
    telling: Desk, platform: Platform, settings_of_tasks: Callable[..., Settings]
) -> Desk:
    """A desk at which plain user ids are believed."""
    settings_of_tasks(
        platform_hook_url=platform.url,
        platform_hook_secret=SECRET,
        learner_ids_unsigned=True,
    )
    return telling


def record(desk: Desk, *bodies: Body) -> None:
    """Record events, as the task does."""
    from tasks.record import apply  # noqa: PLC0415 (the app reads settings at import)

    ids = add_events(desk.engine, bodies)
    with desk.engine.begin() as connection:
        apply(Rings(), connection, ids)


def payloads(platform: Platform) -> dict[str, dict[str, Any]]:
    """What was told last of each type, verified."""
    verifier = Webhook(SECRET)
    told = [verifier.verify(hook.body, hook.headers) for hook in platform.hooks]
    return {payload["type"]: payload for payload in told}


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {
        name: value.isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }


def view(engine: Engine, name: str) -> list[dict[str, Any]]:
    """The rows of a public view, as JSON has them."""
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM {name}")).mappings()
        return [plain(dict(row)) for row in found]


def test_an_order_is_told_whole(desk: Desk, platform: Platform) -> None:
    record(desk, published("customer.created"), *STORY)

    assert desk.work().sentence() == "2 sent"

    [row] = view(desk.engine, "payment_status")
    [(ref,)] = rows(desk.engine, "SELECT ref FROM learners WHERE ref = 'user-42'")
    [(email,)] = rows(desk.engine, "SELECT email FROM customers")
    told = payloads(platform)["order.completed"]
    assert told["data"] == {
        **row,
        "learner_ref": ref,
        "email": email,
        "items": [
            {"price_id": ONE_OFF_PRICE, "quantity": 1, "course_keys": [COURSE]},
        ],
    }
    assert told["timestamp"] == STORY[-1]["data"]["payments"][1]["captured_at"].replace(
        "+00:00", "Z"
    )
    named = (row["reference"], row["owner"], row["state"], row["total_minor"])
    assert named == (REFERENCE, OWNER, "completed", LINE_TOTAL)


def test_a_declined_attempt_is_told_with_its_reason(
    desk: Desk, platform: Platform
) -> None:
    record(desk, STORY[1])

    assert desk.work().sentence() == "1 sent"

    [row] = view(desk.engine, "payment_status")
    told = payloads(platform)["payment.failed"]["data"]
    when = DECLINED["created_at"].replace("+00:00", "Z")
    assert told == {
        **row,
        "attempt": {
            "id": "attempt-1",
            "error_code": "expired_card",
            "reason": "the card has expired",
            "attempted_at": when,
        },
    }
    assert row["state"] == "failed"


def test_the_guides_examples_have_the_fields_that_are_sent(
    desk: Desk, platform: Platform
) -> None:
    record(desk, published("customer.created"), *STORY)
    desk.work()
    guide = (ROOT / "docs" / "integrate.md").read_text()
    blocks = re.findall(r"^```json\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    shown = {example["type"]: example for example in map(json.loads, blocks)}
    for kind, told in payloads(platform).items():
        assert names_of(shown[kind]) == names_of(told)


def names_of(value: Any) -> Any:
    """What has which names, without the values."""
    if isinstance(value, dict):
        return {name: names_of(one) for name, one in value.items()}
    return [names_of(one) for one in value] if isinstance(value, list) else None


def test_an_order_of_somebody_unknown_is_told_without_a_learner(
    desk: Desk, platform: Platform
) -> None:
    record(desk, checkout("completed", CAPTURED, custom_data=None))
    desk.work()
    told = payloads(platform)["order.completed"]["data"]
    assert (told["learner_ref"], told["email"], told["owner"]) == (None, None, None)


def test_what_happened_stays_true_and_the_state_is_todays(
    desk: Desk, platform: Platform
) -> None:
    record(desk, published("customer.created"), *STORY)
    refund = adjustment()
    record(desk, at(refund, datetime.fromisoformat(STORY[-1]["occurred_at"])))

    desk.work()

    told = payloads(platform)
    assert told["payment.failed"]["data"]["state"] == "completed"
    assert told["payment.failed"]["data"]["attempt"]["error_code"] == "expired_card"
    assert told["order.completed"]["data"]["state"] == "completed"
    assert told["order.completed"]["data"]["total_minor"] == LINE_TOTAL


class Flaky:
    """A platform that believes all it hears and answers as it likes for a while."""

    def __init__(self, platform: Platform, beliefs: Beliefs) -> None:
        self._platform = platform
        self._beliefs = beliefs
        self._random = Random(SEED)
        self.faults = ["refuse"] * 9 + ["lose"] * 6 + ["late"] * 6 + ["hang"]
        self._random.shuffle(self.faults)

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        hook = self._platform.hooks[-1]
        fault = self.faults.pop() if self.faults else "none"
        if fault == "refuse":
            reply(request, self._random.choice([302, 400, 404, 429, 500, 503]))
            return
        self._believe(hook)
        if fault == "lose":
            request.close_connection = True
            return
        if fault in ("late", "hang"):
            self._platform.over.wait(0.1 if fault == "late" else 60)
        with suppress(OSError):
            reply(request, 204)

    def _believe(self, hook: Hook) -> None:
        self._beliefs.learn(Webhook(SECRET).verify(hook.body, hook.headers))


def test_under_any_faults_the_platform_knows_in_the_end_what_we_know(
    desk: Desk, platform: Platform, tmp_path: Path
) -> None:
    beliefs = Beliefs(tmp_path / "platform.jsonl")
    flaky = Flaky(platform, beliefs)
    platform.answer = flaky
    enrollments = [delivery(desk) for _ in range(BUYERS)]
    for number in range(BUYERS):
        record(desk, *(renamed(body, str(number)) for body in STORY))
    for turn in range(60):
        desk.work_when_due()
        if turn == 1:
            # A version that overtakes the one that is being told.
            change = "UPDATE enrollments SET state = 'ended', version = 2"
            with desk.engine.begin() as connection:
                connection.execute(text(change))
            ids = ", ".join(map(str, enrollments))
            desk.set("version = 2, state = 'pending'", f"id IN ({ids})")
        if not (flaky.faults or rows(desk.engine, LEFT)):
            break

    assert flaky.faults == []
    assert rows(desk.engine, LEFT) == []
    assert by(beliefs.of(DeliveryKind.ENROLLMENT), "learner_ref") == by(
        view(desk.engine, "course_access"), "learner_ref"
    )
    payments = by(view(desk.engine, "payment_status"), "transaction_id")
    for kind in (DeliveryKind.ORDER, DeliveryKind.PAYMENT):
        told = by(beliefs.of(kind), "transaction_id")
        assert {key: {**told[key], **payments[key]} for key in payments} == told
    assert ids_of(platform) == things_of(platform)


LEFT = "SELECT id FROM platform_deliveries WHERE state <> 'sent'"


def by(found: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {row[name]: row for row in found}


def ids_of(platform: Platform) -> dict[str, set[str]]:
    """Every thing that was told, by the ids under which it was."""
    told: dict[str, set[str]] = {}
    for hook in platform.hooks:
        told.setdefault(hook.headers["webhook-id"], set()).add(thing_of(hook))
    return told


def things_of(platform: Platform) -> dict[str, set[str]]:
    """The same if each thing has one id and each id one thing."""
    ids = {thing_of(hook): hook.headers["webhook-id"] for hook in platform.hooks}
    assert len(set(ids.values())) == len(ids)
    return {id_: {thing} for thing, id_ in ids.items()}


def thing_of(hook: Hook) -> str:
    payload = json.loads(hook.body)
    data = payload["data"]
    names = ("learner_ref", "course_key", "version", "transaction_id")
    own = [data.get(name) for name in names]
    if payload["type"] != DeliveryKind.ENROLLMENT:
        own = [data["transaction_id"], data.get("attempt", {}).get("id")]
    return json.dumps([payload["type"], *own])
