"""Alerts speak of pages and commands: they are there, and they say what the code does."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.alerts_docs import ALERTS, BEGIN, END, alerts_of, page_of
from tests.commands import command_of
from worker.alerts.conditions import BY_KIND, CONDITIONS
from worker.alerts.words import runbook_of
from worker.settings import ROOT, Settings

RUNBOOKS = ROOT / "docs" / "runbooks"
#: A page that is about no condition.
INDEX = "README.md"
KINDS = sorted(BY_KIND)
OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")
SETTING = re.compile(r"`([A-Z][A-Z_]+)`")


def pages() -> list[Path]:
    return sorted(page for page in RUNBOOKS.glob("*.md") if page.name != INDEX)


def unknown_in(words: list[str], options: list[str]) -> list[str]:
    """The words and options of a command that the command line does not know."""
    command, unknown = command_of(words)
    if unknown:
        return unknown
    known = {name for parameter in command.params for name in parameter.opts}
    return [option for option in options if option not in known | {"--help"}]


def commands_in(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Each command of a text, as words and options; a command ends with its line."""
    for match in re.finditer(r"\./paddlewheel([^\n`]*)", text):
        words = re.match(r"(?: [a-z][a-z-]*)*", match[1])
        assert words is not None
        yield words[0].split(), OPTION.findall(match[1])


def texts_of_alerts() -> Iterator[tuple[str, str]]:
    """What stands in strings of the code about alerts, and where.

    What is put in while it runs is left out: the command stands before it.
    """
    for path in sorted((ROOT / "worker" / "alerts").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    str(part.value) if isinstance(part, ast.Constant) else "1"
                    for part in node.values
                ]
                yield path.name, "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value


def named_commands() -> list[tuple[str, str, str]]:
    """Each command that an alert or a page about alerts names, and where."""
    told = [*texts_of_alerts()]
    told += [(page.name, page.read_text()) for page in (*pages(), ALERTS)]
    return sorted(
        {
            (place, " ".join(words), " ".join(options))
            for place, text in told
            for words, options in commands_in(text)
        }
    )


def test_no_two_conditions_have_one_name() -> None:
    assert len(BY_KIND) == len(CONDITIONS) > 7


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_s_name_is_one_that_commands_and_pages_can_bear(kind: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind)
    assert kind != "all"


@pytest.mark.parametrize("kind", KINDS)
def test_every_condition_has_a_runbook_where_alerts_say(
    kind: str, make_settings: Callable[..., Settings]
) -> None:
    page = ROOT / runbook_of(kind, make_settings())

    assert page == ROOT / "docs" / page_of(kind)
    text = page.read_text()
    assert text.startswith((f"# {page.stem}: ", f"# {kind}: "))
    assert len(text.splitlines()) > 10


def test_every_runbook_is_about_a_condition() -> None:
    told = {Path(page_of(kind)).name for kind in KINDS}

    assert {page.name for page in pages()} == told


def test_the_table_of_conditions_is_up_to_date() -> None:
    text = ALERTS.read_text()
    assert BEGIN in text
    assert END in text
    assert alerts_of(text) == text, "run `make docs`"


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_says_when_it_opens_by_settings_that_exist(kind: str) -> None:
    opens = BY_KIND[kind].opens

    assert opens.endswith(".")
    named = SETTING.findall(opens)
    assert [name for name in named if name.lower() not in Settings.model_fields] == []


def test_alerts_name_commands_at_all() -> None:
    assert {place for place, _, _ in named_commands()} >= {
        "alerts.md",
        "dead-letters.md",
        "dead_letters.py",
        "words.py",
    }


@pytest.mark.parametrize(
    ("place", "words", "options"),
    [pytest.param(*named, id=" ".join(named)) for named in named_commands()],
)
def test_every_command_that_an_alert_names_exists(
    place: str, words: str, options: str
) -> None:
    assert unknown_in(words.split(), options.split()) == [], f"{place}: {words}"


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert unknown_in(["alerts", "shout"], []) == ["shout"]
    assert unknown_in(["alerts", "list"], ["--everything"]) == ["--everything"]
    assert unknown_in(["alerts", "silence"], ["--for", "--reason"]) == []
    assert [*commands_in("run `./paddlewheel alerts ack 17 --note 'x'`.")] == [
        (["alerts", "ack"], ["--note"])
    ]
