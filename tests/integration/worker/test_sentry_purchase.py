"""What Sentry hears of purchases: the rows that die, with the steps before; no more."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from sqlalchemy import Engine, text

from tests.factories import add_bytes, add_events, one, rows
from tests.fixtures.processes import eventually
from tests.fixtures.sentry import PlayedSentry
from tests.fixtures.workers import CANARY, CeleryProcess
from tests.purchases import (
    CUSTOMER,
    TRANSACTION,
    encoded,
    published,
    purchase,
    renamed,
    transaction,
)

Start = Callable[..., CeleryProcess]
SUBSCRIPTION = "sub_01hv8x29kz0t854b9zt3jxy000"
#: What must never leave, by where it stands.
SECRETS = {
    "smtp_url": "smtp://postman:c4n4ry-smtp@127.0.0.1:9",
    "paddle_api_key": "c4n4ry-api-key",
    "paddle_webhook_secrets": "pdl_ntfset_c4n4ry_secret",
    "alert_urls": "json://127.0.0.1:9/c4n4ry-alert-token",
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_" + "YzRuNHJ5" * 4,
}
BUYER = published("customer.created")["data"]
WORDS = (
    *("c4n4ry", "YzRuNHJ5", CANARY, "quoted-by-nobody"),
    *(BUYER["email"], BUYER["name"], CUSTOMER),
)


def add_broken(engine: Engine, count: int) -> list[int]:
    """Events of which something is missing, with a text that nobody may quote."""
    body = transaction("transaction.completed", subscription_id=SUBSCRIPTION)
    del body["data"]["items"]
    body["data"]["custom_data"] = {"note": f"quoted-by-nobody {CANARY}"}
    with engine.begin() as connection:
        return [
            add_bytes(connection, encoded(body), event_id, body["event_type"])
            for event_id in (f"evt_01hv8x29kz0t854b9zt3jxy{n:03}" for n in range(count))
        ]


def add_duplicate(engine: Engine) -> None:
    """Another spelling of an event that is known."""
    (first,) = add_events(engine, [renamed(transaction("transaction.paid"), "55")])
    body = renamed(transaction("transaction.paid"), "55") | {"notification_id": "ntf_2"}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO inbox_variants (inbox_id, digest, body) VALUES (:i, '', :b)"
            ),
            {"i": first, "b": encoded(body)},
        )


def states(engine: Engine, table: str) -> dict[str, int]:
    return dict(rows(engine, f"SELECT state, count(*) FROM {table} GROUP BY 1"))


def crumbs_of(event: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The last crumb of each step."""
    return {c["message"]: c["data"] for c in event["breadcrumbs"]["values"]}


@pytest.fixture
def ring(sender: Celery) -> Callable[..., None]:
    """Return a function that rings for tasks, or starts those that take nothing."""

    def send(*tasks: str, args: Sequence[object] = ([], 1)) -> None:
        for task in tasks:
            sender.send_task(task, args=args)

    return send


def test_expected_outcomes_are_no_errors(
    played_sentry: PlayedSentry,
    engine: Engine,
    ring: Callable[..., None],
    start_worker: Start,
) -> None:
    # Parked (no course is named), ignored, stale (an old state after a newer one).
    kept = {**published("price.created"), "event_type": "payout.created"}
    add_events(engine, [*purchase(), kept])
    add_events(engine, [renamed(transaction("transaction.paid", None), "77")])
    add_duplicate(engine)
    worker = start_worker(sentry_dsn=played_sentry.dsn)
    ring("events.record")
    eventually(lambda: states(engine, "inbox").get("pending", 0) == 0)
    add_events(engine, [renamed_event(transaction("transaction.created"))])
    ring("events.record", "variants.compare")
    eventually(lambda: "duplicate" in states(engine, "inbox_variants"))
    eventually(lambda: "stale" in states(engine, "inbox"))
    # The mail is put off: nothing listens there.
    eventually(
        lambda: one(engine, "SELECT count(*) FROM notifications WHERE failures > 0")
    )
    assert one(engine, "SELECT count(*) FROM parked") > 0
    assert {"ignored", "stale", "processed"} <= set(states(engine, "inbox"))
    # What happened is all told by the time that the worker has ended.
    assert worker.terminate() == 0

    assert played_sentry.events == []


def renamed_event(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"event_id": "evt_01hv8x29kz0t854b9zt3jxyold"}


def add_purchase_and_broken(engine: Engine, count: int) -> None:
    add_broken(engine, count)
    last = transaction("transaction.completed", subscription_id=SUBSCRIPTION)
    add_events(engine, [*purchase()[:-1], last])


def test_what_dies_is_told_once_with_its_steps(
    played_sentry: PlayedSentry,
    engine: Engine,
    ring: Callable[..., None],
    start_worker: Start,
) -> None:
    add_purchase_and_broken(engine, 30)
    start_worker("critical", sentry_dsn=played_sentry.dsn)
    ring("events.record")

    dead = eventually(lambda: played_sentry.events, what="the deaths")[0]

    tags = dead["tags"]
    assert (tags["event"], tags["rows"]) == ("rows_died", "30")
    assert tags["letter"] == str(one(engine, "SELECT min(id) FROM dead_letters"))
    assert (tags["table"], tags["task"]) == ("inbox", "events.record")
    kind = ["rows_died", "inbox", "MalformedPayloadError", tags["place"]]
    assert dead["fingerprint"] == kind
    raised = dead["exception"]["values"][-1]
    assert raised["type"] == "MalformedPayloadError"
    assert raised["stacktrace"]["frames"][-1]["filename"].startswith("worker/")
    crumbs = crumbs_of(dead)
    assert list(crumbs) == ["claim", "read", "record"]
    assert crumbs["read"]["event_ids"].split()[0] == "evt_01hv8x29kz0t854b9zt3jxy000"
    assert len(crumbs["read"]["rows"].split()) == 20
    assert int(crumbs["read"]["more"]) > 0
    assert crumbs["record"]["subscription_ids"] == SUBSCRIPTION
    assert TRANSACTION in crumbs["record"]["transaction_ids"]
    assert len(played_sentry.events) == 1


def test_no_secret_leaves_by_any_way(
    played_sentry: PlayedSentry,
    engine: Engine,
    database_url: str,
    ring: Callable[..., None],
    start_worker: Start,
) -> None:
    add_purchase_and_broken(engine, 3)
    start_worker(sentry_dsn=played_sentry.dsn, **SECRETS)
    ring("events.record")
    # Nobody takes the mail or the platform's message: for three days, say.
    for table in ("notifications", "platform_deliveries"):
        eventually(partial(refused, engine, table))
        tire(engine, table)
    ring("notifications.send", "platform.tell")
    lost = {"inbox", "notifications", "platform_deliveries"}
    eventually(lambda: lost <= tables(played_sentry), what="deaths in three tables")
    ring("bodies.partition", "tests.fail", args=[])
    # The child sends them on its own time, and takes along what it has not sent.
    eventually(lambda: len(played_sentry.check_ins) >= 4, what="both have checked out")
    ring("tests.die", args=[])
    eventually(lambda: "child_lost" in played_sentry.names(), what="the lost child")

    for table, step in (("notifications", "mail"), ("platform_deliveries", "tell")):
        event = next(e for e in played_sentry.events if e["tags"].get("table") == table)
        assert crumbs_of(event)[step]["event_ids"].startswith("evt_01")
    password = urlsplit(database_url).password
    assert password
    for word in (*WORDS, password):
        assert word not in played_sentry.text(), word


def refused(engine: Engine, table: str) -> bool:
    return bool(one(engine, f"SELECT count(*) FROM {table} WHERE failures > 0"))


def tire(engine: Engine, table: str) -> None:
    """Leave the rows of a table one attempt, due now."""
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE {table} SET failures = 9999, next_attempt_at = now()")
        )


def tables(played: PlayedSentry) -> set[str]:
    """The tables of which deaths were told."""
    return {str(event["tags"].get("table")) for event in played.events}


def test_an_error_shows_no_other_tasks_steps(
    played_sentry: PlayedSentry,
    engine: Engine,
    ring: Callable[..., None],
    start_worker: Start,
) -> None:
    add_events(engine, purchase())
    start_worker("critical,maintenance", sentry_dsn=played_sentry.dsn)
    ring("events.record")
    eventually(lambda: states(engine, "inbox").get("pending", 0) == 0)
    ring("tests.fail", args=[])

    event = eventually(lambda: played_sentry.events, what="the failed task")[0]

    assert event["tags"]["task"] == "tests.fail"
    assert "breadcrumbs" not in event
