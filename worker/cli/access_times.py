"""``paddlewheel access-times``: how long it took from paid to access."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.bar import Bar
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, Engine, text

from worker.access_times import BUCKETS, AccessTimes
from worker.access_times import access_times as times_since
from worker.cli.database import transaction
from worker.cli.output import console, print_json, print_table, shown
from worker.settings import settings
from worker.wording import counted

#: What is looked at unless somebody asks for another span.
DAYS = 7
#: Columns of the longest bar.
LONGEST = 44
#: Beyond that, no fractions.
MANY = 100
TO_ACCESS = "From paid to access"
TO_PLATFORM = "From paid to the course platform's acknowledgement"

_NOW = text("SELECT now()")
Told = dict[str, AccessTimes]


def access_times(
    *,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="Purchases of so many days.")
    ] = DAYS,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """How long it took from paid to access, of every purchase."""
    with transaction() as connection:
        told = _times(connection, days)
    if as_json:
        print_json(_as_json(told, days))
        return
    _print(told, days)


def print_last_days(engine: Engine) -> None:
    """Show the times of the last days, as part of something else."""
    with engine.connect() as connection:
        told = _times(connection, DAYS)
    if any(times.count for times in told.values()):
        console().print()
        _print(told, DAYS)


def _times(connection: Connection, days: int) -> Told:
    since: datetime = connection.execute(_NOW).scalar_one() - timedelta(days=days)
    told = {TO_ACCESS: times_since(connection, since, to_platform=False)}
    if settings().platform_hook_url:
        told[TO_PLATFORM] = times_since(connection, since, to_platform=True)
    return told


def _as_json(told: Told, days: int) -> dict[str, Any]:
    names = {TO_ACCESS: "to_access", TO_PLATFORM: "to_platform"}
    times = {
        name: asdict(told[title]) if title in told else None
        for title, name in names.items()
    }
    return {"days": days, "below_seconds": list(BUCKETS), **times}


def _print(told: Told, days: int) -> None:
    out = console()
    for title, times in told.items():
        of = f"{counted(times.count, 'purchase')} of {counted(days, 'day')}"
        out.print(Text(f"{title}: {of}", style="bold"))
        if times.count:
            out.print(_histogram(times.histogram))
            half = in_words(times.p50_seconds or 0)
            most = in_words(times.p99_seconds or 0)
            out.print(f"half within {half} (p50), 99 of 100 within {most} (p99)\n")
    # What the learner felt: the platform's word counts where it is told.
    *_, felt = told.values()
    if felt.worst:
        print_table("The slowest", ("took", "paid (UTC)", "purchase"), _slowest(felt))
        named = [slow.source_id for slow in felt.worst if slow.source_id]
        out.print(f"  ./paddlewheel explain {shown(named[0])}" if named else "")
    out.print("  Paid and without access: ./paddlewheel parked list, findings list")


def _histogram(histogram: Sequence[int]) -> Table:
    most, total = max(histogram), sum(histogram)
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", min_width=9)
    table.add_column(width=LONGEST)
    table.add_column(justify="right")
    table.add_column(justify="right")
    for name, number in zip(_names(), histogram, strict=True):
        # What is not empty is never invisible.
        length = max(number / most, 1 / LONGEST) if number else 0
        bar = Bar(size=1, begin=0, end=length, color="green", width=LONGEST)
        share = f"{100 * number / total:.1f} %" if number else ""
        table.add_row(name, bar, f"{number:,}" if number else "", share)
    return table


def _names() -> Iterator[str]:
    yield from (f"< {in_words(end)}" for end in BUCKETS)
    yield f">= {in_words(BUCKETS[-1])}"


def _slowest(times: AccessTimes) -> Iterator[tuple[str, ...]]:
    for slow in times.worst:
        paid = f"{slow.paid_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        # One above the other: an id that is broken cannot be copied.
        purchase = f"{slow.source_id or 'another learner’s by now'}\n{slow.course_key}"
        yield in_words(slow.seconds), paid, purchase


def in_words(seconds: float) -> str:
    """Return a time in at most eight columns: ``0.4 s``, ``5 min``, ``2.0 h``."""
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            many = seconds / length
            return f"{many:,.0f} {unit}" if many >= MANY else f"{many:.3g} {unit}"
    return f"{seconds:.3g} s"
