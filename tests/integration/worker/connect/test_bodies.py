"""What is sent to Paddle is what its description lets a request hold."""

import json
from collections.abc import Mapping

import httpx
import pytest
from jsonschema import ValidationError

from tests.integration.worker.connect.conftest import API_KEY, PRICE, Scene, begin
from tests.requests import check_request
from worker.connect.errors import ConnectError
from worker.providers.api import OpenGate
from worker.providers.checkouts import Sale
from worker.providers.errors import ApiError
from worker.providers.paddle.account import Account
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.providers.paddle.connection import FOR_CHECKOUTS, NEEDED, PaddleConnection
from worker.settings import Environment

#: Requests by which a permission shows: not whole on purpose.
ASKING = {one for one in (*NEEDED, *FOR_CHECKOUTS) if one[0] != "GET"}
NOBODY = f"ntfset_{'0' * 26}"


class Listening(httpx.HTTPTransport):
    """Keeps what is written to Paddle."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str, dict[str, object]]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            given = json.loads(request.read())
            if given or (request.method, request.url.path) not in ASKING:
                self.heard.append((request.method, request.url.path, given))
        return super().handle_request(request)

    def checked(self) -> set[str]:
        """Check all that was heard; return to which described paths it went."""
        return {check_request(*one) for one in self.heard}


def account_of(scene: Scene) -> Account:
    return Account(scene.given["PADDLE_API_URL"], API_KEY, frozenset(), OpenGate())


@pytest.mark.parametrize("environment", list(Environment))
def test_what_connect_sends_is_described(
    environment: Environment, scene: Scene
) -> None:
    begin(scene)
    scene.restart_receiver()
    (made,) = scene.destinations()
    scene.paddle.store.drop("notification_setting", made["id"])
    transport = Listening()
    plan = {"environment": environment, "secrets": ()}

    with PaddleConnection(account_of(scene), 10, transport) as api:
        with pytest.raises(ConnectError):
            list(scene.connecting(api, scene.engine, **plan).steps())
        scene.restart_receiver()
        list(scene.connecting(api, scene.engine, environment=environment).steps())
        list(scene.connecting(api, scene.engine, environment=environment).rotation())
        scene.restart_receiver()
        list(scene.connecting(api, scene.engine, environment=environment).rotation())

    assert transport.checked() == {
        "POST /notification-settings",
        "PATCH /notification-settings/{notification_setting_id}",
        "POST /simulations",
        "POST /simulations/{simulation_id}/runs",
    }


def test_what_a_checkout_sends_is_described(scene: Scene) -> None:
    made = scene.control.post("discount", {"code": "HALF", "amount": "50"})
    transport = Listening()

    with PaddleCheckouts(account_of(scene), 10, transport) as api:
        customer = api.customer_of("ada@example.com")
        page = "https://courses.example/pay"
        whole = Sale(
            ((PRICE, 2),), {"reference": "1"}, customer, made["discount_id"], page
        )
        api.open(whole)
        api.open(Sale(((PRICE, 1),), {"reference": "2"}))

    assert transport.checked() == {"POST /customers", "POST /transactions"}
    assert len(transport.heard) == 3


@pytest.mark.parametrize(
    ("method", "path", "given", "words"),
    [
        ("POST", "/notification-settings", {"active": False}, "active is read-only"),
        (
            "POST",
            "/notification-settings",
            {"subscribed_events": []},
            "'type' is a required property",
        ),
        ("POST", "/customers", {"email": "a@b.example", "odd": 1}, "odd"),
        ("POST", "/transactions", {"items": [{"price_id": PRICE}]}, "not valid"),
        ("PATCH", f"/notification-settings/{NOBODY}", {"odd": 1}, "not described"),
        ("POST", f"/simulations/{NOBODY}/runs", {"odd": 1}, "not described"),
        ("PATCH", f"/notification-settings/{NOBODY}", {"active": "no"}, "boolean"),
    ],
    ids=[
        *("read-only", "required", "closed", "item", "unknown", "no body", "type"),
    ],
)
def test_the_check_finds_what_is_not_described(
    method: str, path: str, given: Mapping[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        check_request(method, path, given)


def test_a_destination_is_made_awake_and_no_word_is_taken_on_that(
    scene: Scene,
) -> None:
    given = {
        "description": "asleep",
        "type": "url",
        "destination": "https://a.example/webhooks/paddle",
        "subscribed_events": ["address.created"],
    }
    with PaddleConnection(account_of(scene), 10) as api:
        with pytest.raises(ApiError) as raised:
            api.add_setting({**given, "active": False})
        made = api.add_setting(given)

        assert (raised.value.status, raised.value.code) == (400, "invalid_field")
        assert made.active
        assert not api.change_setting(made.id, {"active": False}).active
