"""From a key to a proven destination, and each broken set-up by its name."""

import json
from unittest.mock import patch

import pytest
from sqlalchemy import text

from tests.factories import one
from tests.integration.worker.connect.conftest import OTHER, PRICE, Scene, begin
from worker.connect import secrets as kept_secrets
from worker.connect.connect import Connecting
from worker.connect.errors import ConnectError
from worker.providers.errors import ApiError, ApiRefusedError
from worker.providers.paddle.connection import PaddleConnection
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.settings import Environment

SIMULATED = "FROM inbox WHERE event_id LIKE 'ntfsimevt%%'"


def test_connected_twice_it_works_and_nothing_is_there_twice(scene: Scene) -> None:
    assert "start it anew with the new PADDLE_WEBHOOK_SECRETS" in begin(scene)
    scene.restart_receiver()

    steps = {one.name: one.words for one in scene.connect()}

    (made,) = scene.destinations()
    assert steps["destination"] == f"{made['id']} as it should be"
    assert steps["simulation"].endswith("came through: works")
    assert one(scene.engine, f"SELECT count(*) {SIMULATED}") == 1
    assert len(scene.paddle.store.all("simulation")) == 1


def test_the_simulation_is_of_a_type_that_is_subscribed_to_and_changes_nothing(
    scene: Scene,
) -> None:
    begin(scene)
    scene.restart_receiver()
    (earlier,) = scene.paddle.store.all("simulation")
    invents = {**earlier, "type": "transaction.completed"}
    scene.paddle.store.put("simulation", invents)

    scene.connect()

    told = one(scene.engine, f"SELECT event_type {SIMULATED}")

    assert EVENT_TYPES[told].outcome is Outcome.KEPT
    (made,) = scene.destinations()
    assert told in {one["name"] for one in made["subscribed_events"]}


def test_prices_without_a_course_are_named(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()

    words = next(one.words for one in scene.connect() if one.name == "catalog")

    assert f"{OTHER} (Bundle)" in words
    assert PRICE in words
    assert "./paddlewheel catalog map" in words
    assert one(scene.engine, "SELECT count(*) FROM inbox WHERE source <> 'webhook'") > 0


def test_without_a_price_on_sale_it_says_where_to_make_one(scene: Scene) -> None:
    for price in scene.paddle.store.all("price"):
        scene.paddle.store.put("price", {**price, "status": "archived"})

    steps = {one.name: one.words for one in scene.connect(dry_run=True)}

    assert "no price is on sale" in steps["catalog"]
    assert "Paddle > Catalog > Products" in steps["catalog"]


def test_a_database_of_another_environment_is_told_before_anything(
    scene: Scene,
) -> None:
    with scene.engine.begin() as connection:
        connection.execute(text("INSERT INTO deployment VALUES (1, 'local')"))

    with pytest.raises(ConnectError, match="belongs to local, not to sandbox"):
        scene.connect(environment=Environment.SANDBOX)

    assert scene.destinations() == []
    assert one(scene.engine, "SELECT count(*) FROM inbox") == 0


def test_without_a_database_yet_paddles_word_is_not_taken_for_a_proof(
    scene: Scene,
) -> None:
    begin(scene)
    scene.restart_receiver()
    with scene.api() as api:
        catalog = scene.config.catalog_file
        steps = list(Connecting(scene.plan(), api, catalog, None, 10).steps())

    assert steps[-1].words.endswith("Paddle says 200; no database to look into")


def test_a_wrong_key_is_named(scene: Scene) -> None:
    scene.given["PADDLE_API_KEY"] = "pdl_local_another"

    with pytest.raises(ConnectError, match="not believed") as raised:
        scene.connect()

    assert raised.value.step == "permissions"


@pytest.mark.parametrize(
    ("method", "step"),
    [("products", "catalog"), ("simulate", "simulation"), ("settings", "destination")],
)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ApiRefusedError("PADDLE_API_KEY lacks it (forbidden)"), "lacks it"),
        (ApiError(400, "invalid_field", "type"), "Paddle says: type"),
    ],
    ids=["refused", "error"],
)
def test_what_paddle_refuses_has_the_name_of_its_step(
    method: str, step: str, error: Exception, words: str, scene: Scene
) -> None:
    with (
        patch.object(PaddleConnection, method, side_effect=error),
        pytest.raises(ConnectError, match=words) as raised,
    ):
        scene.connect()

    assert raised.value.step == step


def test_a_dry_run_changes_nothing(scene: Scene) -> None:
    steps = {one.name: one.words for one in scene.connect(dry_run=True)}

    assert "would be created" in steps["destination"]
    assert scene.destinations() == []
    assert not scene.env_file.exists()
    assert one(scene.engine, "SELECT count(*) FROM inbox") == 0


def test_a_tunnel_that_alters_bodies_is_named(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.inbox.altered = lambda body: json.dumps(json.loads(body), indent=1).encode()

    assert "must pass it unaltered" in begin(scene)


def test_a_simulation_that_never_arrives_is_told(scene: Scene) -> None:
    with pytest.raises(ConnectError, match="no answer within 1 s"):
        scene.connect(wait=1, destination="http://127.0.0.1:9/webhooks/paddle")


def test_another_database_behind_the_address_is_told(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.inbox.keeps = False

    with pytest.raises(ConnectError, match="another database"):
        scene.connect(wait=2)


def test_killed_after_the_destination_was_made_it_is_found_again(scene: Scene) -> None:
    with (
        patch.object(kept_secrets, "write", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        scene.connect()
    assert not scene.env_file.exists()

    begin(scene)
    scene.restart_receiver()

    assert scene.connect()[-1].words.endswith("works")
    assert len(scene.destinations()) == 1
