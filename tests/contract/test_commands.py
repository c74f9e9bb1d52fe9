"""The table of commands says what the commands say of themselves."""

import subprocess
import sys

import pytest

from worker.cli.commands import PLACES, loaded

WIDE = 200


@pytest.mark.parametrize("name", PLACES)
def test_a_command_is_where_the_table_says_and_has_its_line(name: str) -> None:
    assert loaded(name).get_short_help_str(WIDE) == PLACES[name].help


def test_a_list_of_commands_imports_none_of_them() -> None:
    look = (
        "import sys; from typer.testing import CliRunner;"
        " from worker.cli.main import app;"
        " assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        " print(*sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", look], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "worker.cli.commands" in told
    assert not {place.module for place in PLACES.values()} & {*told}
    assert not {"sqlalchemy", "worker.settings", "celery"} & {*told}
