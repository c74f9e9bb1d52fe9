"""Commands where there is no database: a sentence, an exit code, never a traceback."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from worker.cli.commands import EXIT_USAGE
from worker.servers.postgres import Postgres
from worker.settings import ROOT

MakeEnv = Callable[..., dict[str, str]]


@pytest.fixture
def command(process_env: MakeEnv) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command with some settings replaced."""

    def run(words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "worker.cli.main", *words.split()],
            cwd=ROOT,
            env=process_env(**settings),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("words", "code"),
    [("status --json", 2), ("catalog apply", 1), ("release", 1), ("parked list", 1)],
)
def test_a_database_that_is_away_is_one_sentence(
    command: Command, words: str, code: int
) -> None:
    away = "postgresql://nobody:c4n4ry@127.0.0.1:9/none"

    result = command(words, database_url=away)

    assert result.returncode == code
    assert "The database does not answer" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "c4n4ry" not in result.stdout + result.stderr


@pytest.mark.parametrize("words", ["status", "catalog apply"])
def test_a_database_without_tables_says_what_to_run(
    command: Command, postgres: Postgres, words: str
) -> None:
    empty = postgres.create_database(f"empty_{words.replace(' ', '_')}")

    result = command(words, database_url=empty)

    assert result.returncode == (2 if words == "status" else 1)
    assert "run `./paddlewheel release`" in result.stderr


def test_what_strangers_wrote_never_steers_the_terminal(
    command: Command, core: Engine
) -> None:
    with core.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO dead_letters (subject, error_class, error, worker)
            VALUES ('message:1', 'E', E'[red]\\u001b]0;owned\\u0007 \\u202e', 'w')
            """)
        )
    words = "deadletters list"

    shown, listed = command(words), command(f"{words} --json")

    assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)
    assert "[red]" in shown.stdout
    assert [letter["error_class"] for letter in json.loads(listed.stdout)] == ["E"]


@pytest.mark.parametrize(
    "words",
    ["doctor --fxi", "status --fxi", "--fxi", "docter", "reconcile everything"],
)
def test_what_is_mistyped_ends_with_a_code_that_is_no_answer(
    command: Command, words: str
) -> None:
    result = command(words)

    assert result.returncode == EXIT_USAGE
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
