"""The secret is changed, and no delivery is lost or counts twice."""

from unittest.mock import patch

import pytest
from sqlalchemy.exc import SQLAlchemyError
from structlog.testing import capture_logs

from tests.integration.worker.connect.conftest import Scene, begin
from worker.connect import account
from worker.connect import secrets as kept_secrets
from worker.connect.errors import ConnectError
from worker.providers.errors import ApiDownError
from worker.providers.paddle.connection import PaddleConnection, Setting
from worker.settings import Environment


def rotated(scene: Scene, *, is_first: bool = True) -> None:
    """Connect, and go through a whole rotation."""
    if is_first:
        begin(scene)
        scene.restart_receiver()
        scene.connect()
    scene.rotate()
    scene.restart_receiver()
    scene.rotate()


def test_a_secret_is_changed_without_a_gap(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    first = scene.inbox.secrets[0]

    scene.rotate()
    assert [one["active"] for one in scene.destinations()] == [True, False]
    scene.restart_receiver()
    assert scene.inbox.secrets[1] == first
    told = scene.rotate()[-1].words

    old, new = scene.destinations()
    assert (old["active"], new["active"]) == (False, True)
    assert new["endpoint_secret_key"] == scene.inbox.secrets[0]
    assert "Keep the old secret for three days" in told


def test_connected_after_a_rotation_the_old_destination_stays_asleep(
    scene: Scene,
) -> None:
    rotated(scene)
    old, new = scene.destinations()

    steps = {one.name: one.words for one in scene.connect()}

    assert steps["destination"] == f"{new['id']} as it should be"
    assert scene.active() == [new["id"]]
    scene.paddle.store.drop("notification_setting", old["id"])
    scene.connect()
    assert [one["id"] for one in scene.destinations()] == [new["id"]]


def test_a_second_rotation_begins_at_the_one_that_is_awake(scene: Scene) -> None:
    rotated(scene)
    first = scene.active()
    scene.connect()

    rotated(scene, is_first=False)

    assert len(scene.destinations()) == 3
    assert scene.active() == [scene.destinations()[-1]["id"]]
    assert scene.active() != first


def test_a_rotation_that_was_killed_half_way_goes_on(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    with (
        patch.object(kept_secrets, "write", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        scene.rotate()

    scene.rotate()
    scene.restart_receiver()
    scene.rotate()

    assert [one["active"] for one in scene.destinations()] == [False, True]
    assert scene.connect()[-1].words.endswith("works")
    assert [one["active"] for one in scene.destinations()] == [False, True]


def test_a_rotation_ends_also_if_the_new_secret_stands_second(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    scene.rotate()
    scene.restart_receiver()
    turned = ",".join(reversed(scene.inbox.secrets))
    scene.given["PADDLE_WEBHOOK_SECRETS"] = turned

    scene.rotate()

    assert scene.active() == [scene.destinations()[-1]["id"]]


def test_a_live_rotation_that_is_not_proven_takes_no_simulations(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    live = Environment.PRODUCTION
    scene.connect(environment=live)
    scene.rotate(environment=live)
    before = scene.inbox.secrets
    scene.restart_receiver()
    scene.inbox.secrets = before

    with pytest.raises(ConnectError, match="start it anew"):
        scene.rotate(environment=live)

    taken = [one["traffic_source"] for one in scene.destinations()]
    assert taken == ["platform", "platform"]


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), SQLAlchemyError("gone"), ApiDownError("no answer")],
    ids=["interrupted", "database", "paddle"],
)
def test_whatever_ends_the_proof_leaves_only_the_old_one_awake(
    scene: Scene, error: BaseException
) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    scene.rotate()
    scene.restart_receiver()

    with (
        patch.object(PaddleConnection, "simulated", side_effect=error),
        pytest.raises((type(error), ConnectError)),
    ):
        scene.rotate()

    assert [one["active"] for one in scene.destinations()] == [True, False]
    scene.rotate()
    assert [one["active"] for one in scene.destinations()] == [False, True]


def test_why_it_is_not_proven_is_told_also_if_paddle_then_fails(scene: Scene) -> None:
    change = PaddleConnection.change_setting

    def failing(
        self: PaddleConnection, setting_id: str, given: dict[str, object]
    ) -> Setting:
        if given == {"traffic_source": "platform"}:
            raise ApiDownError("no answer: ReadTimeout")
        return change(self, setting_id, given)

    with (
        patch.object(PaddleConnection, "change_setting", failing),
        capture_logs() as logs,
        pytest.raises(ConnectError, match="start it anew"),
    ):
        scene.connect(environment=Environment.PRODUCTION)

    (made,) = scene.destinations()
    (told,) = logs
    assert told["event"] == "destination_not_put_back"
    assert (told["setting"], told["log_level"]) == (made["id"], "warning")
    assert "ReadTimeout" in told["error"]


def test_the_old_secret_stays_until_the_new_one_is_proven(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    scene.rotate()
    before = scene.inbox.secrets
    scene.restart_receiver()
    scene.inbox.secrets = before

    with pytest.raises(ConnectError, match="start it anew"):
        scene.rotate()

    assert [one["active"] for one in scene.destinations()] == [True, False]
    scene.restart_receiver()
    scene.rotate()
    assert [one["active"] for one in scene.destinations()] == [False, True]


def test_a_destination_whose_id_sorts_last_is_still_the_older_one(
    scene: Scene,
) -> None:
    # As the local Paddle makes it for ``up``: its id is a hash, its secret is known.
    store = scene.paddle.store
    (seeded,) = store.all("notification_setting")
    store.drop("notification_setting", seeded["id"])
    here = {"id": f"ntfset_{'z' * 26}", "destination": scene.plan().destination}
    store.put("notification_setting", {**seeded, **here})
    scene.env_file.write_text(
        f"PADDLE_WEBHOOK_SECRETS={seeded['endpoint_secret_key']}\n"
    )
    scene.restart_receiver()
    scene.connect()

    rotated(scene, is_first=False)

    ((new,), before) = scene.active(), scene.inbox.secrets
    assert (new != here["id"], len(scene.destinations())) == (True, 2)
    rotated(scene, is_first=False)
    assert len(scene.destinations()) == 3
    assert len(scene.active()) == 1
    assert new not in scene.active()
    assert scene.inbox.secrets == [scene.inbox.secrets[0], *before]
    scene.connect()
    assert len(scene.active()) == 1


def test_killed_before_the_new_one_sleeps_it_is_put_to_sleep_then(
    scene: Scene,
) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    with (
        patch.object(account, "lull", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        scene.rotate()
    old, new = scene.destinations()
    assert scene.active() == [old["id"], new["id"]]

    words = [one.words for one in scene.connect() if one.name == "destination"]
    assert words[0].startswith(old["id"])
    assert words[1].startswith(f"{new['id']} leads there too, and its secret is not")
    told = [one.words for one in scene.rotate()]

    assert f"{new['id']} put to sleep: no receiver knows its secret yet" in told
    assert scene.active() == [old["id"]]
    scene.restart_receiver()
    scene.rotate()
    assert scene.active() == [new["id"]]


def test_whatever_else_is_awake_there_sleeps_after_a_rotation(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    scene.connect()
    store = scene.paddle.store
    (first,) = scene.destinations()
    twin = {"id": f"ntfset_{'y' * 26}", "description": "by hand"}
    store.put("notification_setting", {**first, **twin})

    rotated(scene, is_first=False)

    assert len(scene.destinations()) == 3
    assert len(scene.active()) == 1
    assert scene.active() != [first["id"]]
    assert twin["id"] not in scene.active()
