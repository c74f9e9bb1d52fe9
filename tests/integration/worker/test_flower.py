"""Flower as it runs: nothing without the password, and what an operator sees."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from celery import Celery
from flower.urls import handlers
from sqlalchemy import Engine, text

from tests.fixtures.processes import eventually
from tests.fixtures.workers import CANARY, CeleryProcess
from worker.errors import SettingsError
from worker.flower import make_flower
from worker.flower_client import count_by_state, outcomes
from worker.flower_links import flower_url, task_link
from worker.processes.ports import free_port
from worker.processes.spawn import Program, spawn
from worker.settings import ROOT, Settings

AUTH = ("operator", "s3cret-of-the-test")
PAGES = ["/", "/metrics", "/healthcheck", "/static/css/flower.css", "/login", "/odd"]


@pytest.fixture
def flower_settings(
    configured: Callable[..., Settings], tmp_path: Path
) -> Callable[..., Settings]:
    port = free_port()

    def settings(**overrides: object) -> Settings:
        given = {
            "flower_port": port,
            "flower_basic_auth": ":".join(AUTH),
            "state_dir": tmp_path,
        }
        return configured(**given | overrides)

    return settings


@pytest.fixture
def start_flower(
    flower_settings: Callable[..., Settings], tmp_path: Path
) -> Iterator[Callable[[], tuple[Settings, subprocess.Popen[bytes]]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[Settings, subprocess.Popen[bytes]]:
        settings = flower_settings()
        command = (sys.executable, "-m", "worker.flower")
        with (tmp_path / "flower.log").open("wb") as output:
            started.append(spawn(Program(command, ROOT), output))
        eventually(lambda: answers(settings), what="Flower answers")
        return settings, started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def answers(settings: Settings) -> bool:
    try:
        return httpx.get(flower_url(settings)).status_code == 401
    except httpx.TransportError:
        return False


def paths() -> list[str]:
    patterns = [h.regex.pattern if hasattr(h, "regex") else h[0] for h in handlers]
    found = [p for p in patterns if p.startswith("/")]
    return [p.replace("(.+)", "x").replace("(.*)", "x").rstrip("$?") for p in found]


Started = Callable[[], tuple[Settings, "subprocess.Popen[bytes]"]]


def test_no_address_answers_without_the_password(start_flower: Started) -> None:
    settings, process = start_flower()
    with httpx.Client(base_url=flower_url(settings)) as client:
        for path in [*PAGES, *paths()]:
            for auth in (None, ("operator", "wrong")):
                for method in ("GET", "POST", "OPTIONS"):
                    answer = client.request(method, path, auth=auth)
                    assert answer.status_code == 401, (method, path)
    command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert AUTH[1].encode() not in command_line
    assert b"redis" not in command_line


def test_a_garbled_password_is_a_wrong_one(start_flower: Started) -> None:
    settings, _ = start_flower()
    for header in (
        b"",
        b"Basic",
        b"Basic !",
        b"Basic \xe9",
        b"Bearer x",
        b"Basic Og==",
    ):
        headers = [(b"Authorization", header)]
        answer = httpx.get(flower_url(settings), headers=headers)
        assert answer.status_code == 401, header


def test_nothing_can_be_changed_through_it(start_flower: Started) -> None:
    settings, _ = start_flower()
    for path in ("task/async-apply/rows.sweep", "task/revoke/x", "worker/shutdown/x"):
        url = f"{flower_url(settings)}/api/{path}"
        assert httpx.post(url, auth=AUTH).status_code == 403, path


@pytest.mark.parametrize("auth", [None, "nocolon", ":nouser", "nopassword:"])
def test_without_a_password_none_is_made(
    auth: str | None, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings(flower_basic_auth=auth, state_dir=tmp_path)
    with pytest.raises(SettingsError, match="FLOWER_BASIC_AUTH"):
        make_flower(settings, Celery(set_as_current=False))


def test_without_a_password_it_ends_with_a_sentence(
    flower_settings: Callable[..., Settings],
) -> None:
    flower_settings(flower_basic_auth="")
    ended = subprocess.run(
        [sys.executable, "-m", "worker.flower"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        timeout=180,
    )
    assert ended.returncode == 2
    assert ended.stderr.decode().startswith("FLOWER_BASIC_AUTH is not set")


def test_an_operator_sees_what_became_of_the_rows(
    engine: Engine,
    sender: Celery,
    start_worker: Callable[..., CeleryProcess],
    start_flower: Started,
) -> None:
    settings, process = start_flower()
    start_worker("maintenance")
    ids = {}
    for name in ("fine", "later", "dead"):
        put_in_inbox(engine, f"evt_{name}")
        ids[name] = sender.send_task("tests.one_of_each", argsrepr="(1 id, 1)").id
        what = f"{name} in Flower"
        eventually(lambda: shown(settings, ids[name]), what=what)  # noqa: B023
    sender.send_task("tests.fail")
    eventually(lambda: count_by_state(settings)["FAILURE"] == 2, what="both failures")
    assert "1 processed" in shown(settings, ids["fine"])
    assert "1 retry in" in shown(settings, ids["later"])
    assert "paddlewheel deadletters show" in shown(settings, ids["dead"])
    assert count_by_state(settings) == {"SUCCESS": 1, "RETRY": 1, "FAILURE": 2}
    assert len(outcomes(settings, "RETRY")) == 1
    everything = httpx.get(f"{flower_url(settings)}/api/tasks", auth=AUTH).text
    assert CANARY not in everything
    process.terminate()
    assert process.wait(60) == 0
    settings, _ = start_flower()
    assert count_by_state(settings)["FAILURE"] == 2


def shown(settings: Settings, task_id: str) -> str:
    page = httpx.get(task_link(settings, task_id), auth=AUTH)
    states = ("SUCCESS", "RETRY", "FAILURE")
    done = page.status_code == 200 and any(state in page.text for state in states)
    return page.text if done else ""


def put_in_inbox(engine: Engine, event_id: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO inbox (provider, event_id, digest)"
                " VALUES ('paddle', :id, 'x')"
            ),
            {"id": event_id},
        )
