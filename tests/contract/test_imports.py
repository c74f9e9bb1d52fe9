"""Imports go one way: each contract is broken on purpose, in a copy, and seen broken."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from worker.settings import ROOT, environ

PACKAGES = ("worker", "web_hook", "tasks", "models", "local_paddle")
#: Contract, the file that breaks it, and the line that does.
BREACHES = {
    "Layers: entry points over worker over models": (
        "models/clock.py",
        "import worker.errors",
    ),
    "The receiver knows no task and no ledger": (
        "web_hook/verify.py",
        "import worker.lifecycle",
    ),
    "Models know neither queue nor network": ("models/clock.py", "import celery"),
    "Words and rules load no ORM": ("models/clock.py", "import models.tables.inbox"),
    "Of the models only the tables know SQLAlchemy": (
        "models/clock.py",
        "import sqlalchemy",
    ),
    "One task module never imports another": (
        "tasks/record.py",
        "import tasks.activate",
    ),
    "Only the provider's folder knows Paddle": (
        "tasks/record.py",
        "import worker.providers.paddle.provider",
    ),
    "The local Paddle shares nothing with what it tests": (
        "local_paddle/server.py",
        "import worker.ledger",
    ),
}


def lint(folder: Path, *contracts: str) -> str:
    code = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import"
        " lint_imports_command; lint_imports_command()"
    )
    chosen = [f"--contract={contract}" for contract in contracts]
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", *chosen],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.stdout + done.stderr


def contracts() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [one["name"] for one in project["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with every contract broken at once."""
    folder = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "celeryconfig.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_there_is_a_breach_for_every_contract() -> None:
    assert sorted(BREACHES) == sorted(contracts())


def test_every_contract_is_kept_and_every_breach_is_seen(copy: Path) -> None:
    kept = lint(copy)
    assert [name for name in contracts() if f"{name} KEPT" not in kept] == [], kept

    for file, line in BREACHES.values():
        path = copy / file
        path.write_text(f"{path.read_text()}\n{line}\n")

    broken = lint(copy)
    assert [name for name in contracts() if f"{name} BROKEN" not in broken] == [], (
        broken
    )
