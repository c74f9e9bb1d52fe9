"""``platform.tell`` against a platform that fails, is late and loses its answers."""

import json
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler

import pytest
from sqlalchemy import Engine, text
from standardwebhooks import Webhook

from tests import outgoing
from tests.fixtures.platform import SECRET, Platform, reply
from tests.integration.tasks.conftest import Desk, delivery
from worker import lifecycle
from worker.settings import Settings
from worker.work_tables import PLATFORM_DELIVERIES, Claimant

VIEW = text("SELECT * FROM course_access")


def grow(telling: Desk, row_id: int, version: int) -> None:
    """Do to the rows what ``enrollments.activate`` does for a new version."""
    with telling.engine.begin() as connection:
        connection.execute(text(f"UPDATE enrollments SET version = {version}"))
    telling.set(f"version = {version}, state = 'pending'", f"id = {row_id}")


def test_the_platform_hears_the_whole_row_signed(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)
    assert telling.work().sentence() == "1 sent"
    [hook] = platform.hooks
    payload = Webhook(SECRET).verify(hook.body, hook.headers)
    with telling.engine.connect() as connection:
        row = dict(connection.execute(VIEW).mappings().one())
    row["changed_at"] = row["changed_at"].isoformat().replace("+00:00", "Z")
    told = telling.row(row_id)
    assert payload == {
        "type": "enrollment.changed",
        "timestamp": row["changed_at"],
        "data": row,
    }
    assert payload["data"]["has_access"] is True
    assert (told.state, told.delivered_version) == ("sent", 1)
    assert told.delivered_at is not None


def history(telling: Desk, *versions: int) -> None:
    """Add the history that ``enrollments.activate`` would have written."""
    with telling.engine.begin() as connection:
        for version in versions:
            connection.execute(
                text("""
                INSERT INTO enrollment_history (enrollment_id, version, state, reason,
                                                cause_kind, cause_ref)
                SELECT id, :version, 'active', 'purchased', 'event', 'evt_1'
                FROM enrollments ORDER BY id LIMIT 1
                """),
                {"version": version},
            )


def told(telling: Desk) -> dict[int, datetime | None]:
    query = text("SELECT version, told_at FROM enrollment_history ORDER BY version")
    with telling.engine.connect() as connection:
        return {version: told_at for version, told_at in connection.execute(query)}  # noqa: C416 (rows)


def test_the_history_says_when_a_version_was_told_first(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling, version=2)
    other = delivery(telling)
    grow(telling, row_id, 2)
    history(telling, 1, 2, 3)
    telling.work()
    first = told(telling)
    assert telling.row(other).state == "sent"
    assert first[1] == first[2]
    assert first[2] is not None
    assert first[3] is None

    grow(telling, row_id, 3)
    telling.work_when_due()
    second = told(telling)
    assert second | {3: None} == first
    assert second[3] is not None
    assert second[3] > first[2]


def test_what_the_platform_refused_was_not_told(
    telling: Desk, platform: Platform
) -> None:
    delivery(telling)
    history(telling, 1)
    platform.answer = lambda request: reply(request, 500)
    telling.work()
    assert told(telling) == {1: None}


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410, 429, 500, 503])
def test_anything_but_yes_is_repeated_with_the_same_id_and_body(
    telling: Desk, platform: Platform, status: int
) -> None:
    row_id = delivery(telling)
    platform.answer = lambda request: reply(request, status, location=platform.url)
    assert telling.work().put_off == 1
    failed = telling.row(row_id)
    assert (failed.state, failed.failures, failed.delivered_version) == (
        "pending",
        1,
        0,
    )
    assert failed.last_error == f"TransientError: answered {status}"
    platform.answer = lambda request: reply(request, 200)
    assert telling.work_when_due().sentence() == "1 sent"
    first, second = platform.hooks
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("100", 99, 101), ("999999999", 3599, 3601)]
)
def test_retry_after_is_honoured_up_to_an_hour(
    telling: Desk, platform: Platform, asked: str, least: int, most: int
) -> None:
    row_id = delivery(telling)
    platform.answer = lambda request: reply(request, 503, retry_after=asked)
    telling.work()
    with telling.engine.connect() as connection:
        wait = connection.execute(
            text(
                "SELECT extract(epoch FROM next_attempt_at - now())"
                " FROM platform_deliveries WHERE id = :id"
            ),
            {"id": row_id},
        ).scalar_one()
    assert least - 1 <= wait <= most


def test_a_version_that_grows_while_it_is_told_is_told_again(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)

    def answer(request: BaseHTTPRequestHandler) -> None:
        if len(platform.hooks) == 1:
            grow(telling, row_id, 2)
        reply(request, 204)

    platform.answer = answer
    telling.work()
    between = telling.row(row_id)
    assert (between.state, between.delivered_version) == ("pending", 1)
    assert between.lease_token is None
    assert telling.work().sentence() == "1 sent"
    assert telling.row(row_id).delivered_version == 2
    versions = [json.loads(hook.body)["data"]["version"] for hook in platform.hooks]
    assert versions == [1, 2]
    assert len({hook.headers["webhook-id"] for hook in platform.hooks}) == 2


def test_no_row_is_locked_while_the_platform_thinks(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)
    locked = text(f"SELECT id FROM platform_deliveries WHERE id = {row_id} FOR UPDATE")
    nowait = text(f"{locked.text} NOWAIT")
    seen = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        with telling.engine.begin() as connection:
            seen.append(connection.execute(nowait).scalar_one())
        reply(request, 204)

    platform.answer = answer
    assert telling.work().sentence() == "1 sent"
    assert seen == [row_id]


def test_one_that_was_frozen_past_its_lease_changes_nothing(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)
    lease = lifecycle.claim(
        telling.engine, PLATFORM_DELIVERIES, Claimant("frozen", "here"), telling.config
    )
    assert lease is not None
    teller = telling.make(telling.config)

    def answer(request: BaseHTTPRequestHandler) -> None:
        if len(platform.hooks) == 1:
            telling.work_when_due()
        reply(request, 204)

    platform.answer = answer
    assert teller(telling.engine, lease, row_id) is None
    after = telling.row(row_id)
    assert (after.state, after.attempts, after.crashes) == ("sent", 2, 0)
    assert teller(telling.engine, lease, row_id) is None
    assert telling.row(row_id) == after
    assert len(platform.hooks) == 2


def test_a_platform_that_is_away_is_told_when_it_is_back(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)
    away = telling.config.model_copy(
        update={"platform_hook_url": "http://127.0.0.1:9/hook"}
    )
    telling.config, here = away, telling.config
    telling.work()
    assert telling.row(row_id).last_error == "UnreachableError: no answer: ConnectError"
    telling.config = here
    assert telling.work_when_due().sentence() == "1 sent"


def test_days_of_refusals_end_in_a_dead_letter(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)
    platform.answer = lambda request: reply(request, 500)
    limit = PLATFORM_DELIVERIES.policy(telling.config).limit
    telling.set(f"failures = {limit - 1}")
    assert list(telling.work().letters) == [f"platform_deliveries:{row_id}"]
    assert telling.row(row_id).state == "dead"


def test_without_an_address_nothing_is_claimed(
    engine: Engine, settings_of_tasks: Callable[..., Settings]
) -> None:
    settings_of_tasks()
    from tasks.tell import tell  # noqa: PLC0415

    with engine.begin() as connection:
        outgoing.add_delivery(connection)
    assert tell.run([], 1) == "PLATFORM_HOOK_URL is not set"
    with engine.connect() as connection:
        query = text("SELECT attempts FROM platform_deliveries")
        assert connection.execute(query).scalar_one() == 0
