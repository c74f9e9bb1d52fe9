"""A local Paddle to connect with, and a receiver that puts what is signed into the inbox."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from local_paddle.catalog import Offer
from local_paddle.server import LocalPaddle, Options, running
from tests.catalog import catalog_text
from tests.factories import add_bytes
from tests.fixtures.configuration import WEBHOOK_SECRET
from tests.fixtures.processes import WAIT_SECONDS
from web_hook.verify import Accepted, verify
from worker.connect.connect import Connecting
from worker.connect.errors import ConnectError
from worker.connect.plan import Plan, plan_of
from worker.connect.proof import Patience
from worker.connect.step import Step
from worker.local_shop import Client
from worker.providers.api import OpenGate
from worker.providers.paddle.account import Account
from worker.providers.paddle.connection import PaddleConnection
from worker.settings import Environment, Settings

API_KEY = "pdl_local_apikey_for_connecting"
PRICE = "pri_01jd0pyth0nbas1cs0000000a1"
OTHER = "pri_01jd0bund1e0000000000000c3"
OFFERS = (Offer(PRICE, "Basics", ()), Offer(OTHER, "Bundle", ()))


@dataclass
class Inbox:
    """A receiver with secrets that can be changed, as by starting it anew."""

    engine: Engine
    url: str = ""
    secrets: list[str] = field(default_factory=list)
    #: What is on the way between Paddle and the receiver.
    altered: Callable[[bytes], bytes] = lambda body: body
    #: Whether it keeps what it takes.
    keeps: bool = True
    #: What stands before it answers this, and it is not there.
    absent: int = 0

    def take(self, header: str, body: bytes) -> int:
        """Answer a delivery."""
        body = self.altered(body)
        if self.absent:
            return self.absent
        known = tuple(secret.encode() for secret in self.secrets)
        verdict = verify(header.encode(), body, known, time.time(), 60)
        if not isinstance(verdict, Accepted):
            return 401
        if self.keeps:
            event = json.loads(body)
            with self.engine.begin() as connection:
                add_bytes(connection, body, event["event_id"], event["event_type"])
        return 200


@contextmanager
def receiving(inbox: Inbox) -> Iterator[Inbox]:
    """Run it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(inbox.take(self.headers["Paddle-Signature"], body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Waiting:
    """Waits until Paddle has delivered; its time passes only by waiting."""

    control: Client
    #: Whether deliveries come to an end meanwhile.
    delivers: bool = True
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Wait, by its own time."""
        if self.delivers:
            assert self.control.wait_until_quiet(WAIT_SECONDS)
        self.slept.append(seconds)

    def patience(self, seconds: float = 30) -> Patience:
        """Return the patience that waits so."""
        return Patience(seconds, self.sleep, lambda: sum(self.slept))


@dataclass
class Scene:
    """All of it."""

    config: Settings
    engine: Engine
    paddle: LocalPaddle
    control: Client
    inbox: Inbox
    env_file: Path
    given: dict[str, str]
    waiting: Waiting

    def plan(self, **changes: Any) -> Plan:
        """Return the plan, as the command makes it."""
        made = plan_of(Environment.LOCAL, self.inbox.url, self.given, self.env_file)
        return replace(made, **changes)

    def api(self) -> PaddleConnection:
        """Return the account's API."""
        address = self.given["PADDLE_API_URL"]
        key = self.given["PADDLE_API_KEY"]
        return PaddleConnection(Account(address, key, frozenset(), OpenGate()), 10)

    def connecting(
        self, api: PaddleConnection, engine: Engine | None, **changes: Any
    ) -> Connecting:
        """Return what connects."""
        catalog, patience = self.config.catalog_file, self.waiting.patience()
        return Connecting(self.plan(**changes), api, catalog, engine, patience)

    def connect(self, **changes: Any) -> list[Step]:
        """Connect once."""
        with self.api() as api:
            return list(self.connecting(api, self.engine, **changes).steps())

    def rotate(self, **changes: Any) -> list[Step]:
        """Do half a rotation."""
        with self.api() as api:
            return list(self.connecting(api, self.engine, **changes).rotation())

    def destinations(self) -> list[dict[str, Any]]:
        """Return our destinations, oldest first."""
        every = self.paddle.store.all("notification_setting")
        return [one for one in every if one["destination"].startswith(self.inbox.url)]

    def active(self) -> list[str]:
        """Return the ids of those that are awake."""
        return [one["id"] for one in self.destinations() if one["active"]]

    def restart_receiver(self) -> None:
        """Let it read the secrets in the file."""
        text = self.env_file.read_text()
        line = next(x for x in text.splitlines() if x.startswith("PADDLE_WEBHOOK_SEC"))
        self.inbox.secrets = line.partition("=")[2].split(",")
        self.given["PADDLE_WEBHOOK_SECRETS"] = line.partition("=")[2]


def begin(scene: Scene) -> str:
    """Connect as far as it goes while the receiver knows no secret; return why."""
    with pytest.raises(ConnectError) as raised:
        scene.connect()
    assert raised.value.step == "simulation"
    return str(raised.value)


@pytest.fixture
def scene(
    core: Engine, configured: Callable[..., Settings], tmp_path: Path
) -> Iterator[Scene]:
    """Everything, and nothing connected yet."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(catalog_text("sql"))
    nowhere = "http://127.0.0.1:9/webhooks/paddle"
    options = Options(tmp_path / "paddle", API_KEY, WEBHOOK_SECRET, nowhere, OFFERS)
    with running(options) as (local, url), Client(url, API_KEY) as control:
        local.limit.allow(1_000_000)
        config = configured(
            catalog_file=catalog,
            paddle_api_url=url,
            paddle_api_key=API_KEY,
            paddle_requests_per_minute=10_000,
        )
        given = {"PADDLE_API_URL": url, "PADDLE_API_KEY": API_KEY}
        with receiving(Inbox(core)) as inbox:
            env, waiting = tmp_path / "env", Waiting(control)
            yield Scene(config, core, local, control, inbox, env, given, waiting)
