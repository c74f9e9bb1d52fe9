"""Asking Paddle: what is sent, what is taken over, what each answer means."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any

import httpx
import pytest

from worker.errors import SettingsError
from worker.failures import Verdict, failure_of
from worker.providers.checkouts import Buyer, Problem
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiRefusedError,
)
from worker.providers.paddle import asking as module
from worker.providers.paddle.account import Account, is_askable
from worker.providers.paddle.api import PaddleApi, api_of
from worker.providers.paddle.problems import problem_of
from worker.settings import Settings

KEY = "pdl_local_c4n4ry"
CUSTOMER = {"id": "ctm_1", "email": "ada@example.com", "custom_data": {"a": 1.10}}
Answer = Callable[[httpx.Request], httpx.Response]


def asking(answer: Answer) -> PaddleApi:
    account = Account("http://paddle.test", KEY)
    return PaddleApi(account, transport=httpx.MockTransport(answer))


def always(status: int, content: object = None, **headers: str) -> PaddleApi:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asking(lambda _: httpx.Response(status, json=content, headers=named))


def refusal(code: str, detail: str = "") -> dict[str, Any]:
    return {"error": {"type": "request_error", "code": code, "detail": detail}}


def page(ids: str, *, following: str | None, more: bool) -> dict[str, Any]:
    pagination = {"per_page": 2, "next": following, "has_more": more}
    data = [{"id": one} for one in ids]
    return {"data": data, "meta": {"request_id": "r", "pagination": pagination}}


def test_a_customer_comes_byte_for_byte_as_paddle_wrote_it() -> None:
    raw = b'{"id":"ctm_1",  "amount":1.10,"name":"Zo\\u00eb"}'
    content = b'{"data":' + raw + b',"meta":{"request_id":"r"}}'

    with asking(lambda _: httpx.Response(200, content=content)) as api:
        assert api.customer("ctm_1") == raw


def test_a_request_has_the_key_and_the_version_and_only_there() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": CUSTOMER})

    with asking(answer) as api:
        api.customer("ctm_1")
        shown = f"{api!r} {vars(api)['_asker']!r} {Account('', KEY)!r}"

    (request,) = seen
    assert request.url == "http://paddle.test/customers/ctm_1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["paddle-version"] == "1"
    assert KEY not in str(request.url) + shown


def test_what_is_not_there_is_none() -> None:
    with always(404, refusal("not_found")) as api:
        assert api.customer("ctm_1") is None


@pytest.mark.parametrize("odd", ["../prices", "a/b", "a?b=c", "ctm 1", "ü"])
def test_an_odd_id_stays_one_step_of_the_path(odd: str) -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404, json=refusal("not_found"))

    with asking(answer) as api:
        assert api.customer(odd) is None
    assert [(path.count(b"/"), b"?" in path) for path in paths] == [(2, False)]


def test_another_customer_than_asked_for_is_no_answer() -> None:
    with always(200, {"data": {"id": "ctm_2"}}) as api, pytest.raises(ApiDownError):
        api.customer("ctm_1")


def test_pages_follow_the_cursor_and_end_where_there_is_no_more() -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        after = request.url.params.get("after")
        # ``next`` is there on the last page too, and its host is not to be trusted.
        following = f"https://elsewhere.test/prices?after={'d' if after else 'b'}&x=1"
        ids = "cd" if after else "ab"
        return httpx.Response(200, json=page(ids, following=following, more=not after))

    with asking(answer) as api:
        pages = list(api.prices())

    assert [[json.loads(one)["id"] for one in p] for p in pages] == [
        ["a", "b"],
        ["c", "d"],
    ]
    assert [parameters.get("after") for parameters in asked] == [None, "b"]
    assert asked[0] == {
        "status": "active,archived",
        "per_page": "200",
        "order_by": "id[ASC]",
    }


@pytest.mark.parametrize("following", ["http://paddle.test/?after=a", "", None, "//["])
def test_pages_that_would_not_end_are_an_error(following: str | None) -> None:
    endless = page("a", following=following, more=True)

    with (
        always(200, endless) as api,
        pytest.raises(ApiDownError, match="pages of /products do not end"),
    ):
        list(islice(api.products(), 5))


@pytest.mark.parametrize(
    ("path", "most"),
    [("/transactions", "30"), ("/adjustments", "50"), ("/discounts", "200")],
)
def test_a_page_is_as_large_as_paddle_allows(path: str, most: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["per_page"] == most
        return httpx.Response(200, json=page("a", following=None, more=False))

    with asking(answer) as api:
        assert list(api.pages(path, {})) == [[b'{"id":"a"}']]


def test_discounts_are_a_list_of_their_own() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/discounts"
        return httpx.Response(200, json=page("d", following=None, more=False))

    with asking(answer) as api:
        assert list(api.discounts()) == [[b'{"id":"d"}']]


@pytest.mark.parametrize(
    ("code", "detail", "words"),
    [
        ("forbidden", "", "lacks the permission customer.read (forbidden)"),
        (
            "forbidden",
            "You need customer.read and customer_portal_session.write here.",
            "permission customer.read, customer_portal_session.write (forbidden)",
        ),
        ("invalid_token", f"no {KEY}", "is not believed (invalid_token)"),
    ],
)
def test_a_refused_key_says_what_it_lacks(code: str, detail: str, words: str) -> None:
    with always(403, refusal(code, detail)) as api, pytest.raises(
        ApiRefusedError, match="PADDLE_API_KEY"
    ) as refused:  # fmt: skip
        api.customer("ctm_1")

    assert words in str(refused.value)
    assert KEY not in str(refused.value)
    assert failure_of(refused.value).verdict is Verdict.MACHINERY


@pytest.mark.parametrize("status", [401, 403])
def test_a_door_on_the_way_that_is_shut_says_nothing_of_the_key(status: int) -> None:
    door = httpx.Response(status, html="<h1>Not you</h1>")
    with asking(lambda _: door) as api, pytest.raises(ApiDownError) as down:
        api.customer("ctm_1")

    assert str(down.value) == f"answered {status} (no code)"
    told = problem_of(down.value)
    assert told == Problem(f"Paddle: answered {status} (no code).", Buyer.SOON)


def test_the_permission_for_events_has_another_name() -> None:
    with (
        always(403, refusal("forbidden")) as api,
        pytest.raises(ApiRefusedError, match=r"notification\.read"),
    ):
        list(api.pages("/events", {}))


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [
        (429, "30", 30),
        (429, None, 60),
        (429, "soon", 60),
        (429, "999999", 3600),
        (429, "Wed, 01 Jan 3000 00:00:00 GMT", 3600),
        (503, "7", 7),
    ],
)
def test_a_busy_paddle_says_for_how_long(
    status: int, asked: str | None, seconds: int
) -> None:
    headers = {} if asked is None else {"retry_after": asked}
    with (
        always(status, refusal("too_many_requests"), **headers) as api,
        pytest.raises(ApiBusyError) as busy,
    ):
        api.customer("ctm_1")

    failure = failure_of(busy.value)
    assert failure.verdict is Verdict.MACHINERY
    assert failure.wait_at_least == timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [301, 302, 500, 502, 503, 204])
def test_an_answer_that_is_none_is_put_off(status: int) -> None:
    with (
        always(status, {}, location="http://elsewhere.test/") as api,
        pytest.raises(ApiDownError, match=f"answered {status}") as down,
    ):
        api.customer("ctm_1")
    assert failure_of(down.value).verdict is Verdict.MACHINERY


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b'{"data":[]}', b"[" * 9000, b"\xff", b'{"data":{"id":1}}'],
)
def test_what_is_not_paddles_json_is_put_off(content: bytes) -> None:
    with (
        asking(lambda _: httpx.Response(200, content=content)) as api,
        pytest.raises(ApiDownError, match="something else"),
    ):
        api.customer("ctm_1")
    with (
        asking(lambda _: httpx.Response(200, content=content)) as api,
        pytest.raises(ApiDownError, match="something else"),
    ):
        list(api.prices())


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError(f"canary {KEY}"),
        httpx.ReadTimeout(f"canary {KEY}"),
        httpx.RemoteProtocolError(f"canary {KEY}"),
        OSError(f"canary {KEY}"),
    ],
)
def test_no_answer_is_told_by_its_class_alone(error: Exception) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    with asking(answer) as api, pytest.raises(ApiDownError) as down:
        api.customer("ctm_1")

    assert str(down.value) == f"no answer: {type(error).__name__}"
    assert down.value.__suppress_context__


def test_a_key_that_no_request_can_bear_is_the_key_s_fault() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError(f"canary {KEY}")

    with asking(answer) as api, pytest.raises(ApiRefusedError) as refused:
        api.customer("ctm_1")

    assert str(refused.value) == "PADDLE_API_KEY cannot be sent as it is"
    assert refused.value.__suppress_context__


def test_a_no_for_good_is_dead_at_once_and_quotes_nothing() -> None:
    said = refusal("invalid_field", f"ada@example.com with {KEY}")
    with always(400, said) as api, pytest.raises(ApiError) as refused:
        api.customer("ctm_1")

    error = refused.value
    assert (str(error), error.status) == ("answered 400 (invalid_field)", 400)
    assert error.detail == "ada@example.com with ..."
    assert failure_of(error).verdict is Verdict.PERMANENT


def test_a_code_that_is_no_code_is_not_quoted() -> None:
    with (
        always(409, refusal("Ada Lovelace")) as api,
        pytest.raises(ApiError, match=r"answered 409 \(no code\)"),
    ):
        api.customer("ctm_1")


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ANSWER_BYTES", 10)
    with always(200, {"data": CUSTOMER}) as api, pytest.raises(ApiDownError):
        api.customer("ctm_1")


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ("sandbox", "https://sandbox-api.paddle.com"),
        ("production", "https://api.paddle.com"),
        ("local", "http://127.0.0.1:8090"),
    ],
)
def test_each_environment_has_its_address(
    environment: str, address: str, make_settings: Callable[..., Settings]
) -> None:
    url = {"paddle_api_url": address} if environment == "local" else {}
    config = make_settings(paddle_environment=environment, paddle_api_key="old", **url)

    with api_of(config) as api:
        assert vars(vars(api)["_asker"])["_client"].base_url == address
    assert is_askable(config)


@pytest.mark.parametrize(
    "given",
    [
        {"paddle_environment": "sandbox"},
        {"paddle_environment": "local", "paddle_api_key": "k"},
    ],
)
def test_without_a_key_or_an_address_nobody_is_asked(
    given: dict[str, str], make_settings: Callable[..., Settings]
) -> None:
    config = make_settings(**given)

    assert not is_askable(config)
    with pytest.raises(SettingsError, match="PADDLE_API_KEY is not set"):
        api_of(config)
