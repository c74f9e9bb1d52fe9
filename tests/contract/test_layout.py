"""The tree: where things are, and what must not be where it would do harm."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import celeryconfig
from worker.settings import ROOT

FOLDERS = [
    "web_hook",
    "tasks",
    "models",
    "worker",
    "alembic",
    "local_paddle",
    "bench",
    "docs",
    "ops",
    "tests",
]
FILES = [
    "celeryconfig.py",
    "Procfile",
    "Procfile.dev",
    "pyproject.toml",
    "requirements.lock",
    "alembic.ini",
    "requirements-dev.lock",
    "catalog.toml",
    "Makefile",
    "paddlewheel",
    "LICENSE",
    "README.md",
]
CODE = ("web_hook", "tasks", "models", "worker", "local_paddle")


def sources() -> Iterator[Path]:
    for folder in CODE:
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield ROOT / "celeryconfig.py"


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_of_the_house_is_there(folder: str) -> None:
    assert (ROOT / folder).is_dir()


@pytest.mark.parametrize("file", FILES)
def test_each_file_of_the_house_is_there(file: str) -> None:
    assert (ROOT / file).is_file()


def test_alembic_is_no_package_or_it_would_hide_the_real_one() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_each_task_lives_in_a_file_named_by_its_verb() -> None:
    names = {module.removeprefix("tasks.") for module in celeryconfig.imports}
    there = {path.stem for path in (ROOT / "tasks").glob("*.py")} - {"__init__"}

    assert names == there


def test_no_task_lives_in_a_file_named_by_what_it_works_on() -> None:
    rows = {name.partition(".")[0] for name in celeryconfig.task_routes}
    there = {path.stem for path in (ROOT / "tasks").glob("*.py")}

    # To digest is a verb, too.
    assert there & rows == {"digest"}


def test_each_routed_task_is_one_that_exists() -> None:
    told = "".join(path.read_text() for path in (ROOT / "tasks").glob("*.py"))

    assert [
        name for name in celeryconfig.task_routes if f'name="{name}"' not in told
    ] == []


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if {"environ", "getenv"} & attributes_of_os(path)
    }

    assert readers == {"worker/settings.py"}


def attributes_of_os(path: Path) -> set[str]:
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path.name
        for path in sources()
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


def test_the_local_paddle_is_for_one_machine_only() -> None:
    assert "local_paddle" in (ROOT / "Procfile.dev").read_text()
    assert "local_paddle" not in (ROOT / "Procfile").read_text()


def test_the_locks_name_hashes_and_no_index() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        content = (ROOT / name).read_text()
        assert "--hash=sha256:" in content
        assert "://" not in content


def test_celery_batches_stays_away() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert "celery-batches" not in str(project)
    assert "celery-batches" not in (ROOT / "requirements-dev.lock").read_text()
