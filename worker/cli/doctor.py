"""``paddlewheel doctor``: is this deployment whole, and what is to be done if not."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from worker.cli.commands import EXIT_USAGE
from worker.cli.output import console, print_json, say_problem, shown
from worker.errors import PaddlewheelError, SettingsError
from worker.settings import settings
from worker.status import Level

if TYPE_CHECKING:
    from worker.doctor.examine import Result

EDIT = "edit .env or the environment (README, Settings), then ./paddlewheel doctor"
REPAIR = "see that this release is whole (make setup), then ./paddlewheel doctor"
STYLES = {"ok": "green", "look": "yellow", "broken": "red", "skipped": "dim"}
SENTENCES = {
    Level.QUIET: "Well: nothing needs you.",
    Level.LOOK: "Have a look: nothing stands still, but something wants a person.",
    Level.NOW: "Broken: money or access does not move, or will not.",
}


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what is safe to mend, and say what.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="A check's name, and what it needs; may be repeated."),
    ] = None,
) -> None:
    """Look at everything this needs to work.

    Exit code 0: well, 1: look, 2: broken, 64: mistyped.
    """
    try:
        results, level = _looked(only or [], fix=fix)
    except SettingsError as error:
        _refuse("settings", error, EDIT, as_json=as_json)
        raise typer.Exit(int(Level.NOW)) from None
    except PaddlewheelError as error:
        say_problem(error)
        raise typer.Exit(EXIT_USAGE) from None
    except Exception as error:  # noqa: BLE001 (a traceback would end as "look")
        _refuse("doctor", _own_fault(error), REPAIR, as_json=as_json)
        raise typer.Exit(int(Level.NOW)) from None
    _print(results, level, as_json=as_json)
    raise typer.Exit(int(level))


def _looked(only: Sequence[str], *, fix: bool) -> tuple[Sequence["Result"], Level]:
    """Look, and mend if that is wanted.

    Raises:
        SettingsError: There is nothing to look at.
        PaddlewheelError: There is no such check.
    """
    # Here: it knows everything, and every other command would wait for its imports.
    from worker.doctor.examine import chosen, examine, level_of, mend  # noqa: PLC0415
    from worker.doctor.scene import Scene  # noqa: PLC0415
    from worker.doctor.table import CHECKS  # noqa: PLC0415

    with closing(Scene(settings())) as scene:
        checks = chosen(CHECKS, only)
        results = examine(checks, scene)
        if fix:
            results = mend(checks, results, scene)
    return results, level_of(results)


def _own_fault(error: Exception) -> PaddlewheelError:
    from worker.failures import failure_of  # noqa: PLC0415 (as above)

    said = failure_of(error).sentence
    return PaddlewheelError(f"The doctor could not begin to look: {said}.")


def _refuse(
    check: str, error: PaddlewheelError, command: str, *, as_json: bool
) -> None:
    """Say the one thing that hides all others."""
    if as_json:
        verdicts = [
            {"severity": "broken", "words": words, "command": command}
            for words in str(error).splitlines()
        ]
        one = {"check": check, "severity": "broken", "verdicts": verdicts, "done": ""}
        print_json({"level": Level.NOW.name.lower(), "checks": [one]})
        return
    say_problem(error)
    console().print(f"  {command}\n\n{SENTENCES[Level.NOW]}")


def _print(results: Sequence["Result"], level: Level, *, as_json: bool) -> None:
    if as_json:
        listed = [one.as_json() for one in results]
        print_json({"level": level.name.lower(), "checks": listed})
        return
    grid = Table.grid(padding=(0, 2))
    for result in results:
        name = result.check
        for one in result.verdicts:
            words = Text(shown(one.words))
            if one.command:
                words.append(f"\n→ {shown(one.command)}", style="bold")
            severity = Text(one.severity, style=STYLES[one.severity])
            grid.add_row(severity, name, words)
            name = ""
        if result.done:
            grid.add_row("did", "", shown(result.done))
    console().print(grid)
    console().print(f"\n{SENTENCES[level]}")
