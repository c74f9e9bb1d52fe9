"""From a key to a proven destination, and each broken set-up by its name."""

import json
import threading
from unittest.mock import patch

import pytest
from sqlalchemy import create_engine, text

from tests.factories import one
from tests.fixtures.processes import WAIT_SECONDS
from tests.integration.worker.connect.conftest import OTHER, PRICE, Scene, begin
from worker.connect import account
from worker.connect import secrets as kept_secrets
from worker.connect.errors import ConnectError
from worker.connect.proof import Patience, Proof
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
        steps = list(scene.connecting(api, None).steps())

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


NOBODY = "http://127.0.0.1:9/webhooks/paddle"


def test_that_nobody_answers_yet_is_to_be_expected_the_first_time(
    scene: Scene,
) -> None:
    with pytest.raises(ConnectError) as raised:
        scene.connect(destination=NOBODY)

    assert raised.value.words == (
        f"nobody answers at {NOBODY}. That is to be expected the first time: start the"
        " receiver, or start it anew with the new PADDLE_WEBHOOK_SECRETS, then run the"
        " same line again."
    )


def test_that_nobody_answers_is_told_at_once(scene: Scene) -> None:
    with pytest.raises(ConnectError):
        scene.connect(destination=NOBODY)
    scene.restart_receiver()
    scene.waiting.slept.clear()

    with pytest.raises(ConnectError) as raised:
        scene.connect(destination=NOBODY)

    assert raised.value.words == (
        f"nobody answers at {NOBODY}: does the receiver run, and does the address lead"
        " to it from the internet?"
    )
    assert sum(scene.waiting.slept) < Patience().seconds


def test_that_nobody_answers_behind_a_tunnel_is_told(scene: Scene) -> None:
    scene.inbox.absent = 502

    assert "502 came from http" in (words := begin(scene))
    assert "nobody answers behind that" in words
    assert "to be expected the first time" in words
    scene.restart_receiver()
    assert "does the receiver run" in begin(scene)


def test_what_the_receiver_answers_is_told(scene: Scene) -> None:
    scene.inbox.absent = 404

    assert "the receiver answered 404, not 200" in begin(scene)


def test_a_receiver_that_does_not_answer_is_waited_for_and_seldom_asked_about(
    scene: Scene,
) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.waiting.slept.clear()
    scene.waiting.delivers = False
    over = threading.Event()
    scene.inbox.altered = lambda body: body if over.wait(WAIT_SECONDS) else b""

    try:
        words = begin(scene)
    finally:
        over.set()

    assert "no answer from http" in words
    assert "within 30 s" in words
    assert sum(scene.waiting.slept) == pytest.approx(30)
    assert scene.waiting.slept[0] == 1
    assert len(scene.waiting.slept) <= 10


def test_a_database_that_is_gone_is_told(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    gone = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing")

    with scene.api() as api:
        (made,) = account.mine(api, scene.plan())
        proof = Proof(api, gone, scene.waiting.patience())
        with pytest.raises(ConnectError, match="the database does not say") as raised:
            proof.run(made)

    assert raised.value.step == "simulation"


def test_another_database_behind_the_address_is_told(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.inbox.keeps = False

    assert "another database" in begin(scene)


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
