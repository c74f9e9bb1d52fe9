"""What the platform has not heard, as an operator sees it and tells it again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from tests import outgoing
from tests.factories import rows
from tests.purchases import TRANSACTION
from worker.alerts.dead_letters import DeadLetters
from worker.cli.platform import group
from worker.dead_letters import Burial, bury
from worker.errors import PaddlewheelError
from worker.failures import Failure, Verdict
from worker.replay import discard
from worker.settings import settings
from worker.work_tables import PLATFORM_DELIVERIES, Claimant

Run = Callable[..., Result]
STATES = "SELECT id, state, failures FROM platform_deliveries ORDER BY id"
ORDER = {"kind": "order.completed", "enrollment_id": None, "provider": "paddle"}


@pytest.fixture
def run(core: Engine, broker: Redis) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core, broker
    return lambda *words: CliRunner().invoke(group, words)


@pytest.fixture
def told(core: Engine) -> list[int]:
    """An enrollment and an order that are dead, one that fails, waits, is known."""
    refused = {"last_error": "TransientError: answered 410", "failures": 90}
    given: list[dict[str, Any]] = [
        {"state": "dead", **refused},
        {"state": "dead", **refused, **ORDER, "subject_id": TRANSACTION},
        {**refused, "failures": 1, **ORDER, "subject_id": "txn_2"},
        {},
        {"state": "sent"},
    ]
    with core.begin() as connection:
        ids = [outgoing.add_delivery(connection, **values) for values in given]
        failure = Failure(Verdict.PERMANENT, "TransientError", "answered 410")
        burials = [Burial(row, 91, failure) for row in ids[:2]]
        bury(connection, PLATFORM_DELIVERIES, Claimant("t", "w"), burials)
    return ids


def test_the_list_shows_what_waits_fails_and_is_dead(run: Run, told: list[int]) -> None:
    listed = json.loads(run("list", "--json").output)

    assert [(one["id"], one["state"]) for one in listed] == [
        (told[0], "dead"),
        (told[1], "dead"),
        (told[2], "fails"),
        (told[3], "waits"),
    ]
    assert listed[1]["about"] == TRANSACTION
    shown = run("list").output
    assert "order.completed: 1 fails" in shown
    assert "./paddlewheel platform retry" in shown


def test_retry_resumes_all_that_are_dead_once_and_on_record(
    core: Engine, run: Run, told: list[int]
) -> None:
    assert json.loads(run("retry", "--json").output) == {"resumed": told[:2]}

    assert rows(core, STATES)[:2] == [(row, "pending", 0) for row in told[:2]]
    assert rows(core, "SELECT DISTINCT state FROM dead_letters") == [("replayed",)]
    subjects = [(f"platform_deliveries:{row}",) for row in told[:2]]
    acts = "SELECT target FROM operator_actions ORDER BY target"
    assert rows(core, acts) == sorted(subjects)
    assert "Nothing is dead" in run("retry").output
    assert len(rows(core, acts)) == 2


def test_retry_by_number_leaves_the_rest(
    core: Engine, run: Run, told: list[int]
) -> None:
    assert run("retry", str(told[1])).exit_code == 0

    assert [state for _, state, _ in rows(core, STATES)[:2]] == ["dead", "pending"]


@pytest.mark.parametrize("which", ["waits", "unknown", "left to rest"])
def test_retry_of_what_is_not_dead_does_nothing(
    core: Engine, run: Run, told: list[int], which: str
) -> None:
    numbers = {"waits": told[3], "unknown": 10**9, "left to rest": told[0]}
    if which == "left to rest":
        letter = "SELECT id FROM dead_letters ORDER BY row_id LIMIT 1"
        with core.begin() as connection:
            discard(connection, rows(core, letter)[0][0])
    before = rows(core, STATES)

    ended = run("retry", str(told[1]), str(numbers[which]))

    assert isinstance(ended.exception, PaddlewheelError)
    assert str(numbers[which]) in str(ended.exception)
    assert rows(core, STATES) == before


def test_the_alert_of_dead_ones_names_the_command(
    core: Engine, told: list[int]
) -> None:
    with core.connect() as connection:
        [finding] = DeadLetters().look(connection, settings())

    assert finding.count == 2
    assert "./paddlewheel platform retry" in finding.next_steps
