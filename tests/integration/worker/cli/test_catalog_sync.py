"""``paddlewheel catalog sync``: what the provider sells, into the inbox."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from local_paddle.catalog import Offer
from local_paddle.server import LocalPaddle, Options, running
from tasks.record import record
from tests.catalog import catalog_text
from tests.factories import add_events, one, rows
from tests.fake_api import FakeApi
from tests.fixtures.configuration import WEBHOOK_SECRET
from worker.catalog_pull import Assortment, Puller
from worker.cli.catalog import group
from worker.errors import PaddlewheelError, SettingsError
from worker.providers.errors import ApiDownError
from worker.settings import Settings

Run = Callable[..., Result]
Configure = Callable[..., Settings]
API_KEY = "pdl_local_apikey_for_sync"
#: More than a page holds.
PRICES = 230
SOLD = tuple(
    Offer(f"pri_01jd0{number:021}", f"Course {number}", ("sql",), 100 * number)
    for number in range(PRICES)
)
NOTHING_SINCE = {"new": [], "changed": [], "unchanged": PRICES, "odd": []}


@pytest.fixture(scope="module")
def paddle(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[LocalPaddle, str]]:
    """A local Paddle that sells much and delivers nothing."""
    folder = tmp_path_factory.mktemp("paddle")
    options = Options(
        folder, API_KEY, WEBHOOK_SECRET, "http://127.0.0.1:9/webhooks/paddle", SOLD
    )
    with running(options) as (local, url):
        local.limit.allow(1_000_000)
        yield local, url


@pytest.fixture
def run(
    core: Engine,
    paddle: tuple[LocalPaddle, str],
    configured: Configure,
    tmp_path: Path,
) -> Run:
    """Return a function that runs the command; what it raises is in the result."""
    file = tmp_path / "catalog.toml"
    file.write_text(catalog_text("sql"))
    configured(catalog_file=file, paddle_api_url=paddle[1], paddle_api_key=API_KEY)
    return lambda *words: CliRunner().invoke(group, ("sync", *words))


def told(result: Result) -> dict[str, dict[str, object]]:
    assert result.exception is None
    kinds: dict[str, dict[str, object]] = json.loads(result.output)["providers"][
        "paddle"
    ]
    return kinds


def drain(engine: Engine) -> None:
    while one(engine, "SELECT count(*) FROM inbox WHERE state = 'pending'"):
        record([], 1)


def test_all_pages_come_as_events_and_the_ledger_has_one_writer(
    run: Run, core: Engine
) -> None:
    kinds = told(run("--json"))

    assert {kind: len(found["new"]) for kind, found in kinds.items()} == {  # type: ignore[arg-type]
        "product": PRICES,
        "price": PRICES,
        "discount": 0,
    }
    assert one(core, "SELECT count(*) FROM prices") == 0
    assert rows(core, "SELECT DISTINCT source, state FROM inbox") == [
        ("reconciliation", "pending")
    ]
    drain(core)
    assert rows(core, "SELECT count(*), max(amount_minor) FROM prices") == [
        (PRICES, 100 * (PRICES - 1))
    ]
    assert one(core, "SELECT count(*) FROM products WHERE name = 'Course 7'") == 1


def test_asked_again_nothing_is_new(run: Run, core: Engine) -> None:
    run()
    stored = one(core, "SELECT count(*) FROM inbox")
    waiting = told(run("--json"))
    drain(core)
    recorded = told(run("--json"))

    assert recorded["price"] == NOTHING_SINCE
    assert waiting["price"] == NOTHING_SINCE
    assert one(core, "SELECT count(*) FROM inbox") == stored


def test_a_dry_run_tells_the_difference_and_stores_nothing(
    run: Run, core: Engine
) -> None:
    shown = run("--dry-run").output

    assert "compared only" in shown
    assert f"and {2 * PRICES - 20} more" in " ".join(shown.split())
    assert one(core, "SELECT count(*) FROM inbox") == 0


def test_what_differs_from_the_ledger_is_changed(run: Run, core: Engine) -> None:
    run()
    drain(core)
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE prices SET name = 'Old', clock_updated_at = '2020-01-01'"
            f" WHERE id = '{SOLD[3].price_id}'"
        )
        # Newer than the answer: a webhook came first.
        connection.exec_driver_sql(
            "UPDATE prices SET name = 'Newer', clock_updated_at = '2100-01-01'"
            f" WHERE id = '{SOLD[4].price_id}'"
        )

    kinds = told(run("--dry-run", "--json"))

    assert kinds["price"]["changed"] == [SOLD[3].price_id]
    assert kinds["price"]["unchanged"] == PRICES - 1


def test_a_wrong_key_says_what_to_do(
    run: Run, core: Engine, configured: Configure, paddle: tuple[LocalPaddle, str]
) -> None:
    configured(paddle_api_url=paddle[1], paddle_api_key="pdl_local_other")

    error = run().exception

    assert isinstance(error, PaddlewheelError)
    assert "PADDLE_API_KEY is not believed" in str(error)
    assert "run it again when that is put right" in str(error)


def test_without_a_key_the_setting_is_named(run: Run, configured: Configure) -> None:
    configured(paddle_api_key="")

    error = run().exception

    assert isinstance(error, SettingsError)
    assert "PADDLE_API_KEY is not set" in str(error)


def test_too_many_questions_are_put_off_as_told(
    run: Run, paddle: tuple[LocalPaddle, str]
) -> None:
    paddle[0].limit.allow(1)
    try:
        error = run().exception
    finally:
        paddle[0].limit.allow(1_000_000)

    assert "run it again in" in str(error)


def test_a_pause_for_longer_than_anybody_waits_is_told(
    run: Run, core: Engine, configured: Configure
) -> None:
    run()
    with core.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE provider_budgets SET paused_until = now() + interval '1 h'"
        )

    error = run().exception

    assert "paddle is not asked now: it wants to be left alone" in str(error)
    assert "run it again in 3" in str(error)


def test_all_pages_draw_from_the_budget(run: Run, core: Engine) -> None:
    run()

    assert rows(core, "SELECT provider, failures FROM provider_budgets") == [
        ("paddle", 0)
    ]


def shop(*prices: object, silent: bool = False) -> FakeApi:
    """An API that sells what it is told to, and then falls silent."""
    sold = [json.dumps(price).encode() for price in prices]
    return FakeApi(sold={"prices": sold}, silent_after="prices" if silent else "")


PRICE = {
    "id": "pri_01jd0pyth0nbas1cs0000000a1",
    "updated_at": "2026-03-01T00:00:00Z",
    "custom_data": {"course": "sql"},
}


def test_what_came_before_the_silence_is_kept(core: Engine) -> None:
    with pytest.raises(ApiDownError):
        list(Puller(core, "paddle", shop(PRICE, silent=True)).pull(Assortment()))

    assert one(core, "SELECT count(*) FROM inbox") == 1


def test_what_cannot_be_understood_is_told_and_holds_nobody_up(core: Engine) -> None:
    found = Assortment()
    nameless = {"id": 7, "updated_at": "yesterday"}

    list(Puller(core, "paddle", shop(nameless, "text", PRICE)).pull(found))

    assert len(found.kinds["price"].odd) == 2
    assert found.kinds["price"].new == [PRICE["id"]]
    assert found.named() == {("paddle", PRICE["id"]): "sql"}


def test_a_price_that_was_never_changed_is_taken_up(core: Engine) -> None:
    made = {"id": PRICE["id"], "created_at": "2026-02-01T00:00:00Z", "updated_at": None}

    list(Puller(core, "paddle", shop(made)).pull(Assortment()))
    record([], 1)

    assert rows(core, "SELECT id FROM prices") == [(PRICE["id"],)]


def test_a_contradiction_is_an_error_that_names_both(
    run: Run, core: Engine, paddle: tuple[LocalPaddle, str], tmp_path: Path
) -> None:
    local = paddle[0]
    price = SOLD[5].price_id
    entity = dict(local.store.get("price", price) or {})
    with local.store.transaction():
        local.store.put("price", entity | {"custom_data": {"course": "other"}})
    try:
        (tmp_path / "catalog.toml").write_text(catalog_text("sql", price=price))
        error = run().exception
    finally:
        with local.store.transaction():
            local.store.put("price", entity)

    assert f"{price} gives sql by the catalog file and other by" in str(error)
    # It is the shop's to put right; the answer itself was kept.
    assert one(core, "SELECT count(*) FROM inbox") == 2 * PRICES


def test_an_older_event_does_not_win_over_the_answer(run: Run, core: Engine) -> None:
    run()
    drain(core)
    older = {
        "event_id": "evt_older",
        "event_type": "price.updated",
        "occurred_at": "2020-01-01T00:00:00Z",
        "data": {"id": SOLD[1].price_id, "updated_at": "2020-01-01T00:00:00Z"},
    }
    add_events(core, [older])

    assert record([], 1) == "1 stale"
    assert one(core, "SELECT count(*) FROM prices WHERE amount_minor IS NULL") == 0
