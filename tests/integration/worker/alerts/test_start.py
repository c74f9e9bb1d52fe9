"""A way out that apprise cannot read stops the start, with its place and no address."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from worker.settings import ROOT

#: Stands where tokens stand in addresses.
CANARY = "xoxb4711canary"
SENTENCE = "ALERT_URLS: apprise cannot read number 2 (slack)."
STARTS = {
    "release": ("worker.cli.main", "release"),
    "worker": ("celery", "-A", "worker.app", "worker", "-Q", "notify"),
}


@pytest.mark.parametrize("words", STARTS.values(), ids=STARTS.keys())
def test_an_unreadable_way_stops_the_start(
    words: tuple[str, ...],
    engine: Engine,
    process_env: Callable[..., dict[str, str]],
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=process_env(alert_urls=f"json://127.0.0.1/{CANARY},slack://{CANARY}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ended.returncode == 1
    assert SENTENCE in ended.stdout + ended.stderr
    assert CANARY not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
