"""The two doors for a person: ``./paddlewheel`` and ``make``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from worker.settings import ROOT, environ


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without a virtual environment, in a path with blanks."""
    folder = tmp_path / "a path with blanks"
    (folder / "ops").mkdir(parents=True)
    for name in ("paddlewheel", "Makefile", "ops/setup.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(
    *command: str | Path, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**environ(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def with_interpreter(checkout: Path) -> None:
    """Put in a virtual environment that only says how it was called."""
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)


def test_without_an_environment_it_says_what_to_do(checkout: Path) -> None:
    result = run(checkout / "paddlewheel", "status", folder=checkout)

    assert result.returncode == 1
    assert "make setup" in result.stderr


def test_it_runs_its_own_checkout_from_anywhere_and_through_a_link(
    checkout: Path, tmp_path: Path
) -> None:
    with_interpreter(checkout)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/paddlewheel").symlink_to(checkout / "paddlewheel")

    result = run(tmp_path / "bin/paddlewheel", "a b", "--c", folder=tmp_path / "bin")

    said = result.stdout.splitlines()
    assert said == [str(checkout), "-m", "worker.cli.main", "a b", "--c"]


def test_what_python_compiles_is_kept_though_the_shell_forbids_it(
    checkout: Path,
) -> None:
    with_interpreter(checkout)
    (checkout / ".venv/bin/python").write_text("#!/bin/sh\nenv\n")

    result = run(
        checkout / "paddlewheel", folder=checkout, PYTHONDONTWRITEBYTECODE="1", KEPT="1"
    )

    assert "KEPT=1" in result.stdout.splitlines()
    assert "PYTHONDONTWRITEBYTECODE" not in result.stdout


def test_make_alone_lists_what_it_can_do(checkout: Path) -> None:
    result = run("make", folder=checkout)

    for target in ("setup", "up", "demo", "test", "check", "bench"):
        assert f"  {target} " in result.stdout


def test_an_old_python_is_refused_with_a_sentence(checkout: Path) -> None:
    old = checkout / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    result = run("make", "PYTHON=./python3", "setup", folder=checkout)

    assert result.returncode != 0
    assert "Paddlewheel needs Python 3.11 or newer" in result.stderr


def test_a_missing_network_is_a_sentence(checkout: Path) -> None:
    # Makes a virtual environment with pip in it, which takes a few seconds.
    shutil.copy(ROOT / "requirements.lock", checkout)
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
    }

    result = run(
        "make", f"PYTHON={sys.executable}", "setup", folder=checkout, **nowhere
    )

    assert result.returncode != 0
    assert "The package index cannot be reached" in result.stderr
