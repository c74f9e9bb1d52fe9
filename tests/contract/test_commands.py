"""The table of commands says what the commands say of themselves."""

import subprocess
import sys

import pytest

from worker.cli.commands import PLACES, loaded
from worker.settings import ROOT, environ

WIDE = 200
#: What takes its time to import, and each command has little of.
HEAVY = {
    "alembic",
    "apprise",
    "celery",
    "flower",
    "httpx",
    "jinja2",
    "kombu",
    "local_paddle",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "redis",
    "sentry_sdk",
    "sqlalchemy",
    "sqlalchemy.orm",
    "starlette",
    "structlog",
    "tornado",
    "uvicorn",
}
#: Every command has these: the log, the settings and the database.
DATABASE = {"psycopg", "pydantic", "sqlalchemy", "structlog"}
LIST = "from worker.cli.main import app; app(['--help'], standalone_mode=False)"
RUN = "import worker.log; from worker.cli.commands import loaded; loaded('{}')"
#: What is imported, and what of it may be heavy.
MAY_LOAD = {
    "list": (LIST, set[str]()),
    "status": (RUN.format("status"), DATABASE),
    "explain": (RUN.format("explain"), DATABASE),
    "doctor": (
        f"{RUN.format('doctor')}; import worker.doctor.examine, worker.doctor.table",
        DATABASE | {"alembic", "celery", "httpx", "jinja2", "kombu", "redis"},
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_command_is_where_the_table_says_and_has_its_line(name: str) -> None:
    assert loaded(name).get_short_help_str(WIDE) == PLACES[name].help


@pytest.mark.parametrize("command", MAY_LOAD)
def test_a_command_loads_nothing_heavy_that_it_has_no_use_for(command: str) -> None:
    code, allowed = MAY_LOAD[command]

    assert modules_after(code) & HEAVY <= allowed


def test_a_list_of_commands_imports_none_of_them() -> None:
    modules = modules_after(LIST)

    assert "worker.cli.commands" in modules
    assert not {place.module for place in PLACES.values()} & modules
    assert "worker.settings" not in modules


def modules_after(code: str) -> set[str]:
    look = f"import sys; {code}; print(); print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", look],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env=environ(),
        text=True,
    )
    return {*told.stdout.splitlines()[-1].split()}
