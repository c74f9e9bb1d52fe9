"""How commands print: tables of 80 columns for people, JSON for programs.

Names and ids come from strangers: control characters never reach a terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.errors import PaddlewheelError

WIDTH = 80


def console() -> Console:
    """Return where people read: standard output, 80 columns where there is no screen."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def say_problem(error: PaddlewheelError) -> None:
    """Say on standard error what went wrong."""
    Console(stderr=True, soft_wrap=True).print(Text(str(error), style="red"))


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(f"{json.dumps(value, default=_plain, indent=2)}\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Print a table; numbers to the right."""
    listed = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        numeric = bool(listed) and all(
            isinstance(row[number], int | float | Decimal) for row in listed
        )
        table.add_column(
            column, justify="right" if numeric else "left", overflow="fold"
        )
    for row in listed:
        table.add_row(*(Text(shown(cell)) for cell in row))
    console().print(table)


def shown(value: object) -> str:
    """Return a value as a person reads it, without control characters."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(c).startswith("C") and c != "\n"
        else c
        for c in str(value)
    )


def age(seconds: float | None) -> str:
    """Return a span in its largest whole unit."""
    if seconds is None:
        return "–"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _plain(value: object) -> Any:  # noqa: ANN401 (what json can hold)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return int(value) if isinstance(value, Decimal) else str(value)
