"""``drift``: what is new, and saying that it is known."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from typer.testing import CliRunner, Result

from models.drift import DriftKind
from models.tables.drift import SchemaDrift
from tests.factories import rows
from worker.audit import actor
from worker.cli.drift import group
from worker.cli.output import WIDTH
from worker.errors import PaddlewheelError

Run = Callable[..., Result]
SEEN = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def run(core: Engine) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core
    return lambda *words: CliRunner().invoke(
        group, [str(word) for word in words], catch_exceptions=False
    )


def add(engine: Engine, path: str, value: str = "") -> int:
    row = {
        "provider": "paddle",
        "kind": DriftKind.ENUM if value else DriftKind.FIELD,
        "path": path,
        "value": value,
        "first_seen": SEEN,
        "last_seen": SEEN,
        "events": 7,
        "event_id": "evt_01hv8x29kz0t854b9zt3jxyzzz",
    }
    with engine.begin() as connection:
        added = insert(SchemaDrift).values(row).returning(SchemaDrift.id)
        return connection.execute(added).scalar_one()


def listed(run: Run, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("list", "--json", *words).output)
    return found


def test_nothing_new_is_said_so(run: Run) -> None:
    assert "Nothing is new" in run("list").output
    assert listed(run) == []


def test_what_is_new_is_listed_at_eighty_columns(run: Run, core: Engine) -> None:
    number = add(core, "transaction.details.adjusted_payout_totals.rounding_of_the_fee")
    add(core, "transaction.status", "teleported")

    output = run("list").output

    assert max(map(len, output.splitlines())) <= WIDTH
    assert "teleported" in output
    assert [one["events"] for one in listed(run) if one["id"] == number] == [7]


def test_what_is_accepted_is_listed_on_demand_alone_and_stands_on_record(
    run: Run, core: Engine
) -> None:
    first, second = add(core, "customer.mood"), add(core, "customer.status", "frozen")

    assert "1 accepted" in run("accept", second).output

    assert [one["id"] for one in listed(run)] == [first]
    assert [one["id"] for one in listed(run, "--all")] == [first, second]
    assert "accepted" in run("list", "--all").output
    assert rows(core, "SELECT actor, action, target, detail FROM operator_actions") == [
        (
            actor(),
            "drift accepted",
            f"drift {second}",
            {"kind": "enum", "path": "customer.status", "value": "frozen"},
        )
    ]


def test_all_can_be_accepted_and_once_is_enough(run: Run, core: Engine) -> None:
    add(core, "customer.mood")
    add(core, "customer.colour")

    assert "2 accepted" in run("accept", "--all").output
    assert "0 accepted" in run("accept", "--all").output
    assert listed(run) == []


@pytest.mark.parametrize("words", [(), ("1", "--all")])
def test_what_is_meant_must_be_said(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(PaddlewheelError, match="Say which"):
        run("accept", *words)


def test_a_number_that_does_not_exist_accepts_nothing(run: Run, core: Engine) -> None:
    number = add(core, "customer.mood")

    with pytest.raises(PaddlewheelError, match=r"There is no drift 999\."):
        run("accept", number, "999")
    assert len(listed(run)) == 1
