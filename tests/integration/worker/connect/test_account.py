"""The account is set up: permissions, and one destination as it should be."""

from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

from tests.integration.worker.connect.conftest import Scene, begin
from worker.connect.destination import PATH
from worker.connect.errors import ConnectError
from worker.providers.errors import ApiDownError
from worker.providers.paddle.connection import NEEDED, PaddleConnection, Setting
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.providers.paddle.permissions import permission_of
from worker.settings import Environment


def test_the_destination_takes_what_the_table_of_event_types_takes(
    scene: Scene,
) -> None:
    begin(scene)

    (made,) = scene.destinations()
    with scene.api() as api:
        known = api.event_types()
    taken = {n for n, e in EVENT_TYPES.items() if e.outcome is not Outcome.IGNORED}
    subscribed = {one["name"] for one in made["subscribed_events"]}
    assert subscribed == taken & known
    assert {n for n, e in EVENT_TYPES.items() if e.reader} & known <= subscribed
    assert "transaction.completed" in subscribed
    assert made["destination"] == f"{scene.inbox.url}{PATH}"
    assert (made["active"], made["traffic_source"]) == (True, "all")


def test_a_destination_that_somebody_changed_is_put_right(scene: Scene) -> None:
    begin(scene)
    scene.restart_receiver()
    (made,) = scene.destinations()
    change = {"active": False, "subscribed_events": ["transaction.paid"]}
    with scene.api() as api:
        api.change_setting(made["id"], change)

    steps = {one.name: one.words for one in scene.connect()}

    assert steps["destination"].endswith("changed: active, subscribed_events")
    assert len(scene.destinations()) == 1


@pytest.mark.parametrize("missing", sorted({permission_of(*one) for one in NEEDED}))
def test_a_permission_that_is_missing_is_named(missing: str, scene: Scene) -> None:
    every = {permission_of(*one) for one in NEEDED}
    scene.control.post("dashboard", {"permissions": sorted(every - {missing})})

    with pytest.raises(ConnectError, match=f"the key lacks {missing}\\.") as raised:
        scene.connect()

    assert raised.value.step == "permissions"
    assert scene.destinations() == []


def test_what_only_checkouts_need_is_told_and_stops_nothing(scene: Scene) -> None:
    every = {permission_of(*one) for one in NEEDED}
    scene.control.post("dashboard", {"permissions": sorted(every)})

    steps = {one.name: one.words for one in scene.connect(dry_run=True)}

    assert "it lacks customer.write, transaction.write" in steps["permissions"]


def test_ten_destinations_already_are_told(scene: Scene) -> None:
    given = {
        "description": "x",
        "type": "url",
        "subscribed_events": ["address.created"],
    }
    with scene.api() as api:
        for number in range(9):
            api.add_setting({**given, "destination": f"https://x{number}.example/"})

    with pytest.raises(ConnectError, match="ten active destinations") as raised:
        scene.connect()

    assert raised.value.step == "destination"


def test_an_address_that_is_taken_by_a_destination_is_made_ours(scene: Scene) -> None:
    with scene.api() as api:
        known = api.add_setting(
            {
                "description": "by hand",
                "type": "url",
                "destination": f"{scene.inbox.url}{PATH}",
                "subscribed_events": ["address.created"],
            }
        )

    begin(scene)
    scene.restart_receiver()

    assert scene.connect()[-1].name == "simulation"
    assert [one["id"] for one in scene.destinations()] == [known.id]


def test_a_lost_answer_makes_no_second_destination(scene: Scene) -> None:
    post = PaddleConnection.add_setting

    def lost(self: PaddleConnection, given: dict[str, object]) -> Setting:
        post(self, given)
        raise ApiDownError("no answer: ReadTimeout")

    with patch.object(PaddleConnection, "add_setting", lost):
        begin(scene)

    assert len(scene.destinations()) == 1


def test_a_live_destination_takes_no_simulations_after_the_proof(
    scene: Scene,
) -> None:
    begin(scene)
    scene.restart_receiver()

    steps = scene.connect(environment=Environment.PRODUCTION)

    assert steps[-1].words.endswith("works")
    assert scene.destinations()[0]["traffic_source"] == "platform"


def test_a_live_destination_takes_no_simulations_after_a_failed_proof(
    scene: Scene,
) -> None:
    with pytest.raises(ConnectError, match="start it anew"):
        scene.connect(environment=Environment.PRODUCTION)

    assert scene.destinations()[0]["traffic_source"] == "platform"


def test_somebody_who_was_quicker_is_no_fault(scene: Scene) -> None:
    post = PaddleConnection.add_setting

    def second(self: PaddleConnection, given: dict[str, object]) -> Setting:
        post(self, given)
        return post(self, given)

    with patch.object(PaddleConnection, "add_setting", second):
        begin(scene)

    assert len(scene.destinations()) == 1


@pytest.mark.parametrize(
    "written",
    ["HTTP://127.0.0.1:{port}{path}", "http://127.0.0.1:{port}{path}?by=hand"],
    ids=["case", "query"],
)
def test_an_address_that_is_written_otherwise_is_the_same(
    written: str, scene: Scene
) -> None:
    port = urlsplit(scene.inbox.url).port
    with scene.api() as api:
        known = api.add_setting(
            {
                "description": "by hand",
                "type": "url",
                "destination": written.format(port=port, path=PATH),
                "subscribed_events": ["address.created"],
            }
        )

    begin(scene)

    every = scene.paddle.store.all("notification_setting")
    assert [one["id"] for one in every if one["description"] == "Paddlewheel"] == []
    assert known.id in [one["id"] for one in every]


def test_a_destination_at_an_earlier_address_is_told_and_stays(scene: Scene) -> None:
    with pytest.raises(ConnectError):
        scene.connect(destination="http://127.0.0.1:9/old/webhooks/paddle")
    scene.restart_receiver()
    (old,) = (
        one
        for one in scene.paddle.store.all("notification_setting")
        if one["description"] == "Paddlewheel"
    )
    begin(scene)
    scene.restart_receiver()

    words = [one.words for one in scene.connect() if one.name == "destination"]

    assert len(words) == 2
    assert words[1].startswith(f"{old['id']} is on too, and leads to http://127.0.0.1")
    assert "Paddle > Developer tools > Notifications" in words[1]
    with scene.api() as api:
        assert [one.active for one in api.settings() if one.id == old["id"]] == [True]


def test_the_destination_of_somebody_else_is_none_of_our_business(
    scene: Scene,
) -> None:
    with scene.api() as api:
        api.add_setting(
            {
                "description": "by hand",
                "type": "url",
                "destination": "https://elsewhere.example/webhooks/paddle",
                "subscribed_events": ["address.created"],
            }
        )
    begin(scene)
    scene.restart_receiver()

    words = [one.words for one in scene.connect() if one.name == "destination"]

    assert len(words) == 1


@pytest.mark.parametrize(
    ("is_known", "words"),
    [(False, "its secret is not known here"), (True, "so each event comes twice")],
)
def test_what_somebody_made_at_the_same_address_is_told(
    words: str, scene: Scene, *, is_known: bool
) -> None:
    begin(scene)
    scene.restart_receiver()
    store = scene.paddle.store
    (made,) = scene.destinations()
    secret = made["endpoint_secret_key"] if is_known else "pdl_ntfset_of_nobody"
    twin = {"id": f"ntfset_{'0' * 26}", "description": "by hand"}
    store.put("notification_setting", {**made, **twin, "endpoint_secret_key": secret})

    told = [one.words for one in scene.connect() if one.name == "destination"]

    assert told[0] == f"{made['id']} as it should be"
    assert told[1].startswith(f"{twin['id']} leads there too")
    assert words in told[1]
    assert scene.active() == [twin["id"], made["id"]]
