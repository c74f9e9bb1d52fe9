"""Whatever makes one release work otherwise than another changes its mark."""

import subprocess
import sys
from pathlib import Path

import pytest

from worker.release_mark import mark_of
from worker.settings import ROOT

QUIET = "import worker.about, worker.release_mark as m; print(m.release_mark.cache_info().misses)"

CODE = (
    "models/work.py",
    "tasks/record.py",
    "web_hook/app.py",
    "worker/templates/layout.j2",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A release, as it lies on the disk."""
    for name in CODE:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    (tmp_path / "celeryconfig.py").write_text("task_acks_late = True")
    (tmp_path / "requirements.lock").write_text("celery==5.7.0")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *CODE,
        "celeryconfig.py",
        "requirements.lock",
    ],
)
def test_what_a_process_works_by_is_in_its_mark(tree: Path, name: str) -> None:
    before = mark_of(tree)

    (tree / name).write_text("otherwise")

    assert mark_of(tree) != before


def test_a_file_that_moves_is_another_release(tree: Path) -> None:
    before = mark_of(tree)

    (tree / "models/work.py").rename(tree / "models/toil.py")

    assert mark_of(tree) != before


def test_what_running_leaves_behind_is_no_other_release(tree: Path) -> None:
    before = mark_of(tree)

    (tree / "models/__pycache__").mkdir()
    (tree / "models/__pycache__/work.cpython-313.pyc").write_bytes(b"\0")

    assert mark_of(tree) == before


def test_being_imported_reads_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=ROOT, capture_output=True, check=True
    )

    assert done.stdout.strip() == b"0"
