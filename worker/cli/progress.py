"""Progress bars on standard error; one appears only when something takes long."""

import sys
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

#: Who waits longer wants to know for what.
PATIENCE_SECONDS = 2.0


class LateBar:
    """Counts towards a total; shown on standard error once patience runs out."""

    def __init__(self, bar: Progress, what: str, total: int | None) -> None:
        """Begin to wait."""
        self._bar = bar
        self._task = bar.add_task(what, total=total)
        self._show_at = time.monotonic() + PATIENCE_SECONDS

    def advance(self, done: int) -> None:
        """Count what was done."""
        self._bar.advance(self._task, done)
        shown = self._bar.live.is_started
        if not shown and time.monotonic() >= self._show_at and sys.stderr.isatty():
            self._bar.start()


@contextmanager
def late_bar(what: str, total: int | None) -> Iterator[LateBar]:
    """Show how far something is, if it takes long and somebody sits in front.

    Args:
        what: What is done.
        total: How much there is; None: nobody knows.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    try:
        yield LateBar(bar, what, total)
    finally:
        if bar.live.is_started:
            bar.stop()


class Bars:
    """A bar for each of several things, with an estimate of what is left."""

    def __enter__(self) -> Self:
        """Show them."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._tasks: dict[Hashable, TaskID] = {}
        # Where nobody sits in front, not even an empty line.
        if sys.stderr.isatty():
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take them away."""
        if self._bar.live.is_started:
            self._bar.stop()

    def show(self, key: Hashable, what: str, done: int, total: int | None) -> None:
        """Show how far one is; a total of None: nobody knows."""
        if key not in self._tasks:
            self._tasks[key] = self._bar.add_task(what, total=None)
        self._bar.update(self._tasks[key], completed=done, total=total)
