"""A worker is killed around the sending of an alert: told late, never lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine, text

from tests.factories import make_due, one, rows
from tests.fixtures.platform import Platform
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from worker.channels.deadline import Deadline, dial
from worker.processes.ports import free_port
from worker.settings import ROOT
from worker.work_tables import ALERT_MESSAGES

pytestmark = pytest.mark.drill
Start = Callable[..., CeleryProcess]
#: Stands where tokens stand in addresses.
CANARY = "xoxb4711canary"
SHORT = {
    "lock_timeout_seconds": 0.8,
    "statement_timeout_seconds": 1.5,
    "soft_limit_seconds": 6,
    "hard_limit_seconds": 7,
    "lease_seconds": 8,
    "retry_first_seconds": 0.2,
}
#: Time enough for a helper to start and to be answered on a busy machine: what is not
#: answered in time is tried again after minutes only.
PATIENT = {"soft_limit_seconds": 60, "hard_limit_seconds": 70, "lease_seconds": 80}
TROUBLE = text("""
INSERT INTO dead_letters (subject, work_table, row_id, task, error_class, error, place)
VALUES ('inbox:17', 'inbox', 17, 'events.record', 'KeyError', 'at x', 'x')
""")
#: Of the dead letter; a quiet machine may be told of other things.
MESSAGES = (
    "SELECT m.state FROM alert_messages m JOIN alerts a ON a.id = m.alert_id"
    " WHERE a.kind = 'dead_letters'"
)


@pytest.fixture
def sink() -> Iterator[str]:
    """The operators' channel, in a process of its own; gives its address."""
    port = free_port()
    command = (sys.executable, "-m", "worker.channels.alert_sink", f"--port={port}")
    process = subprocess.Popen(command, cwd=ROOT)
    eventually(lambda: is_open(port), what="the sink is there")
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


def is_open(port: int) -> bool:
    try:
        dial("127.0.0.1", port, Deadline(1)).close()
    except OSError:
        return False
    return True


@pytest.fixture
def start(start_celery: Start, engine: Engine, broker: Redis, tmp_path: Path) -> Start:
    """Start a worker that watches, sends and sweeps."""
    del engine, broker
    flag = tmp_path / "once"
    flag.touch()

    def started(address: str, **overrides: Any) -> CeleryProcess:
        worker = start_celery(
            *("worker", "-Q", "maintenance,sweep", "-c", "1"),
            *("-n", f"w{os.urandom(4).hex()}@here", "-I", "dying"),
            *("--without-gossip", "--without-mingle"),
            alert_urls=f"json://{address}/{CANARY}",
            **{**SHORT, "die_flag": flag, "die_how": "worker", **overrides},
        )
        eventually(lambda: any("ready." in str(e["event"]) for e in worker.lines()))
        return worker

    return started


def watch(engine: Engine, sender: Celery) -> None:
    """Let something be wrong, and be seen."""
    with engine.begin() as connection:
        connection.execute(TROUBLE)
    sender.send_task("alerts.watch")


def sent(engine: Engine, sender: Celery) -> bool:
    """Do what beat does, and tell whether all was told."""
    sender.send_task("rows.sweep")
    return set(rows(engine, MESSAGES)) == {("sent",)}


def told(address: str) -> list[str]:
    """Return the titles that the sink was told about the dead letter."""
    said = httpx.get(f"http://{address}/messages", trust_env=False).json()
    return [one["title"] for one in said["messages"] if "dead" in str(one)]


def test_killed_between_opening_and_sending_it_is_told_once_after_the_restart(
    engine: Engine, sender: Celery, start: Start, sink: str
) -> None:
    worker = start(sink, die_at="UPDATE alert_messages AS work SET", **PATIENT)
    watch(engine, sender)
    eventually(lambda: worker.popen.poll() is not None, what="the worker was killed")
    assert rows(engine, MESSAGES) == [("pending",)]
    assert told(sink) == []
    again = start(sink, **PATIENT)
    eventually(lambda: sent(engine, sender), what="it was told")
    assert len(told(sink)) == 1
    for process in (worker, again):
        assert CANARY not in process.log.read_text(errors="replace")


def test_killed_between_the_yes_and_its_note_it_is_told_again(
    engine: Engine, sender: Celery, start: Start, sink: str
) -> None:
    worker = start(sink, die_at="UPDATE alert_messages SET way", **PATIENT)
    watch(engine, sender)
    eventually(lambda: worker.popen.poll() is not None, what="the worker was killed")
    assert rows(engine, MESSAGES) == [("pending",)]
    assert len(told(sink)) == 1
    make_due(engine, ALERT_MESSAGES)
    start(sink, **PATIENT)
    eventually(lambda: sent(engine, sender), what="its lease was over")
    assert len(told(sink)) == 2
    assert one(engine, "SELECT max(crashes) FROM alert_messages") == 1


def test_killed_while_a_service_is_silent_nothing_is_left_running(
    engine: Engine, sender: Celery, start: Start, platform: Platform
) -> None:
    def hang(_: BaseHTTPRequestHandler) -> None:
        platform.over.wait(60)

    platform.answer = hang
    worker = start(f"127.0.0.1:{platform.port}")
    watch(engine, sender)
    eventually(lambda: platform.hooks, what="the service was asked")
    [child] = worker.children()
    [envoy] = children(child)
    worker.kill_all()
    eventually(lambda: not is_alive(envoy), what="its helper has ended")
    assert rows(engine, MESSAGES) == [("pending",)]


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
