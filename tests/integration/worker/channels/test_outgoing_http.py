"""Requests to a real server, by names that a resolver of the test answers for."""

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.fixtures.platform import Platform, reply
from worker.channels.deadline import Deadline
from worker.channels.errors import UnreachableError
from worker.channels.outgoing_http import (
    MOST_ANSWER_BYTES,
    ForbiddenAddressError,
    OutgoingHttp,
    Request,
)
from worker.channels.reach import Reach

WORLD = Reach(private=False, loopback=False, plain=False)
PRIVATE = Reach(private=True, loopback=False, plain=False)
LOCAL = Reach(private=True, loopback=True, plain=True)
#: A public address, at which nobody is ever asked for anything here.
PUBLIC = "9.9.9.9"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Return what each name resolves to: one list of addresses a look-up."""
    known: dict[str, list[list[str]]] = {}
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            return ask(host, port, *rest, **named)
        found = known[name].pop(0)
        return [line for one in found for line in ask(one, port, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


def post(
    url: str,
    reach: Reach = LOCAL,
    begin: Callable[[], None] = lambda: None,
    seconds: float = 60,
) -> Any:
    http = OutgoingHttp(reach)
    try:
        request = Request(url, {"x-one": "1"}, b"hello")
        return http.send(request, Deadline(seconds), begin)
    finally:
        http.close()


def test_a_request_arrives_under_the_name_it_was_sent_to(
    names: dict[str, list[list[str]]], platform: Platform
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    answer = post(f"http://shop.example:{platform.port}/hook?a=1")
    assert answer.status == 204
    [hook] = platform.hooks
    assert hook.body == b"hello"
    assert hook.headers["host"] == f"shop.example:{platform.port}"
    assert (hook.headers["x-one"], hook.headers["user-agent"]) == ("1", "paddlewheel")


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        (["127.0.0.1"], "PADDLE_ENVIRONMENT=local"),
        (["10.0.0.1"], "OUTGOING_PRIVATE=true"),
        (["169.254.169.254"], "nothing allows"),
        ([PUBLIC, "127.0.0.1"], "PADDLE_ENVIRONMENT=local"),
        (["::ffff:127.0.0.1"], "PADDLE_ENVIRONMENT=local"),
    ],
)
def test_a_name_is_judged_by_every_address_it_has(
    addresses: list[str],
    said: str,
    names: dict[str, list[list[str]]],
    platform: Platform,
) -> None:
    names["shop.example"] = [addresses]
    with pytest.raises(ForbiddenAddressError, match=said):
        post(f"https://shop.example:{platform.port}/hook", WORLD)
    assert platform.hooks == []


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"]
)
def test_a_number_is_an_address_however_it_is_written(
    host: str, platform: Platform
) -> None:
    with pytest.raises(ForbiddenAddressError, match="PADDLE_ENVIRONMENT=local"):
        post(f"https://{host}:{platform.port}/hook", WORLD)
    assert platform.hooks == []


def test_the_address_that_was_judged_is_the_one_that_is_used(
    names: dict[str, list[list[str]]],
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    # Rebinding: a second look-up would lead to this machine.
    names["shop.example"] = [[PUBLIC], ["127.0.0.1"]]
    with pytest.raises(UnreachableError, match="no answer: ConnectError"):
        post(f"https://shop.example:{platform.port}/hook", WORLD)
    assert asked == [(PUBLIC, platform.port)]
    assert names["shop.example"] == [["127.0.0.1"]]
    assert platform.hooks == []


def test_an_address_that_does_not_answer_is_passed_over(
    names: dict[str, list[list[str]]], platform: Platform
) -> None:
    # Nobody listens there: the door is on 127.0.0.1 alone.
    names["shop.example"] = [["127.0.0.2", "127.0.0.1"]]
    assert post(f"http://shop.example:{platform.port}/hook").status == 204


def test_http_does_not_leave_the_private_network(
    names: dict[str, list[list[str]]],
) -> None:
    names["shop.example"] = [[PUBLIC]]
    with pytest.raises(ForbiddenAddressError, match="use https"):
        post("http://shop.example/hook", PRIVATE)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@shop.example/hook",
        "https://user@shop.example/hook",
        "file:///etc/passwd",
        "gopher://127.0.0.1:11211/x",
        "https:///hook",
        "https://127.0.0.1:99999/",
    ],
)
def test_some_addresses_are_none_and_are_not_repeated(url: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="the address must") as caught:
        post(url)
    assert "s3cret" not in str(caught.value)


def test_a_redirect_is_an_answer_and_nothing_more(platform: Platform) -> None:
    target = f"http://127.0.0.1:{platform.port}/other"
    platform.answer = lambda request: reply(request, 307, location=target)
    assert post(platform.url).status == 307
    assert len(platform.hooks) == 1


def test_no_proxy_of_the_environment_is_used(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert post(platform.url).status == 204


def test_of_an_endless_answer_only_the_beginning_is_read(platform: Platform) -> None:
    def pour(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not platform.over.is_set():
                request.wfile.write(b"x" * 65_536)
        except OSError:
            request.close_connection = True

    platform.answer = pour
    answer = post(platform.url)
    assert (answer.status, len(answer.body)) == (200, MOST_ANSWER_BYTES)


def test_an_answer_that_drips_ends_with_the_deadline(platform: Platform) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not platform.over.wait(0.02):
                request.wfile.write(b"x-a: 1\r\n")
        except OSError:
            request.close_connection = True

    platform.answer = drip
    began: list[str] = []
    with pytest.raises(TimeoutError, match="no answer"):
        post(platform.url, begin=lambda: began.append("now"), seconds=0.5)
    assert began == ["now"]


def test_before_the_connection_stands_nothing_has_begun(platform: Platform) -> None:
    began: list[str] = []
    with pytest.raises(UnreachableError):
        post("http://127.0.0.1:9/", begin=lambda: began.append("now"))
    # TLS with somebody who speaks none.
    address = platform.url.replace("http", "https")
    with pytest.raises(UnreachableError):
        post(address, begin=lambda: began.append("now"))
    assert began == []


def test_what_begin_raises_leaves_with_nothing_sent(platform: Platform) -> None:
    def refuse() -> None:
        raise LookupError("taken over")

    with pytest.raises(LookupError):
        post(platform.url, begin=refuse)
    assert platform.hooks == []


def test_begin_comes_before_the_first_byte_of_each_request(platform: Platform) -> None:
    seen: list[int] = []
    http = OutgoingHttp(LOCAL)
    request = Request(platform.url, {}, b"hello")
    for _ in range(2):
        http.send(request, Deadline(60), lambda: seen.append(len(platform.hooks)))
    http.close()
    assert seen == [0, 1]


def test_a_cut_after_the_request_is_told_from_silence(platform: Platform) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.connection.shutdown(socket.SHUT_RDWR)
        request.close_connection = True

    platform.answer = cut
    with pytest.raises(ConnectionError, match="no answer: "):
        post(platform.url)
