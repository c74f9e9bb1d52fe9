"""Which permissions a key has: what Paddle says of it, and nobody else."""

from typing import Any

import httpx
import pytest

from worker.providers.errors import ApiDownError
from worker.providers.paddle.account import Account
from worker.providers.paddle.connection import PaddleConnection

ACCOUNT = Account("http://paddle.test", "pdl_key")
NEEDED = (("GET", "/customers"), ("PATCH", "/simulations/nothing"))


def refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code}})


def connection(*answers: httpx.Response) -> PaddleConnection:
    told = iter(answers)
    return PaddleConnection(
        ACCOUNT, transport=httpx.MockTransport(lambda _: next(told))
    )


def test_a_request_that_paddle_finds_wanting_was_allowed() -> None:
    listed: dict[str, Any] = {"data": []}
    with connection(httpx.Response(200, json=listed), refused(404, "not_found")) as api:
        assert api.lacking(NEEDED) == []
    with connection(refused(403, "forbidden"), refused(400, "bad_request")) as api:
        assert api.lacking(NEEDED) == ["customer.read"]


@pytest.mark.parametrize("request_", NEEDED, ids=["list", "change"])
def test_a_no_of_somebody_on_the_way_proves_no_permission(
    request_: tuple[str, str],
) -> None:
    page = httpx.Response(404, html="<h1>Not found</h1>")
    with connection(page) as api, pytest.raises(ApiDownError, match="answered 404"):
        api.lacking([request_])


def test_a_change_that_somebody_on_the_way_refuses_may_have_been_made() -> None:
    page = httpx.Response(413, html="<h1>Too large</h1>")
    with connection(page) as api, pytest.raises(ApiDownError, match="answered 413"):
        api.add_setting({"description": "ours"})
