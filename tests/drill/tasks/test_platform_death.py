"""A teller that is killed when the platform has heard it and our note is not made."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from sqlalchemy import Engine, text

from tests import outgoing
from tests.checkouts import HOOK, STORY
from tests.factories import add_events, rows
from tests.fixtures.platform import SECRET, Platform, reply
from tests.fixtures.processes import eventually
from worker.after_commit import Rings
from worker.settings import ROOT, Settings

pytestmark = pytest.mark.drill
TELL = "from tasks.tell import tell; tell.apply(args=([], 1))"
LEASE_IS_OVER = """
UPDATE platform_deliveries SET next_attempt_at = now(), leased_until = now()
WHERE state = 'pending'
"""
Tell = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start_telling(
    platform: Platform, process_env: Callable[..., dict[str, str]]
) -> Iterator[Tell]:
    """Return a function that starts a process which tells what is due."""
    hook = {"platform_hook_url": platform.url, "platform_hook_secret": SECRET}
    environment = process_env(**hook)
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", TELL]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def due(engine: Engine, configured: Callable[..., Settings]) -> None:
    """One delivery of each kind that waits."""
    configured(**HOOK)
    from tasks.record import apply  # noqa: PLC0415 (the app reads settings at import)

    ids = add_events(engine, STORY)
    with engine.begin() as connection:
        apply(Rings(), connection, ids)
        outgoing.add_delivery(connection)


@pytest.mark.usefixtures("due")
def test_what_a_killed_teller_has_told_is_told_again_under_the_same_id(
    engine: Engine, platform: Platform, start_telling: Tell
) -> None:
    def never(_: BaseHTTPRequestHandler) -> None:
        platform.over.wait(60)

    platform.answer = never
    process = start_telling()
    eventually(lambda: platform.hooks)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with engine.begin() as connection:
        connection.execute(text(LEASE_IS_OVER))
    platform.answer = lambda request: reply(request, 204)
    assert start_telling().wait(60) == 0

    ids = [hook.headers["webhook-id"] for hook in platform.hooks]
    assert ids.count(ids[0]) == 2
    assert sorted(one[:3] for one in set(ids)) == ["enr", "ord", "pay"]
    assert platform.hooks[0].body == platform.hooks[ids.index(ids[0], 1)].body
    states = "SELECT state, crashes FROM platform_deliveries"
    assert rows(engine, states) == [("sent", 0)] * 3
