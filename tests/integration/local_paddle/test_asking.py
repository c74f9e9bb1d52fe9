"""Paddlewheel's client asks the local Paddle, and others that are slower."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_paddle.catalog import Offer
from local_paddle.server import Options, running
from tests.integration.local_paddle.conftest import (
    API_KEY,
    BASICS,
    BUNDLE,
    SECRET,
    YEN,
    Receiver,
)
from worker.local_shop import Client
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiRefusedError,
)
from worker.providers.paddle.account import Account
from worker.providers.paddle.api import PaddleApi


def test_a_customer_is_found_as_the_api_tells_it(
    control: Client, address: str, api: httpx.Client
) -> None:
    control.purchase("ada@example.com", prices=[BASICS])
    (told,) = api.get("/customers").json()["data"]

    with PaddleApi(Account(address, API_KEY)) as client:
        found = client.customer(told["id"])
        assert client.customer("ctm_01hv8wptq8987qeep44cyrewp9") is None

    assert found is not None
    assert json.loads(found) == told


def test_a_purchase_that_is_completed_has_an_invoice_for_an_hour(
    control: Client, address: str
) -> None:
    paid = control.purchase("ada@example.com", prices=[BASICS])["transaction_id"]
    with PaddleApi(Account(address, API_KEY)) as client:
        assert client.invoice_url(paid).startswith("https://")
        assert client.checkout_url(paid).startswith("http")
        # A simulation tells of purchases that are not there.
        assert client.invoice_url("txn_01hv8wptq8987qeep44cyrewp9") == ""
        with pytest.raises(ApiError, match="404"):
            client.checkout_url("txn_01hv8wptq8987qeep44cyrewp9")


def test_a_purchase_of_nothing_has_no_invoice(
    receiver: Receiver, tmp_path: Path
) -> None:
    offers = (Offer(BASICS, "Basics", ("basics",), 0),)
    options = Options(tmp_path, API_KEY, SECRET, receiver.url, offers)
    with running(options) as (_, address), Client(address, API_KEY) as control:
        free = control.purchase("ada@example.com", prices=[BASICS])["transaction_id"]
        with PaddleApi(Account(address, API_KEY)) as client:
            assert client.invoice_url(free) == ""


def test_the_catalog_comes_whole(address: str) -> None:
    with PaddleApi(Account(address, API_KEY)) as client:
        prices = [json.loads(one)["id"] for page in client.prices() for one in page]
        products = [json.loads(one) for page in client.products() for one in page]

    assert sorted(prices) == sorted([BASICS, BUNDLE, YEN])
    assert len(products) == 3


def test_a_list_longer_than_a_page_comes_whole(control: Client, address: str) -> None:
    control.post("limit", {"requests_per_minute": 10_000})
    made = [control.purchase(f"{n}@example.com", prices=[BASICS]) for n in range(32)]

    with PaddleApi(Account(address, API_KEY)) as client:
        pages = list(client.pages("/transactions", {}))

    assert [len(page) for page in pages] == [30, 2]
    found = [json.loads(one)["id"] for page in pages for one in page]
    assert found == [receipt["transaction_id"] for receipt in made]


def test_a_wrong_key_is_refused(address: str) -> None:
    with (
        PaddleApi(Account(address, "pdl_local_other")) as client,
        pytest.raises(ApiRefusedError, match="invalid_token"),
    ):
        client.customer("ctm_1")


def test_too_many_requests_are_put_off_as_told(control: Client, address: str) -> None:
    control.post("limit", {"requests_per_minute": 1})
    with PaddleApi(Account(address, API_KEY)) as client:
        client.customer("ctm_01hv8wptq8987qeep44cyrewp9")
        with pytest.raises(ApiBusyError) as busy:
            client.customer("ctm_01hv8wptq8987qeep44cyrewp9")

    assert 30 <= busy.value.wait_at_least.total_seconds() <= 60


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that begins an answer and then sends a byte now and then, for ever."""
    stop = threading.Event()

    def drip(connected: socket.socket) -> None:
        with connected:
            try:
                connected.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while not stop.wait(0.05):
                    connected.sendall(b"x")
            except OSError:
                return

    def serve() -> None:
        while not stop.is_set():
            try:
                connected, _ = listening.accept()
            except TimeoutError:
                continue
            threads.append(threading.Thread(target=drip, args=(connected,)))
            threads[-1].start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        threads.append(threading.Thread(target=serve))
        threads[0].start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        stop.set()
        for thread in threads:
            thread.join(10)


def test_a_call_ends_in_time_however_slowly_the_other_side_speaks(
    dripping: str,
) -> None:
    begun = time.monotonic()
    with (
        PaddleApi(Account(dripping, API_KEY), call_seconds=1) as client,
        pytest.raises(ApiDownError, match="TimeoutError"),
    ):
        client.customer("ctm_1")
    assert time.monotonic() - begun < 10


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        PaddleApi(Account(f"http://127.0.0.1:{port}", API_KEY)) as client,
        pytest.raises(ApiDownError, match="ConnectError"),
    ):
        client.customer("ctm_1")
