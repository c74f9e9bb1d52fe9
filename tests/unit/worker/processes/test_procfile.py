"""The Procfile: what is read, what is refused, and the two that we ship."""

from pathlib import Path

import pytest

from worker.processes.errors import ProcfileError
from worker.processes.procfile import Line, lines_of
from worker.processes.supervisor import stages
from worker.settings import ROOT

STANDS_IN = {"mail", "paddle"}


def commands(name: str) -> dict[str, str]:
    return {line.name: line.command for line in lines_of(ROOT / name)}


def test_comments_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("# why\n\nweb:  run --port 1\n")

    assert lines_of(tmp_path / "Procfile") == [Line("web", "run --port 1")]


@pytest.mark.parametrize("text", ["web", "web:", "we b: run", "a: x\na: y"])
def test_a_line_that_cannot_be_understood_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "Procfile").write_text(text)

    with pytest.raises(ProcfileError, match=r"Procfile line \d"):
        lines_of(tmp_path / "Procfile")


def test_a_process_becomes_its_command_and_a_release_does_not() -> None:
    assert Line("web", "run").arguments[-1] == "exec run"
    assert Line("release", "a && b").arguments[-1] == "a && b"


def test_the_development_procfile_is_the_real_one_and_two_stand_ins() -> None:
    real, local = commands("Procfile"), commands("Procfile.dev")

    assert local.keys() - real.keys() == STANDS_IN
    assert {name: local[name] for name in real} == real


def test_no_line_needs_a_script_with_an_interpreter_in_its_first_line() -> None:
    for command in commands("Procfile.dev").values():
        assert all(part.startswith("python -m ") for part in command.split(" && "))


def test_what_takes_deliveries_stops_first_and_what_work_needs_stops_last() -> None:
    names = [name for name in commands("Procfile.dev") if name != "release"]

    assert stages(names) == [
        ["web"],
        ["beat", "watch"],
        ["worker", "fetch", "notify", "maintenance", "sweep"],
        ["flower", "mail", "paddle"],
    ]
