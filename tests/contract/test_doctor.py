"""The doctor's checks are told in the docs, and name settings and commands that exist."""

import ast
import re
from collections.abc import Iterator

import pytest

from ops.doctor_docs import BEGIN, DOCTOR, END, doctor_of
from tests.contract.test_alerts import SETTING, commands_in, unknown_in
from worker.doctor.check import Check, Severity
from worker.doctor.table import CHECKS
from worker.doctor.versions import HOLES, Hole
from worker.settings import ROOT, Settings

BY_NAME = {check.name: check for check in CHECKS}
#: What is never worse than something to look at, whatever they find.
HARMLESS = {"partitions", "release", "watchman", "flower", "mail server", "prices"}
every_check = pytest.mark.parametrize("check", CHECKS, ids=list(BY_NAME))


def texts() -> Iterator[str]:
    """Every text of the doctor's code; what is put in while it runs stands as 1."""
    for path in sorted((ROOT / "worker" / "doctor").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    str(part.value) if isinstance(part, ast.Constant) else "1"
                    for part in node.values
                )
                yield "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_no_two_checks_have_one_name() -> None:
    assert len(BY_NAME) == len(CHECKS) > 20


def test_the_table_of_checks_is_up_to_date() -> None:
    text = DOCTOR.read_text()
    assert BEGIN in text
    assert END in text
    assert doctor_of(text) == text, "run `make docs`"


@every_check
def test_a_check_says_in_a_sentence_what_it_makes_sure_of(check: Check) -> None:
    assert re.fullmatch(r"[A-Za-z']+( [a-z]+)*", check.name)
    assert check.tells.endswith(".")
    named = SETTING.findall(check.tells)
    assert [name for name in named if name.lower() not in Settings.model_fields] == []


@every_check
def test_what_a_check_needs_is_looked_at_and_shown_before_it(check: Check) -> None:
    before = list(BY_NAME)[: CHECKS.index(check)]

    assert [name for name in check.needs if name not in before] == []


def test_where_a_mistake_in_looking_breaks_nothing() -> None:
    asking = {check.name for check in CHECKS if "api key" in check.needs}
    mild = {check.name for check in CHECKS if check.mistake is Severity.LOOK}

    assert mild == asking | {"api key", "Paddle's clock", *HARMLESS}


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.name)
def test_each_hole_that_is_looked_for_is_told_with_its_day(hole: Hole) -> None:
    said = " ".join(DOCTOR.read_text().split())

    assert re.search(rf"{hole.name}[^.]* {hole.on}", said)


@every_check
def test_what_a_check_mends_is_told(check: Check) -> None:
    assert bool(check.fix) == bool(check.fixes)


def test_every_command_that_the_doctor_names_exists() -> None:
    named = [command for text in texts() for command in commands_in(text)]

    assert len(named) > 5
    # What follows a command's words are its arguments, or the sentence goes on.
    unknown = [unknown_in(words, options) for words, options in named]
    assert [one for one in unknown if one] == []
