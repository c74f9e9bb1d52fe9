"""State outlives the process, however it ends; the process says what it lacks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import pytest

from local_paddle.clock import instant_of
from tests.integration.local_paddle.conftest import (
    API_KEY,
    BASICS,
    SECRET,
    Receiver,
    Starting,
)
from worker.local_shop import Client, ControlError

START_SECONDS = 60
ROOT = Path(__file__).parents[3]
Launch = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def launch(receiver: Receiver, port: int, tmp_path: Path) -> Iterator[Launch]:
    started: list[subprocess.Popen[bytes]] = []
    env = {
        **os.environ,
        "PADDLE_ENVIRONMENT": "local",
        "PADDLE_API_URL": f"http://127.0.0.1:{port}",
        "PADDLE_API_KEY": API_KEY,
        "PADDLE_WEBHOOK_SECRETS": f"{SECRET},pdl_ntfset_older",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "BROKER_URL": "redis://127.0.0.1:9/0",
        "SMTP_URL": "smtp://127.0.0.1:9",
        "MAIL_FROM": "courses@example.com",
        "STATE_DIR": str(tmp_path),
        "WEB_PORT": str(urlsplit(receiver.url).port),
    }

    def start(**settings: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "local_paddle"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=env | settings, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def until_up(port: int) -> Callable[[], Client]:
    def wait() -> Client:
        client = Client(f"http://127.0.0.1:{port}", API_KEY)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                client.get("health")
            except ControlError:
                time.sleep(0.05)
            else:
                return client
        pytest.fail("it does not start")

    return wait


def test_a_killed_process_goes_on_where_it_stopped(
    launch: Launch, until_up: Callable[[], Client], receiver: Receiver
) -> None:
    process = launch()
    with until_up() as control:
        control.compress(30)
        control.plan(seed=5, declined=0.5)
        receiver.answers += [500] * 5
        for n in range(4):
            control.purchase(f"{n}@example.com", course="python-basics")
        before = control.truth()
    process.kill()
    process.wait()
    launch()
    with until_up() as control:
        assert control.get("clock")["factor"] == 30
        assert control.get("plan")["declined"] == 0.5
        assert control.wait_until_quiet(60)
        after = control.truth()
        counts = after["counts"]
    assert after["transactions"] == before["transactions"]
    assert all(event["answered_200"] for event in after["events"])
    # What was in flight when it died is unanswered, whatever the receiver said.
    assert counts["refused"] <= 5 <= counts["refused"] + counts["unanswered"]
    ended = counts["answered_200"] + counts["refused"] + counts["unanswered"]
    assert counts["deliveries"] == ended


def test_a_terminated_process_ends_in_order(
    launch: Launch, until_up: Callable[[], Client]
) -> None:
    process = launch()
    with until_up() as control:
        control.purchase("ada@example.com", course="python-basics")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert process.stderr
    lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    told = [line["event"] for line in lines]
    assert told == ["local_paddle_started", "local_paddle_stopped"]


def test_a_purchase_is_whole_or_absent(start: Starting) -> None:
    with start() as (paddle, url), Client(url, API_KEY) as control:
        control.purchase("ada@example.com", prices=[BASICS])
        broken = RuntimeError("the disk is full")

        def fail(*_: object) -> None:
            raise broken

        paddle.feed.queue = fail  # type: ignore[method-assign, assignment]
        with pytest.raises(Exception, match="Internal error"):
            control.purchase("bo@example.com", prices=[BASICS])
        del paddle.feed.queue
        with Client(url, API_KEY) as another:
            assert len(another.truth()["transactions"]) == 1


def test_what_was_held_back_is_sent_after_a_restart(
    start: Starting, receiver: Receiver
) -> None:
    with start() as (_, url), Client(url, API_KEY) as control:
        control.plan(hold=1.0, hold_seconds=1.5)
        receipt = control.purchase("ada@example.com", prices=[BASICS])
        control.plan()
    with start() as (_, url), Client(url, API_KEY) as control:
        assert control.wait_until_quiet(60)
        assert control.counts()["answered_200"] == len(receipt["event_ids"])
    assert len(receiver.received) == len(receipt["event_ids"])


def test_the_moved_clock_and_what_is_due_survive_a_kill(
    launch: Launch, until_up: Callable[[], Client]
) -> None:
    process = launch()
    with until_up() as control:
        control.subscribe("ada@example.com", course="python-basics", cycle="month")
        control.advance(by="10 day")
        control.fail_payments(email="ada@example.com")
        before, due = control.get("clock")["now"], control.get("agenda")["due"]
    process.kill()
    process.wait()
    launch()
    with until_up() as control:
        assert instant_of(control.get("clock")["now"]) >= instant_of(before)
        assert control.get("agenda")["due"] == due
        done = control.advance(by="25 day")["done"]
        assert [deed["deed"] for deed in done] == ["renew", "collect"]
        assert control.truth()["subscriptions"][0]["status"] == "active"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"PADDLE_ENVIRONMENT": "sandbox", "PADDLE_API_URL": ""},
            b"runs only with PADDLE_ENVIRONMENT=local",
        ),
        ({"PADDLE_API_KEY": ""}, b"needs PADDLE_API_URL and PADDLE_API_KEY"),
        ({"PADDLE_API_URL": "http://paddle.example:80"}, b"http://127.0.0.1:PORT"),
    ],
)
def test_wrong_settings_are_a_sentence(
    settings: dict[str, str], sentence: bytes, launch: Launch
) -> None:
    process = launch(**settings)
    _, errors = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 2
    assert sentence in errors
    assert errors.count(b"\n") == 1


def test_a_taken_port_is_a_sentence(launch: Launch, port: int) -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = launch()
        _, errors = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 2
    assert f"Port {port} of PADDLE_API_URL is taken".encode() in errors
