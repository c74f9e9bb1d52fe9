"""``paddlewheel notifications preview``: how a message looks, in files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.notices import NoticeKind
from worker.cli.notifications import group
from worker.errors import PaddlewheelError, SettingsError
from worker.settings import Settings

Run = Callable[..., Result]
PORTUGUESE = (
    "{% block subject %}Bem-vindo a {{ course }}{% endblock %}"
    "{% block body %}{% call p() %}Olá, {{ name }}!{% endcall %}{% endblock %}"
)
USAGE = 2


@pytest.fixture
def templates(configured: Callable[..., Settings], tmp_path: Path) -> Path:
    """The shop's own folder: a welcome in Portuguese."""
    folder = tmp_path / "templates"
    (folder / "pt").mkdir(parents=True)
    (folder / "pt" / "welcome.j2").write_text(PORTUGUESE)
    configured(templates_folder=folder)
    return folder


@pytest.fixture
def run(
    templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Return a function that runs the command in a folder of its own."""
    del templates
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(group, ["preview", *words])


def problem(result: Result) -> str:
    assert isinstance(result.exception, PaddlewheelError)
    return str(result.exception)


def test_a_message_is_written_as_a_page_and_as_text(run: Run, tmp_path: Path) -> None:
    said = run("welcome").output

    assert said == "welcome.html and welcome.txt: You have access to Python Basics\n"
    page = (tmp_path / "welcome.html").read_text()
    assert "<strong>Python Basics</strong>" in page
    text = (tmp_path / "welcome.txt").read_text()
    assert text.startswith(
        "Subject: You have access to Python Basics\n\nHello Ada Lovelace,\n"
    )


def test_it_is_written_where_it_is_asked_for(run: Run, tmp_path: Path) -> None:
    run("ended", "--output", "new/folder/look.html")

    made = sorted(one.name for one in (tmp_path / "new" / "folder").iterdir())
    assert made == ["look.html", "look.txt"]


def test_it_is_in_the_nearest_language(run: Run, tmp_path: Path) -> None:
    assert "Bem-vindo a Python Basics" in run("welcome", "--locale", "pt-BR").output
    assert '<html lang="pt">' in (tmp_path / "welcome.html").read_text()
    assert "Your access to" in run("ended", "--locale", "pt-BR").output


def test_all_kinds_go_into_a_folder(run: Run, tmp_path: Path) -> None:
    said = run("--all", "--output", "all").output

    made = {one.name for one in (tmp_path / "all").iterdir()}
    assert made == {f"{kind}.{end}" for kind in NoticeKind for end in ("html", "txt")}
    assert len(said.splitlines()) == len(NoticeKind)


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are(
    run: Run, tmp_path: Path
) -> None:
    result = run("welcom")

    assert result.exit_code == USAGE
    assert "welcom" in result.output
    assert "payment_received" in result.output
    assert [one.name for one in tmp_path.iterdir()] == ["templates"]


@pytest.mark.parametrize("words", [(), ("welcome", "--all")], ids=["none", "both"])
def test_one_kind_or_all_have_to_be_named(run: Run, words: tuple[str, ...]) -> None:
    assert problem(run(*words)) == "Name one kind, or say --all."


def test_what_cannot_be_written_is_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    assert problem(run("welcome", "--output", "file/look.html")) == (
        "file cannot be written: File exists."
    )
    (tmp_path / "look.html").mkdir()
    assert problem(run("welcome", "--output", "look.html")) == (
        "look.html cannot be written: Is a directory."
    )


def test_a_mistake_in_any_template_keeps_all_from_being_written(
    run: Run, templates: Path, tmp_path: Path
) -> None:
    (templates / "pt" / "ended.j2").write_text("{% block subject %}{{ nme }}")

    result = run("--all", "--output", "all")

    assert isinstance(result.exception, SettingsError)
    assert "ended.j2, line 1" in problem(result)
    assert not (tmp_path / "all").exists()
