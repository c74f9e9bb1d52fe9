"""Every kind of finding has its sentence, and its section in the documentation."""

import re

import pytest

from models.findings import FindingKind, FindingState
from worker.finding_words import SENTENCES
from worker.settings import ROOT

PAGE = (ROOT / "docs" / "findings.md").read_text()
SECTIONS = {section.partition("\n")[0]: section for section in PAGE.split("\n## ")[1:]}


def test_every_kind_has_a_sentence() -> None:
    assert set(SENTENCES) == set(FindingKind)


def test_every_kind_has_a_section_and_every_section_a_kind() -> None:
    assert list(SECTIONS) == [kind.value for kind in FindingKind]


@pytest.mark.parametrize("kind", FindingKind)
def test_a_section_says_what_it_means_what_to_do_and_when_it_goes(
    kind: FindingKind,
) -> None:
    told = re.findall(r"^\*\*(\w+)", SECTIONS[kind], re.MULTILINE)

    assert told == ["Means", "Do", "Goes"]


def test_the_states_are_told() -> None:
    assert re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE) == [
        state.value for state in FindingState
    ]
