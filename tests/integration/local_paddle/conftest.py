"""A receiver that answers as told, and a local Paddle that delivers to it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from paddle_billing.Notifications import Secret, Verifier

from local_paddle.catalog import Offer
from local_paddle.server import LocalPaddle, Options, running
from worker.local_shop import Client

API_KEY = "pdl_local_apikey_for_tests"
SECRET = "pdl_ntfset_01gkpjp8bkm3tm53kdgkx6sms7_6h3qd3uFSi9YCD3OLYAShQI90XTI5vEI"
BASICS = "pri_01jd0pyth0nbas1cs0000000a1"
BUNDLE = "pri_01jd0bund1e0000000000000c3"
YEN = "pri_01jd0yen00000000000000000d"
OFFERS = (
    Offer(BASICS, "Basics", ("basics",)),
    Offer(BUNDLE, "Bundle", ("basics", "depth"), 9_900),
    Offer(YEN, "Basics in Japan", ("basics",), 7_000, "JPY"),
)
WAIT_SECONDS = 60.0


@dataclass
class Received:
    """One whole request that came in."""

    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """Keeps what comes; refuses bad signatures as a receiver should."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    refused: list[Received] = field(default_factory=list)
    #: Answers for good signatures, used up from the front; then 200.
    answers: list[int] = field(default_factory=list)
    #: How long to think before every answer.
    delay_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Lets everybody go who thinks, when the test is over.
    over: threading.Event = field(default_factory=threading.Event)

    def take(self, request: Received) -> int:
        with self.lock:
            if not is_signed(request):
                self.refused.append(request)
                return 401
            self.received.append(request)
            status = self.answers.pop(0) if self.answers else 200
        self.over.wait(self.delay_seconds)
        return status


def is_signed(request: Received) -> bool:
    try:
        return bool(Verifier().verify(request, Secret(SECRET)))
    except UnicodeDecodeError:
        return False


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
            request = Received(dict(self.headers), body, time.time())
            status = receiver.take(request)
            body = b"" if status == HTTPStatus.NO_CONTENT else b"ok"
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class Server(ThreadingHTTPServer):
    """Deliveries come thirty-two at once."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing when the other side hangs up."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    kept = Receiver()
    server = Server(("127.0.0.1", 0), _handler(kept))
    kept.url = f"http://127.0.0.1:{server.server_port}/webhooks/paddle"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield kept
    kept.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port."""
    with receiving() as kept:
        yield kept


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The API of a local Paddle that a module shares, for what changes nothing."""
    folder = tmp_path_factory.mktemp("shared")
    with receiving() as kept:
        options = Options(folder, API_KEY, SECRET, kept.url, OFFERS)
        with running(options) as (paddle, url), httpx.Client(base_url=url) as client:
            paddle.limit.allow(1_000_000)
            client.headers["Authorization"] = f"Bearer {API_KEY}"
            yield client


Starting = Callable[[], AbstractContextManager[tuple[LocalPaddle, str]]]


@pytest.fixture
def start(receiver: Receiver, tmp_path: Path) -> Starting:
    """Return a function that runs a local Paddle, always on the same state."""
    options = Options(tmp_path / "state", API_KEY, SECRET, receiver.url, OFFERS)
    return lambda: running(options)


@pytest.fixture
def address(start: Starting) -> Iterator[str]:
    """The address of a running local Paddle."""
    with start() as (_, url):
        yield url


@pytest.fixture
def control(address: str) -> Iterator[Client]:
    """Its control endpoints."""
    with Client(address, API_KEY) as client:
        yield client


@pytest.fixture
def api(address: str) -> Iterator[httpx.Client]:
    """Its API, with the right key."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Paddle-Version": "1"}
    with httpx.Client(base_url=address, headers=headers) as client:
        yield client


@pytest.fixture
def settle(control: Client) -> Callable[[], dict[str, int]]:
    """Return a function that waits until all is delivered and gives the counts."""

    def settled() -> dict[str, int]:
        assert control.wait_until_quiet(WAIT_SECONDS)
        return control.counts()

    return settled


@pytest.fixture
def listed(api: httpx.Client) -> Callable[..., list[Any]]:
    """Return a function that reads a list to its end, page by page."""

    def read(path: str, **query: object) -> list[Any]:
        found: list[Any] = []
        url, params = path, query or None
        for _ in range(1_000):
            answer = api.get(url, params=params).raise_for_status().json()  # type: ignore[arg-type]
            found += answer["data"]
            pagination = answer["meta"]["pagination"]
            assert pagination["next"]
            if not pagination["has_more"]:
                return found
            url, params = pagination["next"], None
        pytest.fail("the pages never end")

    return read
