"""The real thing: every process of the Procfile, from a POST to a mail and a hook."""

import hashlib
import hmac
import json
import signal
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from dotenv import dotenv_values

from tests.fixtures.processes import Up, eventually
from tests.purchases import COURSE, Body, purchase, renamed
from worker.processes.ports import free_port
from worker.settings import ROOT

pytestmark = pytest.mark.drill

SECRET = "whsec_cGxheWluZyB0aGUgY291cnNlIHBsYXRmb3Jt"
PROCFILE = (ROOT / "Procfile.dev").read_text() + (
    "platform: python -m worker.channels.platform_sink\n"
)
PURCHASES = 12


class Shop:
    """Sends what Paddle would, signed as its documentation says."""

    def __init__(self, up: Up, hook_port: int) -> None:
        self.env = dotenv_values(up.state / "env")
        self.hook_port = hook_port
        self.state = up.state

    def post(self, body: Body) -> None:
        """Deliver a body, again and again while the receiver is too busy."""
        eventually(lambda: self.answer(body) == 200)

    def answer(self, body: Body) -> int:
        raw = json.dumps(body).encode()
        ts = int(time.time())
        key = str(self.env["PADDLE_WEBHOOK_SECRETS"]).encode()
        h1 = hmac.new(key, f"{ts}:".encode() + raw, hashlib.sha256).hexdigest()
        url = f"http://127.0.0.1:{self.env['WEB_PORT']}/webhooks/paddle"
        headers = {"Paddle-Signature": f"ts={ts};h1={h1}"}
        return httpx.post(url, content=raw, headers=headers, timeout=180).status_code

    def ask(self, query: str) -> Any:
        with psycopg.connect(str(self.env["DATABASE_URL"])) as connection:
            found = connection.execute(query).fetchone()
        assert found is not None
        return found[0]

    def recipients(self) -> Counter[str]:
        # As the mail server notes it: of the envelope, not of the header.
        mails = Path(self.state / "mail").glob("*.eml")
        return Counter(
            message_from_bytes(m.read_bytes())["Delivered-To"] for m in mails
        )

    def beliefs(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.hook_port}/state"
        try:
            rows = httpx.get(url, timeout=180).json()["enrollments"]
        except httpx.TransportError:
            return {}  # the platform is still starting
        return {row["email"]: row for row in rows}


@pytest.fixture
def hook_port() -> int:
    return free_port()


def settings(hook_port: int) -> dict[str, str]:
    return {
        "PLATFORM_HOOK_URL": f"http://127.0.0.1:{hook_port}/hook",
        "PLATFORM_HOOK_SECRET": SECRET,
    }


def bodies(number: int) -> list[Body]:
    return [renamed(body, str(number)) for body in purchase()]


def count_of(table: str, where: str = "true") -> str:
    return f"SELECT count(*) FROM {table} WHERE {where}"


def expected(purchases: int = PURCHASES) -> Counter[str]:
    return Counter(f"learner{n}@example.com" for n in range(purchases))


def test_ctrl_c_in_the_middle_and_go_on_loses_and_doubles_nothing(
    up: Up, hook_port: int
) -> None:
    shop = Shop(up.start(PROCFILE, **settings(hook_port)).ready(), hook_port)
    for number in range(PURCHASES):
        for body in bodies(number):
            shop.post(body)
    up.signal(signal.SIGINT)
    assert up.wait() == 0
    assert up.left() == []

    shop = Shop(up.start(PROCFILE, **settings(hook_port)).ready(), hook_port)
    eventually(lambda: shop.recipients() == expected())
    eventually(lambda: len(shop.beliefs()) == PURCHASES)
    assert all(row["has_access"] for row in shop.beliefs().values())
    # A mail is there a moment before its row says so.
    eventually(lambda: shop.ask(count_of("inbox", "state = 'pending'")) == 0)
    eventually(lambda: shop.ask(count_of("notifications", "state <> 'sent'")) == 0)
    assert shop.recipients() == expected()

    # In the same stack: to start all these processes is what takes the time.
    assert_a_post_becomes_a_mail_and_a_hook(shop)
    up.signal(signal.SIGTERM)
    assert up.wait() == 0
    assert up.left() == []


def assert_a_post_becomes_a_mail_and_a_hook(shop: Shop) -> None:
    """Every event comes twice."""
    for body in bodies(PURCHASES):
        shop.post(body)
        shop.post(body)
    buyer = f"learner{PURCHASES}@example.com"
    eventually(lambda: shop.recipients() == expected(PURCHASES + 1))
    eventually(lambda: buyer in shop.beliefs())
    row = shop.beliefs()[buyer]
    assert (row["course_key"], row["has_access"], row["version"]) == (COURSE, True, 1)
    eventually(lambda: shop.ask(count_of("inbox", "state = 'pending'")) == 0)
    assert shop.ask(count_of("inbox")) == (PURCHASES + 1) * len(purchase())
