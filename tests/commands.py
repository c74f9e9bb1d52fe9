"""The command line, as documents and tests name it."""

from typing import Any

import typer
from typer.main import get_command

from worker.cli.commands import PLACES, loaded
from worker.cli.main import app


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words lead to, and the words that lead nowhere."""
    command: Any = get_command(app)
    known = {name: loaded(name) for name in words[:1] if name in PLACES}
    for position, word in enumerate(words):
        if not isinstance(command, typer.core.TyperGroup):
            return command, []
        if word not in known:
            return command, words[position:]
        command = known[word]
        known = getattr(command, "commands", {})
    return command, []
