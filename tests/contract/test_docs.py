"""The documentation speaks of this code: its settings, its commands, its files."""

import re
import subprocess
from enum import StrEnum
from pathlib import Path

import pytest

from models.access import AccessState, ChangeState
from models.alerts import MessageState
from models.checkouts import CheckoutState
from models.fetches import FetchState
from models.inbox import InboxState, VariantState
from models.operations import LetterState
from models.outgoing import DeliveryState, NotificationState
from ops.settings_docs import ENV_EXAMPLE, README, env_example, readme_of
from tests.commands import command_of
from worker.settings import ROOT, Settings

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
#: Language and content of a block of code.
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: A command as a person would copy it; its words end at an option or an argument.
COMMAND = re.compile(r"(?:\./|`|^)paddlewheel((?: [a-z][a-z-]*)+)", re.MULTILINE)
MAKE = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
ADR_LINES = 60
CODE_COLUMNS = 88


def documents() -> list[Path]:
    """Every document under version control, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split() or [
        str(path.relative_to(ROOT))
        for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    ]
    return [ROOT / name for name in names if (ROOT / name).exists()]


def anchors_of(document: Path) -> set[str]:
    """The anchors GitHub makes of a document's headings."""
    headings = HEADING.findall(FENCE.sub("", document.read_text()))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def command_words(words: list[str]) -> list[str]:
    """The words that the command line does not know."""
    return command_of(words)[1]


def named_commands() -> list[tuple[str, str]]:
    """Each command named in a document, with the document's name."""
    return sorted(
        {
            (document.name, words.strip())
            for document in documents()
            for words in COMMAND.findall(document.read_text())
        }
    )


def test_the_table_of_settings_is_up_to_date() -> None:
    text = README.read_text()
    assert readme_of(text) == text, "run `make docs`"


def test_the_example_of_settings_is_up_to_date() -> None:
    assert ENV_EXAMPLE.read_text() == env_example(), "run `make docs`"


def test_every_setting_is_in_both() -> None:
    for name in Settings.model_fields:
        assert f"| `{name.upper()}` |" in README.read_text()
        assert f"\n#{name.upper()}=" in ENV_EXAMPLE.read_text()


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for document in documents():
        for target in LINK.findall(FENCE.sub("", document.read_text())):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            found = (document.parent / name).resolve() if name else document
            is_broken = not found.exists() or (
                anchor and found.suffix == ".md" and anchor not in anchors_of(found)
            )
            if is_broken:
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_documents_name_commands_at_all() -> None:
    assert ("README.md", "send purchase") in named_commands()


@pytest.mark.parametrize(
    ("document", "words"), [pytest.param(*c, id=" ".join(c)) for c in named_commands()]
)
def test_every_command_named_exists(document: str, words: str) -> None:
    assert command_words(words.split()) == [], f"{document}: ./paddlewheel {words}"


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert command_words(["send", "flowers"]) == ["flowers"]
    assert command_words(["deadletters", "show"]) == []


def test_every_make_target_named_exists() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    named = {
        (document.name, target)
        for document in documents()
        for target in MAKE.findall(document.read_text())
    }
    assert ("README.md", "demo") in named
    assert {name for name in named if name[1] not in targets} == set()


@pytest.mark.parametrize(
    "record", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.stem
)
def test_a_decision_record_is_short_and_whole(record: Path) -> None:
    text = record.read_text()
    assert len(text.splitlines()) <= ADR_LINES
    assert text.startswith(f"# {record.name[:4]} – ")
    assert "\nStatus: " in text
    parts = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Turned down"]


def test_code_in_documents_fits_a_screen() -> None:
    wide = [
        f"{document.relative_to(ROOT)}: {line}"
        for document in documents()
        for language, block in BLOCK.findall(document.read_text())
        if language != "mermaid"
        for line in block.splitlines()
        if len(line) > CODE_COLUMNS
    ]
    assert wide == []


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("`inbox`", InboxState),
        ("`inbox_variants`", VariantState),
        ("`customer_fetches`", FetchState),
        ("`checkouts`", CheckoutState),
        ("`access_changes`", ChangeState),
        ("`notifications`", NotificationState),
        ("`platform_deliveries`", DeliveryState),
        ("`alert_messages`", MessageState),
        ("`grants`", AccessState),
        ("`dead_letters`", LetterState),
    ],
)
def test_the_states_of_each_table_are_told(heading: str, states: type[StrEnum]) -> None:
    text = (ROOT / "docs" / "states.md").read_text()
    section = next(
        part for part in text.split("\n## ") if part.startswith(f"{heading}")
    )
    table = section.partition("| State |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(told) == sorted(state.value for state in states)


def test_the_log_events_and_metrics_told_are_ours() -> None:
    text = (ROOT / "docs" / "operate.md").read_text()
    section = text.partition("\n## Logs\n")[2].partition("\n## Flower")[0]
    told = re.findall(r"^\| `([a-z_]+)[`{]", section, re.MULTILINE)
    code = "".join(
        path.read_text()
        for folder in ("web_hook", "worker", "tasks")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert len(told) > 8
    assert [name for name in told if name.removesuffix("_total") not in code] == []
