"""Commands with nothing running say so in a sentence."""

import subprocess
import sys
from collections.abc import Callable

from worker.processes.ports import free_port
from worker.settings import ROOT


def test_sending_to_nobody_is_a_sentence(
    process_env: Callable[..., dict[str, str]],
) -> None:
    environment = process_env(
        paddle_api_url=f"http://127.0.0.1:{free_port()}", paddle_api_key="pdl_local"
    )
    words = ("send", "purchase", "--course", "sql", "--email", "ada@example.com")
    said = subprocess.run(
        [sys.executable, "-m", "worker.cli.main", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert said.returncode == 1
    assert "The local Paddle does not answer" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_worker_without_settings_says_what_is_missing() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker.app", "worker"],
        cwd=ROOT,
        env={"PADDLE_ENVIRONMENT": "production", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert said.returncode != 0
    assert "DATABASE_URL is not set" in said.stderr
    assert "Traceback" not in said.stderr
