"""``alerts.send`` tells Sentry of each message once, by whatever way it goes out."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from models.alerts import MessageKind, Severity
from tests.fixtures.platform import Platform, reply
from worker.alerts.message import write_message
from worker.settings import ROOT

#: Three runs of the task, in a process of its own, and the rows due before each.
PROGRAM = """
from worker.sentry import start_sentry
from worker.settings import settings
from worker.database import engine
from tasks.alert import send
import sentry_sdk, sqlalchemy
start_sentry(settings(), "worker")
for _ in range(3):
    with engine().begin() as connection:
        connection.execute(sqlalchemy.text(
            "UPDATE alert_messages SET next_attempt_at = now()"))
    send.apply(args=([], 1))
sentry_sdk.flush(5)
"""


def told(sentry: Platform) -> list[dict[str, Any]]:
    """Return the events that came, without the envelopes around them."""
    found = []
    for hook in sentry.hooks:
        packed = hook.headers.get("content-encoding") == "gzip"
        raw = gzip.decompress(hook.body) if packed else hook.body
        lines = [json.loads(line) for line in raw.decode().splitlines() if line]
        found += [line for line in lines if "message" in line]
    return found


def test_sentry_is_told_once_while_the_way_refuses(
    engine: Engine, platform: Platform, process_env: Callable[..., dict[str, str]]
) -> None:
    platform.answer = lambda request: reply(request, 200)
    with engine.begin() as connection:
        about = connection.scalar(
            text("""
            INSERT INTO alerts (fingerprint, kind, subject, severity, summary,
              next_steps, since)
            VALUES ('waiting:inbox', 'waiting', 'inbox', 'critical', 'It waits', '{}',
              now()) RETURNING id
            """)
        )
        write_message(
            connection,
            key=f"alert:{about}:opened",
            kind=MessageKind.OPENED,
            severity=Severity.CRITICAL,
            title="CRITICAL: it waits",
            body="Do next: look.",
            alert_id=about,
        )
    environment = process_env(
        sentry_dsn=f"http://key@127.0.0.1:{platform.port}/1",
        alert_urls="json://127.0.0.1:9/x",
        retry_first_seconds=0.05,
    )
    command = [sys.executable, "-c", PROGRAM]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=180)
    [event] = told(platform)
    assert event["message"] == "CRITICAL: it waits"
    assert event["level"] == "fatal"
    assert event["tags"]["kind"] == "opened"
    assert event["tags"]["alert"] == str(about)
