"""``paddlewheel demo``: a day of a course shop, and proof of what came of it.

On standard output there is one line, the JSON, after every process has ended; all
else is on standard error. Exit code 0 only if nothing was lost, doubled or different,
and of what broke somebody was told, once.
"""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from worker.demo.alert_evidence import heard_in
from worker.demo.alert_verdict import alert_problems
from worker.demo.day import Day
from worker.demo.evidence import Evidence, mails_in
from worker.demo.live import play_and_watch
from worker.demo.stage import ALERTS_FILE, staged
from worker.demo.verdict import (
    MUST_BE_ZERO,
    figures_of,
    finding_problems,
    named_differences,
    problems_of,
)
from worker.processes.interrupt import StopRequest
from worker.processes.stack import running
from worker.settings import STATE_DIR

DEMO_DIR = STATE_DIR / "demo"


def demo(
    purchases: Annotated[
        int, typer.Option(min=1, help="How many purchases today.")
    ] = 90,
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 1,
    state: Annotated[
        Path, typer.Option(help="Where its data goes; emptied first.")
    ] = DEMO_DIR,
) -> None:
    """Play a course shop's season and a day, and compare the end with the truth."""
    err = Console(stderr=True)
    started = time.monotonic()
    evidence = _live(Day(purchases, seed), state.resolve(), err)
    figures = figures_of(evidence, time.monotonic() - started)
    problems = problems_of(figures) + alert_problems(evidence)
    problems += [*finding_problems(evidence), *named_differences(evidence)]
    _show(err, figures, problems)
    sys.stdout.write(f"{json.dumps(figures)}\n")
    sys.stdout.flush()
    if problems:
        raise typer.Exit(1)


def _live(day: Day, state: Path, err: Console) -> Evidence:
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    log = state / "processes.log"
    log.touch(mode=0o600)
    err.print(f"Everything starts; its log: {log}", soft_wrap=True, markup=False)
    stop = StopRequest()
    with (
        log.open("w") as stream,
        stop.listening(),
        running(staged(state, stream, stop)) as stack,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
        ) as progress,
    ):
        evidence = play_and_watch(stack, day, progress)
    # Once more, now that nobody is left who could send any.
    mails, heard = mails_in(state / "mail"), heard_in(state / ALERTS_FILE)
    return replace(evidence, mails=mails, heard=heard)


def _show(err: Console, figures: dict[str, Any], problems: list[str]) -> None:
    table = Table(title="The day", title_justify="left", title_style="bold")
    table.add_column("figure")
    table.add_column("count", justify="right")
    for name, value in figures.items():
        wrong = name in MUST_BE_ZERO and value
        table.add_row(name, str(value), style="red" if wrong else None)
    err.print(table)
    for problem in problems:
        err.print(f"  {problem}", style="red", markup=False)
    if not problems:
        err.print("  Nothing lost, nothing doubled: Paddle, rows, platform agree.")
        err.print(
            "  What never arrived was found and healed; comparing again changes 0 rows."
        )
        err.print(
            "  Each alert was told once, by the second way, and is over if it can be."
        )
