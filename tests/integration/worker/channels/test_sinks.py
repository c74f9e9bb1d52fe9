"""The sinks as processes: what they keep, what they refuse, how they end."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.platform import SECRET
from tests.fixtures.processes import eventually
from worker.channels.deadline import Deadline, dial
from worker.channels.letter import Letter, Words, message_id_of, write_letter
from worker.channels.mail import Mail
from worker.channels.platform_hook import News, PlatformHook, news_of
from worker.channels.reach import Reach
from worker.channels.smtp import Route
from worker.errors import TransientError
from worker.lifecycle import Ending
from worker.processes.ports import free_port
from worker.settings import ROOT

HERE = Reach(private=True, loopback=True, plain=True)
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(process_env: Callable[..., dict[str, str]]) -> Iterator[Start]:
    """Return a function that starts a sink and waits until its port is open."""
    with ExitStack() as processes:

        def started(
            module: str, *arguments: str, port: int, **overrides: Any
        ) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", f"worker.channels.{module}", *arguments],
                cwd=ROOT,
                env=process_env(**overrides),
            )
            processes.callback(process.wait)
            processes.callback(process.kill)
            eventually(lambda: is_open(port))
            return process

        yield started


def is_open(port: int) -> bool:
    try:
        dial("127.0.0.1", port, Deadline(1)).close()
    except OSError:
        return False
    return True


def deliver(mail: Letter, route: Route) -> Ending:
    """Send a letter over a connection of its own."""
    with Mail(route, mail.sender) as channel:
        return channel.send(mail, Deadline(60), lambda: None)


def letter(key: str) -> Letter:
    """Write a welcome."""
    sender = "courses@example.com"
    words = Words("Python", "You have access.", "<p>You have access.</p>")
    to = ("Ada", f"{key}@example.com")
    return write_letter(sender, to, message_id_of(key, sender), words)


def test_a_mail_becomes_one_file_before_it_is_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    port = free_port()
    url = f"smtp://127.0.0.1:{port}"
    process = start("mail_sink", port=port, smtp_url=url, state_dir=tmp_path)
    for key in ("ada", "bob", "ada"):
        sent = deliver(letter(key), Route.of(url))
        assert sent.state == "sent"
    files = sorted((tmp_path / "mail").iterdir())
    assert [file.suffix for file in files] == [".eml"] * 3
    first, second, again = [file.stem.rpartition("-")[2] for file in files]
    assert first == again != second
    text = files[0].read_bytes()
    assert text.startswith(
        b"Return-Path: <courses@example.com>\r\nDelivered-To: ada@example.com\r\n"
    )
    assert text.endswith(b"--\r\n")
    process.terminate()
    assert process.wait(60) == 0


def test_a_mail_sink_refuses_first_attempts_on_demand(
    start: Start, tmp_path: Path
) -> None:
    port = free_port()
    route = Route("smtp", "127.0.0.1", port)
    start(
        "mail_sink",
        *("--temporary-every", "1", "--host", "127.0.0.1"),
        *("--port", str(port), "--folder", str(tmp_path)),
        port=port,
    )
    with pytest.raises(TransientError, match="451"):
        deliver(letter("ada"), route)
    assert list(tmp_path.iterdir()) == []
    assert deliver(letter("ada"), route).state == "sent"


def test_a_taken_port_is_one_sentence(
    process_env: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-m", "worker.channels.mail_sink"],
            cwd=ROOT,
            env=process_env(smtp_url=url, state_dir=tmp_path),
            capture_output=True,
            check=False,
            timeout=180,
        )
    assert ended.returncode == 1
    assert b"No mail sink on port" in ended.stderr
    assert b"Traceback" not in ended.stderr


def news(version: int, state: str = "active") -> News:
    """Write down a version of an enrollment."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"learner_ref": "lrn_1", "course_key": "python", "state": state}
    return news_of({**row, "version": version, "changed_at": since}, (1, since))


def test_the_platform_sink_believes_the_newest_signed_version(
    start: Start, tmp_path: Path
) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    values = {
        "platform_hook_url": f"{base}/hook",
        "platform_hook_secret": SECRET,
        "state_dir": tmp_path,
    }
    process = start("platform_sink", port=port, **values)
    with PlatformHook(f"{base}/hook", SECRET, HERE) as hook:
        for version, state in ((2, "ended"), (1, "active"), (2, "ended")):
            hook.tell(news(version, state), Deadline(60))
    with (
        PlatformHook(f"{base}/hook", "whsec_Zm9yZ2Vk", HERE) as forger,
        pytest.raises(TransientError, match="answered 401"),
    ):
        forger.tell(news(3), Deadline(60))
    said = httpx.get(f"{base}/state", trust_env=False).json()
    assert [row["state"] for row in said["enrollments"]] == ["ended"]
    assert said["answers"] == {"believed": 1, "passed": 2, "forged": 1}
    process.terminate()
    assert process.wait(60) == 0
    lines = (tmp_path / "platform.jsonl").read_text().splitlines()
    assert [json.loads(line)["data"]["version"] for line in lines] == [2]
    start("platform_sink", port=port, **values)
    again = httpx.get(f"{base}/state", trust_env=False).json()
    assert again["enrollments"] == said["enrollments"]


def test_the_platform_sink_refuses_first_attempts_on_demand(
    start: Start, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    start(
        *("platform_sink", "--refuse-every", "1"),
        port=port,
        platform_hook_url=url,
        platform_hook_secret=SECRET,
        state_dir=tmp_path,
    )
    with PlatformHook(url, SECRET, HERE) as hook:
        with pytest.raises(TransientError, match="answered 503"):
            hook.tell(news(1), Deadline(60))
        hook.tell(news(1), Deadline(60))


def tell(port: int, title: str, raw: bytes | None = None) -> int:
    """Post as apprise's ``json://`` does, or some other bytes."""
    body = {
        "version": "1.0",
        "title": title,
        "message": "Look.",
        "attachments": [],
        "type": "warning",
    }
    with httpx.Client(trust_env=False) as client:
        content = raw or json.dumps(body).encode()
        return client.post(f"http://127.0.0.1:{port}/x", content=content).status_code


def test_the_alert_sink_keeps_what_it_was_told(start: Start, tmp_path: Path) -> None:
    port = free_port()
    options = ("--port", str(port), "--file", str(tmp_path / "alerts.jsonl"))
    process = start("alert_sink", *options, port=port)
    assert [tell(port, "one"), tell(port, "two")] == [204, 204]
    assert tell(port, "one", b"[]") == 400
    process.terminate()
    assert process.wait(60) == 0
    start("alert_sink", *options, port=port)
    said = httpx.get(f"http://127.0.0.1:{port}/messages", trust_env=False).json()
    assert said == {
        "messages": [
            {"title": "one", "message": "Look.", "type": "warning"},
            {"title": "two", "message": "Look.", "type": "warning"},
        ],
        "refused": 0,
    }
    assert (tmp_path / "alerts.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_alert_sink_refuses_on_demand(start: Start) -> None:
    port, other = free_port(), free_port()
    start("alert_sink", "--port", str(port), "--refuse-first", "2", port=port)
    assert [tell(port, title) for title in "abc"] == [503, 503, 204]
    start("alert_sink", "--port", str(other), "--refuse-every", "1", port=other)
    assert [tell(other, title) for title in "aabb"] == [503, 204, 503, 204]
