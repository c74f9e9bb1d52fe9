"""Asking for a run while one of its kind is pending: nothing is ignored in silence."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from models.reconciliation import RunKind, RunScope
from tests.factories import one, rows
from tests.reconciling import cursor, place_cursor
from worker.cli import reconcile as module
from worker.cli.reconcile import group
from worker.reconciliation.last import What
from worker.reconciliation.pending import unlike
from worker.reconciliation.plan import start
from worker.settings import Settings

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER = NEW_YEAR - timedelta(days=365)
PLACES = "SELECT position, since FROM reconciliation_runs"
Run = Callable[..., Result]


@pytest.fixture
def run(
    core: Engine, configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Return a function that runs the command, but for the run itself."""
    del core
    configured(paddle_api_key="pdl_sdbx_x", paddle_environment="sandbox")
    monkeypatch.setattr(module, "drive", lambda *_: "")

    def invoke(*words: str) -> Result:
        with capture_logs():
            return CliRunner().invoke(group, words)

    return invoke


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "2026-01-01"), "goes on as it is"),
        (
            ("--since", "2025-01-01"),
            "looks back to 2026-01-01 00:00, not to 2025-01-01 00:00.",
        ),
        (("--since", "2026-01-01", "--mails"), "sends no mails."),
    ],
)
def test_a_backfill_that_is_pending_says_what_it_does_otherwise(
    run: Run, words: tuple[str, ...], told: str
) -> None:
    run("backfill", "--since", "2026-01-01")

    result = run("backfill", *words)

    assert told in result.output
    assert ("ask again when it has ended" in result.output) == ("goes on" not in told)


@pytest.mark.parametrize(
    ("kind", "pending", "asked", "is_alike"),
    [
        (RunKind.EVENTS, None, None, True),
        (RunKind.EVENTS, None, EARLIER, False),
        (RunKind.EVENTS, NEW_YEAR, EARLIER, False),
        (RunKind.EVENTS, EARLIER, NEW_YEAR, True),
        (RunKind.TRANSACTIONS, NEW_YEAR, EARLIER, False),
        (RunKind.TRANSACTIONS, EARLIER, NEW_YEAR, True),
        (RunKind.TRANSACTIONS, None, EARLIER, True),
    ],
)
def test_a_run_that_looks_back_as_far_will_do(
    core: Engine,
    kind: RunKind,
    pending: datetime | None,
    asked: datetime | None,
    is_alike: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    what = What("paddle", kind, RunScope.RECENT)
    place = (what.provider, what.kind, what.scope)
    with core.begin() as connection:
        start(connection, *place, asked_by="beat", since=pending)
        why = unlike(connection, what, asked, mails=True)

    assert (why == "") == is_alike
    assert is_alike or "ask again when it has ended" in why


def test_the_first_look_at_events_begins_now_or_where_it_is_asked_to(
    run: Run, core: Engine
) -> None:
    run("events")
    assert rows(core, PLACES) == [("", None)]
    with core.begin() as connection:
        connection.exec_driver_sql("DELETE FROM reconciliation_runs")

    run("events", "--since", "2026-01-01")
    assert rows(core, PLACES) == [("", NEW_YEAR)]


def test_a_look_in_front_of_the_cursor_goes_back(run: Run, core: Engine) -> None:
    place_cursor(core, "evt_1", NEW_YEAR)

    run("events", "--since", "2025-06-01")

    assert rows(core, PLACES)[0][0] == "<"
    assert cursor(core) == "evt_1"


def test_what_is_compared_whole_names_no_bound(run: Run, core: Engine) -> None:
    run("all", "--since", "2026-01-01")

    bounded = "SELECT kind FROM reconciliation_runs WHERE since IS NOT NULL ORDER BY 1"
    assert rows(core, bounded) == [("events",), ("transactions",)]
    assert one(core, "SELECT count(*) FROM reconciliation_runs") == len(RunKind)
