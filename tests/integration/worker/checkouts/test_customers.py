"""For whom a checkout is opened: whoever has the address, and nobody else."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from unittest.mock import patch

import pytest
from sqlalchemy import Engine

from tasks.create import create as create_task
from tests.factories import rows
from tests.fixtures.answering import KEY, Answering
from tests.integration.worker.checkouts.conftest import SECRET, Shop
from tests.opening import PRICE
from worker.providers.checkouts import Sought
from worker.providers.errors import ApiDownError, ApiError
from worker.providers.paddle.checkout import PaddleCheckouts, checkouts_of
from worker.settings import Settings

ANYTHING = Sought((), lambda _: True, datetime.now(UTC), datetime.now(UTC))
WAITS = "not open yet: checkouts.recover goes on with it"


@pytest.fixture
def api(shop: Shop) -> Iterator[PaddleCheckouts]:
    """What opens checkouts."""
    with checkouts_of(shop.config, 5) as found:
        yield found


def add_customer(shop: Shop, email: str) -> str:
    return str(shop.api.post("/customers", json={"email": email}).json()["data"]["id"])


def test_whoever_is_listed_beside_the_address_is_not_taken(
    shop: Shop, api: PaddleCheckouts
) -> None:
    several = "nobody,ada@example.com"
    ada = add_customer(shop, "ada@example.com")

    listed = shop.api.get("/customers", params={"email": several}).json()["data"]

    # A list in it is what the provider takes it for; our shops never send one.
    assert [one["id"] for one in listed] == [ada]
    assert api.customer_of(several) != ada
    assert api.customer_of("ada@example.com") == ada


def test_an_address_that_looks_like_an_id_is_nobody_else_s(
    shop: Shop, api: PaddleCheckouts
) -> None:
    ada = add_customer(shop, "ada@example.com")
    mine = add_customer(shop, f"{ada.upper()}@x.example")
    typed = f"{ada}@x.example"
    words = f"{typed} conflicts with customer of id {mine}"
    refused = ApiError(409, "customer_already_exists", words)

    with patch.object(PaddleCheckouts, "_sent", side_effect=refused):
        assert api.customer_of(typed) == mine


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.customer_of("ada@example.com"),
        lambda api: api.discount_of("SUMMER"),
        lambda api: api.find_opened(ANYTHING),
    ],
    ids=["customer", "discount", "look"],
)
def test_a_no_of_somebody_on_the_way_is_no_answer(
    ask: Callable[[PaddleCheckouts], object],
    answering: Answering,
    configured: Callable[..., Settings],
) -> None:
    answering.answer = not_here
    config = configured(paddle_api_url=answering.url, paddle_api_key=KEY)

    with (
        checkouts_of(config, 5) as api,
        pytest.raises(ApiDownError, match="answered 404"),
    ):
        ask(api)


def test_a_checkout_outlives_it(
    core: Engine, answering: Answering, configured: Callable[..., Settings]
) -> None:
    answering.answer = not_here
    configured(paddle_api_url=answering.url, paddle_api_key=KEY, learner_secrets=SECRET)

    told = create_task([PRICE], "user-42", "order-17", email="ada@example.com")

    assert told == WAITS
    assert rows(core, "SELECT state, last_error FROM checkouts") == [
        ("pending", "ApiDownError: answered 404 (no code)")
    ]


def not_here(request: BaseHTTPRequestHandler) -> None:
    """Answer as a proxy does that knows of nothing."""
    page = b"<h1>404 Not Found</h1>"
    request.send_response(404)
    request.send_header("content-type", "text/html")
    request.send_header("content-length", str(len(page)))
    request.end_headers()
    request.wfile.write(page)
