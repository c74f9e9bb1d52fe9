"""A deployment that is well: each test breaks one thing of it."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs
from typer.testing import CliRunner

from local_paddle.catalog import Offer
from local_paddle.server import LocalPaddle, Options, running
from worker.cli.main import app
from worker.environment import check_stamp
from worker.local_shop import Client
from worker.processes.ports import free_port
from worker.settings import Environment, Settings

KEY = "pdl_local_apikey_for_tests"
SECRET = "pdl_ntfset_01gkpjp8bkm3tm53kdgkx6sms7_6h3qd3uFSi9YCD3OLYAShQI90XTI5vEI"
PRICE = "pri_01jd0pyth0nbas1cs0000000a1"
#: Of what answers, in the end. What never does is waited for as long as by anybody.
PATIENT = {
    "worker.parent_database.CONNECT_TIMEOUT_SECONDS": 10,
    "worker.parent_database.STATEMENT_TIMEOUT_MS": 10_000,
    "worker.doctor.scene.TURN_SECONDS": 10.0,
    "worker.doctor.scene.CALL_SECONDS": 20.0,
}
Configure = Callable[..., Settings]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give checks time on a busy machine; that they are bounded has a test."""
    monkeypatch.setattr("worker.doctor.examine.LOOK_SECONDS", 30.0)
    for name, patient in PATIENT.items():
        monkeypatch.setattr(name, patient)


@dataclass(frozen=True)
class Told:
    """What the doctor said, and how it ended."""

    exit_code: int
    checks: dict[str, dict[str, Any]]

    def severity(self, check: str) -> str:
        return str(self.checks[check]["severity"])

    def words(self, check: str) -> str:
        return " ".join(one["words"] for one in self.checks[check]["verdicts"])

    def command(self, check: str) -> str:
        return " ".join(one["command"] for one in self.checks[check]["verdicts"])


Ask = Callable[..., Told]


@pytest.fixture
def ask(engine: Engine) -> Ask:
    """Return a function that runs ``doctor --json``, for some checks only."""

    def run(*checks: str, fix: bool = False) -> Told:
        words = [word for check in checks for word in ("--only", check)]
        words += ["--fix"] if fix else []
        with capture_logs():
            done = CliRunner().invoke(app, ["doctor", "--json", *words])
        if not isinstance(done.exception, SystemExit | type(None)):
            raise done.exception
        listed = json.loads(done.stdout)["checks"]
        return Told(done.exit_code, {one["check"]: one for one in listed})

    return run


@dataclass
class Deployment:
    """What the receiver would listen on, and the Paddle that delivers there."""

    paddle: LocalPaddle
    url: str
    web_port: int
    configure: Configure

    def change_destination(self, **changes: object) -> None:
        store = self.paddle.store
        (setting,) = store.all("notification_setting")
        store.put("notification_setting", {**setting, **changes})

    def add_destination(self, *, query: str, active: bool = True) -> str:
        """Add one at the same receiver, with the same secret; return its id."""
        store = self.paddle.store
        setting = store.all("notification_setting")[0]
        name = f"ntfset_{len(store.all('notification_setting')):z>26}"
        there = f"{setting['destination']}?{query}"
        made = {**setting, "id": name, "destination": there, "active": active}
        store.put("notification_setting", made)
        return name

    def permit(self, permissions: Iterable[str]) -> None:
        with Client(self.url, KEY) as client:
            client.post("dashboard", {"permissions": sorted(permissions)})

    def settings(self, **overrides: object) -> Settings:
        given = {
            "paddle_api_key": KEY,
            "paddle_api_url": self.url,
            "paddle_webhook_secrets": SECRET,
            "web_port": self.web_port,
            "paddle_requests_per_minute": 10_000,
        }
        return self.configure(**given | overrides)


@pytest.fixture
def deployment(
    engine: Engine, configured: Configure, tmp_path: Path
) -> Iterator[Deployment]:
    """A deployment with a Paddle of its own, stamped and configured."""
    check_stamp(engine, Environment.LOCAL)
    port = free_port()
    hook = f"http://127.0.0.1:{port}/webhooks/paddle"
    offers = (Offer(PRICE, "Basics", ("basics",)),)
    options = Options(tmp_path / "paddle", KEY, SECRET, hook, offers)
    with running(options) as (paddle, url):
        paddle.limit.allow(1_000_000)
        made = Deployment(paddle, url, port, configured)
        made.settings()
        yield made


def beat(engine: Engine, *names: str, ago: str = "0 s") -> None:
    """Leave signs of life."""
    with engine.begin() as connection:
        for name in names:
            connection.execute(
                text("""INSERT INTO heartbeats (name, beat_at, since)
                VALUES (:name, now() - CAST(:ago AS interval), now())"""),
                {"name": name, "ago": ago},
            )


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
