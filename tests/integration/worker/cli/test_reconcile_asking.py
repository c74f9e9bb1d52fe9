"""Reconciliation by command against a real API over HTTP: dry, driven, and refused."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from local_paddle.catalog import Offer
from local_paddle.server import Options, running
from tests.factories import one, rows
from tests.fixtures.database import digest
from worker.cli.reconcile import group
from worker.local_shop import Client
from worker.reconciliation import comparing, driving, missing
from worker.settings import Settings

KEY = "pdl_local_apikey_for_tests"
PRICE = "pri_01jd0pyth0nbas1cs0000000a1"
#: Within the 90 days that events are listed.
LATELY = f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%d}"
NOWHERE = "http://127.0.0.1:9"
#: Asking uses up turns, whatever becomes of it.
WRITTEN = {"provider_budgets"}
Run = Callable[..., Result]
Configure = Callable[..., Settings]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Paddle that has sold something and delivers to nobody."""
    folder = tmp_path_factory.mktemp("shop")
    options = Options(
        folder, KEY, "pdl_ntfset_x", NOWHERE, (Offer(PRICE, "B", ("b",)),)
    )
    with running(options) as (paddle, url), Client(url, KEY) as client:
        paddle.limit.allow(1_000_000)
        client.purchase("jo@example.com", prices=[PRICE])
        yield url


@pytest.fixture
def run(
    core: Engine, configured: Configure, shop: str, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Return a function that runs the command against that Paddle."""
    del core
    # What was sold a moment ago counts as if it were longer.
    for module in (comparing, missing):
        monkeypatch.setattr(module, "PATIENCE", timedelta(hours=-1))
    configured(
        paddle_api_key=KEY, paddle_api_url=shop, paddle_requests_per_minute=10_000
    )

    def invoke(*words: str) -> Result:
        with capture_logs():
            return CliRunner().invoke(group, words)

    return invoke


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("events", "--since", LATELY), "transaction.completed"),
        (("customers",), "customer"),
        (("transactions",), "transaction"),
        (("transactions", "--since", "2020-01-01"), "transaction"),
        (("backfill", "--since", "2020-01-01"), "transaction"),
        (("all",), "transaction"),
    ],
)
def test_a_dry_run_shows_each_row_and_writes_nothing(
    run: Run, core: Engine, words: tuple[str, ...], expected: str
) -> None:
    before = digest(core)

    told = run(*words, "--dry-run", "--json")

    after = digest(core)
    assert {name for name in after if after[name] != before[name]} <= WRITTEN
    assert told.exit_code == 1, told.output
    found = json.loads(told.stdout)
    assert expected in json.dumps([row["detail"] for row in found["differences"]])
    assert sum(row["found"] for row in found["runs"]) == len(found["differences"])
    assert [row["gap"] for row in found["runs"] if row["gap"]] == []


@pytest.mark.parametrize("words", [("subscriptions",), ("adjustments",), ("access",)])
def test_a_dry_run_that_finds_nothing_is_good(run: Run, words: tuple[str, ...]) -> None:
    told = run(*words, "--dry-run")

    assert told.exit_code == 0, told.output
    assert "0 differ" in told.stdout
    assert "Nothing was written." in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80


def test_runs_are_driven_to_where_a_worker_must_record(
    run: Run, core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "PATIENCE_SECONDS", 0)
    for words in (
        ["events", "--since", "2020-01-01"],
        ["backfill", "--since", "2020-01-01"],
    ):
        told = run(*words, "--json")
        assert told.exit_code == 1
        assert "does a worker run?" in told.stderr
        assert {one["state"] for one in json.loads(told.stdout)} == {
            "pending",
            "complete",
        } - ({"complete"} if words[0] == "events" else set())

    assert one(core, "SELECT count(*) FROM inbox WHERE source = 'event_list'") > 3
    stages = "SELECT DISTINCT stage FROM reconciliation_runs WHERE state = 'pending'"
    assert rows(core, stages) == [("heal",)]
    assert "goes on as it is" in run("events").stderr


@pytest.mark.parametrize("way", [(), ("--dry-run",)])
def test_a_key_that_is_not_believed_is_one_sentence(
    run: Run, configured: Configure, shop: str, way: tuple[str, ...]
) -> None:
    configured(paddle_api_key="pdl_wrong", paddle_api_url=shop)

    told = run("customers", *way)

    assert told.exit_code == 1
    assert "PADDLE_API_KEY is not believed" in told.output
    assert "pdl_wrong" not in told.output


@pytest.mark.parametrize("way", [(), ("--dry-run",)])
def test_no_network_is_one_sentence(
    run: Run,
    configured: Configure,
    monkeypatch: pytest.MonkeyPatch,
    way: tuple[str, ...],
) -> None:
    monkeypatch.setattr(driving, "PATIENCE_SECONDS", 0)
    configured(paddle_api_key=KEY, paddle_api_url=NOWHERE)

    told = run("customers", *way)

    assert told.exit_code == 1
    assert "no answer: ConnectError" in told.output


def test_whoever_has_put_it_right_does_not_wait(
    run: Run, core: Engine, configured: Configure, shop: str
) -> None:
    configured(paddle_api_key="pdl_wrong", paddle_api_url=shop)
    run("adjustments")
    configured(paddle_api_key=KEY, paddle_api_url=shop)

    assert run("adjustments").exit_code == 0
    assert rows(core, "SELECT state FROM reconciliation_runs") == [("complete",)]


@pytest.mark.parametrize("since", ["2999-01-01", "yesterday"])
@pytest.mark.parametrize("word", ["events", "backfill"])
def test_a_time_that_cannot_be_is_refused(
    run: Run, core: Engine, word: str, since: str
) -> None:
    assert run(word, "--since", since).exit_code == 2
    assert one(core, "SELECT count(*) FROM reconciliation_runs") == 0


def test_what_is_not_known_is_refused(run: Run) -> None:
    assert run("everything").exit_code == 2
    assert run("access", "--since", "2020-01-01").exit_code == 2
