"""What leaves for Sentry, seen from its side: a server that plays the envelope endpoint."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import Engine

from tests.fixtures.processes import eventually
from tests.fixtures.sentry import PlayedSentry
from tests.fixtures.workers import CANARY, CeleryProcess
from worker.scrubbing import KEPT_OF_CHECK_IN
from worker.settings import ROOT

SECRETS = (CANARY, "pdl_ntfset_test_secret", "local-of-the-raiser")
#: A process of ours that meets an error with data in it, in every way it could leave.
PROGRAM = """
import structlog
from worker import log, sentry
from worker.settings import settings
from worker.outcome import DeadLettered
log.configure(settings(), "web")
sentry.start_sentry(settings(), "web")
line = structlog.get_logger()
def fail(address):
    secret = "local-of-the-raiser"
    raise ValueError("could not mail " + address)
try:
    fail("ada@example.com")
except ValueError as error:
    line.exception("group_failed", body="ada@example.com")
try:
    raise DeadLettered("1 dead")
except DeadLettered:
    line.exception("batch_done")
line.error("no_exception_here", body="ada@example.com")
line.warning("not_an_error")
"""

#: What beat does while the broker is away.
REPEATING = """
import logging
import structlog
from worker import log, sentry
from worker.settings import settings
log.configure(settings(), "beat")
sentry.start_sentry(settings(), "beat")
for error in [KeyError("a")] * 50 + [ValueError("b")]:
    logging.getLogger("celery.beat").error("not sent: %r", error, exc_info=error)
for number in range(50):
    logging.getLogger("kombu").error("away %d", number)
for number in range(2):
    structlog.get_logger().error("ours", task=str(number))
"""
#: A process of ours that tells of alerts.
ALERTING = """
from worker import sentry
from worker.settings import settings
sentry.start_sentry(settings(), "worker")
for alert in ("17", "18"):
    sentry.tell_alert(
        "3 dead letters", "critical", "dead_letters:abc", {"kind": "dead_letters", "alert": alert}
    )
"""


#: An error of another library that is called as one of ours, and one of ours behind it.
NAMESAKE = """
import structlog
from worker import errors, log, sentry
from worker.settings import settings
log.configure(settings(), "web")
sentry.start_sentry(settings(), "web")
class ConflictError(Exception):
    pass
try:
    try:
        raise ConflictError("ada@example.com")
    except ConflictError as error:
        raise errors.ConflictError("may be shown") from error
except errors.ConflictError:
    structlog.get_logger().exception("group_failed")
"""
#: What is told of a task that ends badly: by the child, and of the child by its parent.
TOLD = {"tests.fail": "task_ended_without_verdict", "tests.die": "child_lost"}
Environment = Callable[..., dict[str, str]]


def has_told(played: PlayedSentry, event: str) -> bool:
    return event in played.names()


def run(program: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", program]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=180)


def test_errors_leave_without_data_and_outcomes_not_at_all(
    played_sentry: PlayedSentry, process_env: Environment
) -> None:
    run(PROGRAM, process_env(sentry_dsn=played_sentry.dsn))

    found = played_sentry.events
    assert [event["tags"]["event"] for event in found] == [
        "group_failed",
        "no_exception_here",
    ]
    assert {event["environment"] for event in found} == {"local"}
    assert {event["tags"]["process"] for event in found} == {"web"}
    raised = found[0]["exception"]["values"][-1]
    assert raised["type"] == "ValueError"
    assert raised["stacktrace"]["frames"][-1]["function"] == "fail"
    for secret in SECRETS:
        assert secret not in played_sentry.text()


def test_what_another_logger_says_again_and_again_leaves_once(
    played_sentry: PlayedSentry, process_env: Environment
) -> None:
    run(REPEATING, process_env(sentry_dsn=played_sentry.dsn))

    assert [event["tags"]["event"] for event in played_sentry.events] == [
        "celery.beat",
        "celery.beat",
        "kombu",
        "ours",
        "ours",
    ]


def test_a_foreign_error_of_a_name_of_ours_keeps_its_text_to_itself(
    played_sentry: PlayedSentry, process_env: Environment
) -> None:
    run(NAMESAKE, process_env(sentry_dsn=played_sentry.dsn))

    (event,) = played_sentry.events
    texts = [value["value"] for value in event["exception"]["values"]]
    assert texts == ["", "may be shown"]
    assert CANARY not in played_sentry.text()


def test_alerts_leave_under_their_fingerprint(
    played_sentry: PlayedSentry, process_env: Environment
) -> None:
    run(ALERTING, process_env(sentry_dsn=played_sentry.dsn))

    found = played_sentry.events
    assert [event["fingerprint"] for event in found] == [["dead_letters:abc"]] * 2
    assert {event["level"] for event in found} == {"fatal"}
    assert {event["message"] for event in found} == {"3 dead letters"}
    assert [event["tags"]["alert"] for event in found] == ["17", "18"]


@pytest.mark.parametrize("program", [PROGRAM, ALERTING], ids=["errors", "alerts"])
def test_without_a_dsn_nothing_leaves_and_nothing_fails(
    played_sentry: PlayedSentry, process_env: Environment, program: str
) -> None:
    run(program, process_env())

    assert played_sentry.came == []


def test_a_worker_reports_from_child_and_parent(
    played_sentry: PlayedSentry,
    engine: Engine,
    sender: Celery,
    start_worker: Callable[..., CeleryProcess],
) -> None:
    start_worker("maintenance", sentry_dsn=played_sentry.dsn)
    sender.send_task("tests.one_of_each")
    # One after the other: a child that is killed takes along what it has yet to send.
    for task, event in TOLD.items():
        sender.send_task(task)
        eventually(partial(has_told, played_sentry, event), what=f"{event} is told")
    processes = {event["tags"]["process"] for event in played_sentry.events}
    assert processes == {"worker"}
    for secret in SECRETS:
        assert secret not in played_sentry.text()


def test_beat_reports_what_it_meets(
    played_sentry: PlayedSentry,
    start_celery: Callable[..., CeleryProcess],
    tmp_path: Path,
) -> None:
    secret = "c4n4ry-of-the-broker"
    start_celery(
        *("beat", "-s", str(tmp_path / "schedule")),
        sentry_dsn=played_sentry.dsn,
        broker_url=f"redis://:{secret}@127.0.0.1:9/0",
    )

    event = eventually(lambda: played_sentry.events, what="beat reported")[0]

    assert event["tags"]["process"] == "beat"
    assert event["message"] == "celery.beat logged an error"
    assert secret not in played_sentry.text()


@pytest.mark.parametrize(
    ("task", "status"), [("bodies.partition", "ok"), ("tests.fail", "error")]
)
@pytest.mark.usefixtures("engine")
def test_a_periodic_task_checks_in_and_out(
    played_sentry: PlayedSentry,
    sender: Celery,
    start_worker: Callable[..., CeleryProcess],
    task: str,
    status: str,
) -> None:
    start_worker("maintenance", sentry_dsn=played_sentry.dsn)
    for name in ("quarantine.move", task):
        sender.send_task(name)
    eventually(lambda: len(played_sentry.check_ins) == 2, what="both check-ins")

    begun, ended = played_sentry.check_ins
    assert (begun["status"], ended["status"]) == ("in_progress", status)
    assert begun["check_in_id"] == ended["check_in_id"]
    assert {begun["monitor_slug"], ended["monitor_slug"]} == {task.replace(".", "-")}
    assert begun["monitor_config"] == ended["monitor_config"]
    assert begun["monitor_config"]["schedule"]["unit"] == "minute"
    assert ended["duration"] > 0
    assert set(begun) | set(ended) <= set(KEPT_OF_CHECK_IN)
