"""Reconciliation as an operator asks for it: runs to their end, dry runs, backfill."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from tasks.reconcile import reconcile
from tasks.sweep import sweep
from tests.factories import one, rows
from tests.reconciling import add_run
from worker.cli import reconcile as module
from worker.cli.reconcile import group
from worker.settings import Settings

Run = Callable[..., Result]
RUNS = "SELECT kind, scope, state, mails FROM reconciliation_runs ORDER BY id"


@pytest.fixture
def run(core: Engine) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core

    def invoke(*words: str) -> Result:
        # As in a command, whose log goes elsewhere.
        with capture_logs():
            return CliRunner().invoke(group, words)

    return invoke


def test_our_rows_are_compared_and_the_run_is_told(run: Run, core: Engine) -> None:
    result = run("access", "--json")

    assert result.exit_code == 0
    (told,) = json.loads(result.stdout)
    assert (told["kind"], told["state"]) == ("access", "complete")
    assert told["seen"] == told["expected"] > 0
    assert rows(core, RUNS) == [("access", "all", "complete", True)]
    assert "complete" in run("runs").stdout


def test_a_dry_run_writes_nothing(run: Run, core: Engine) -> None:
    result = run("access", "--dry-run", "--json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["differences"] == []
    assert told["runs"][0]["seen"] == told["runs"][0]["expected"]
    assert rows(core, RUNS) == []


def test_without_a_key_nobody_can_be_asked(run: Run, core: Engine) -> None:
    assert run("transactions").exit_code == 1
    assert run("backfill", "--since", "2026-01-01").exit_code == 1
    # Rather than half of it.
    assert "set PADDLE_API_KEY" in str(run("all").exception)
    assert rows(core, RUNS) == []


@pytest.mark.parametrize("words", [["all"], ["access"], ["access", "--dry-run"]])
def test_with_billing_off_nothing_is_compared(
    run: Run, core: Engine, configured: Callable[..., Settings], words: list[str]
) -> None:
    configured(paddle_billing_enabled=False)

    result = run(*words)

    assert result.exit_code == 1
    assert str(result.exception).startswith("PADDLE_BILLING_ENABLED is off:")
    assert rows(core, RUNS) == []


def test_with_billing_off_a_pending_run_waits(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    add_run(core)
    pending = rows(core, "SELECT to_jsonb(r) FROM reconciliation_runs r")
    configured(paddle_billing_enabled=False)

    assert reconcile([], 1) == "billing is off: runs wait"
    assert sweep() == "quiet"
    assert rows(core, "SELECT to_jsonb(r) FROM reconciliation_runs r") == pending


def test_a_backfill_that_is_pending_is_gone_on_with(
    run: Run,
    core: Engine,
    configured: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured(paddle_api_key="pdl_sdbx_x", paddle_environment="sandbox")
    driven: list[list[int]] = []

    def drive(*given: object) -> str:
        driven.append(list(given[3]))  # type: ignore[call-overload]
        return "does a worker run?"

    monkeypatch.setattr(module, "drive", drive)
    for _ in range(2):
        result = run("backfill", "--since", "2026-01-01")
        assert result.exit_code == 1
        assert "does a worker run?" in result.output

    assert driven[0] == driven[1]
    assert {row[1:] for row in rows(core, RUNS)} == {("backfill", "pending", False)}
    assert one(core, "SELECT count(*) FROM reconciliation_runs") == 4


@pytest.mark.parametrize(
    ("came_to", "code"),
    [("complete 2 2", 0), ("complete 2 1", 1), ("partial 0 0", 1)],
)
def test_the_exit_code_is_good_only_if_all_was_seen_and_nothing_is_left(
    run: Run, core: Engine, monkeypatch: pytest.MonkeyPatch, came_to: str, code: int
) -> None:
    state, found, healed = came_to.split()

    def drive(*_: object) -> str:
        with core.begin() as connection:
            connection.execute(
                text(
                    "UPDATE reconciliation_runs SET state = :state, found = :found,"
                    " healed = :healed, finished_at = now()"
                ),
                {"state": state, "found": int(found), "healed": int(healed)},
            )
        return ""

    monkeypatch.setattr(module, "drive", drive)

    assert run("access").exit_code == code


def test_whoever_interrupts_leaves_the_run_where_it_is(
    run: Run, core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drive(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "drive", drive)
    result = run("access")

    assert result.exit_code == 130
    assert "stay where they are" in result.output
    assert rows(core, RUNS) == [("access", "all", "pending", True)]
