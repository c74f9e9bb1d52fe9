"""Requests that were given up: they leave no more, and nothing of them arrives late."""

import socket
import threading
from typing import Any

import httpx
import pytest

from tests.fixtures.answering import KEY, Answering, reply
from worker.channels.sending import DELIVERY_SECONDS
from worker.providers.errors import ApiDownError
from worker.providers.paddle.account import Account
from worker.providers.paddle.asking import Asker


def asker(answering: Answering, seconds: float) -> Asker:
    return Asker(Account(answering.url, KEY), seconds)


def wait_for_the_abandoned() -> None:
    for thread in threading.enumerate():
        if thread.name == "within":
            thread.join(30)
            assert not thread.is_alive()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_was_given_up_while_its_name_was_looked_up_never_leaves(
    method: str, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_found = threading.Event()
    look_up = socket.getaddrinfo

    def slow(*given: Any, **named: Any) -> Any:
        assert is_found.wait(30)
        return look_up(*given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    asks = asker(answering, 0.1)
    with pytest.raises(ApiDownError, match="no answer: TimeoutError"):
        asks.send(method, "/transactions", {"items": []})
    asks.close()

    is_found.set()
    wait_for_the_abandoned()

    assert answering.asked == []


def test_what_is_sent_in_time_is_not_delivered_for_longer_than_is_said(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering.answer = lambda request: reply(request, 200, {"data": {}})
    handle = httpx.HTTPTransport.handle_request
    bounds: list[int] = []

    def looked_at(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = handle(self, request)
        used = response.extensions["network_stream"].get_extra_info("socket")
        bounds.append(used.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        return response

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", looked_at)
    asks = asker(answering, 60)
    asks.get("/transactions", {})
    asks.close()

    assert bounds == [DELIVERY_SECONDS * 1000]
