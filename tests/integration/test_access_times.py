"""``paddlewheel access-times``: every purchase, the slowest by name, and a picture."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from tests import outgoing
from tests.fixtures.platform import SECRET
from worker.cli import main
from worker.settings import Settings

NOW = datetime.now(UTC)
Run = Callable[..., Result]


@pytest.fixture
def run(core: Engine) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core
    return lambda *words: CliRunner().invoke(main.app, ["access-times", *words])


def bought(
    engine: Engine, seconds: float, *, days_ago: float = 0, told: float | None = None
) -> None:
    """Add a purchase that had access after so long, and of which the platform knew."""
    on = NOW - timedelta(days=days_ago, minutes=1)
    told_at = None if told is None else on + timedelta(seconds=told)
    with engine.begin() as connection:
        paid_at = on - timedelta(seconds=seconds)
        made = outgoing.add_access(connection, paid_at, on, told_at=told_at)
        if told is not None:
            outgoing.add_delivery(connection, enrollment_id=made, created_at=on)
        connection.execute(
            text(
                "INSERT INTO grants (learner_id, course_key, source, source_id, state,"
                " cause, provider, line_id, starts_at)"
                " SELECT learner_id, course_key, 'purchase', 'txn_' || id, 'active',"
                " 'purchased', 'paddle', 'l', :paid_at FROM enrollments WHERE id = :id"
            ),
            {"paid_at": paid_at, "id": made},
        )


def test_without_purchases_there_is_nothing_to_draw(run: Run) -> None:
    shown = run()

    assert shown.exit_code == 0
    assert "From paid to access: 0 purchases of 7 days" in shown.stdout
    assert "slowest" not in shown.stdout


def test_all_are_drawn_and_the_ten_slowest_named_in_80_columns(
    run: Run, core: Engine
) -> None:
    for seconds in [0.5] * 3 + [90] * 9 + [4000]:
        bought(core, seconds)
    bought(core, 1e6, days_ago=8)

    shown = run().stdout.splitlines()

    assert max(map(len, shown)) <= 80
    assert shown[0] == "From paid to access: 13 purchases of 7 days"
    drawn = {line[:9].strip(): line for line in shown[1:11]}
    assert len(drawn) == 10
    assert "█" * 44 in drawn["< 5 min"]
    assert drawn["< 5 min"].split()[-3:] == ["9", "69.2", "%"]
    # What is not empty is never invisible.
    assert "█" in drawn[">= 1 h"]
    assert "█" not in drawn["< 2 s"]
    assert shown[11] == "half within 1.5 min (p50), 99 of 100 within 1.11 h (p99)"
    slowest = [line for line in shown if "txn_" in line and "explain" not in line]
    assert len(slowest) == 10
    assert "1.11 h" in slowest[0]
    (explain,) = [line for line in shown if "explain" in line]
    assert explain.split()[-1] in slowest[0]
    assert run("--days", "9").stdout.startswith("From paid to access: 14 purchases")


def test_where_a_platform_is_told_its_word_is_counted_too(
    run: Run, core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(platform_hook_url="https://x.example", platform_hook_secret=SECRET)
    bought(core, 5, told=15)
    told = json.loads(run("--json").stdout)

    assert told["to_access"]["p50_seconds"] == 5
    assert told["to_platform"]["p99_seconds"] == 20
    assert told["to_platform"]["worst"][0]["seconds"] == 20
    assert told["below_seconds"][2] == 5
    assert told["to_access"]["histogram"] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert "platform's acknowledgement: 1 purchase of" in run().stdout
