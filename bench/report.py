"""The figures as a person reads them, and how they stand to what is to be reached."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.reach import Reach, reaches_of

COSTS = ("seconds", "cpu_seconds", "postgres_cpu_seconds", "growth_mib")


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the tables."""
    for part, tables in _TABLES.items():
        for table in tables if part in figures else ():
            console.print(table(figures[part]))
    console.print(_reach_table(reaches_of(figures)))


def _receiver_table(receiver: Mapping[str, Any]) -> Table:
    table = _table("Receiver", "", "per s", "p50 ms", "p99 ms", "max ms", "errors")
    for name in ("empty", "tutorial", "receiver"):
        row = receiver[name]
        times = (f"{row[f'{time}_ms']:.1f}" for time in ("p50", "p99", "max"))
        table.add_row(name, f"{row['per_second']:,.0f}", *times, f"{row['errors']:.0f}")
    return table


def _drain_table(drain: Mapping[str, Any]) -> Table:
    table = _table("Drain", "", "events", "s", "events per s", "messages", "splits")
    for name, row in drain["runs"].items():
        table.add_row(
            name,
            f"{row['events']:,}",
            f"{row['seconds']:.2f}",
            f"{row['events_per_second']:,}",
            f"{row['messages']:,}",
            str(row["splits"]),
        )
    return table


def _mails_table(mails: Mapping[str, Any]) -> Table:
    table = _table("Mails of one process", "", "per s, each run", "median")
    for name, key in (("plain loop", "loop_per_second"), ("ours", "per_second")):
        each = ", ".join(f"{one:,}" for one in mails[key])
        table.add_row(name, each, f"{median(mails[key]):,.0f}")
    return table


def _watch_table(watch: Mapping[str, Any]) -> Table:
    table = _table("One look beside a million events", "", "p50 ms", "max ms")
    for name, row in watch.items():
        table.add_row(name, f"{row['p50_ms']:.1f}", f"{row['max_ms']:.1f}")
    return table


def _scale_table(scale: Mapping[str, Any]) -> Table:
    costs: Mapping[str, Sequence[float]] = scale["microseconds_per_event"]
    table = _table("Cost of an event beside a past", "events", "µs, each run", "median")
    for past, runs in costs.items():
        each = ", ".join(f"{one:.0f}" for one in runs)
        table.add_row(past, each, f"{median(runs):.0f}")
    return table


def _claim_table(scale: Mapping[str, Any]) -> Table:
    claims: Mapping[str, Mapping[str, float]] = scale["claims"]
    table = _table("A claim of ten rows", "", "p50 ms", "p99 ms", "max ms")
    for name, row in claims.items():
        times = (f"{row[f'{time}_ms']:.2f}" for time in ("p50", "p99", "max"))
        table.add_row(name, *times)
    return table


def _reconcile_table(reconcile: Mapping[str, Any]) -> Table:
    walks: Mapping[str, Mapping[str, Any]] = reconcile["walks"]
    columns = ("rows", "requests", "s", "CPU s", "PostgreSQL CPU s", "growth MiB")
    table = _table("All compared", "", *columns, "found", "healed")
    for name, row in walks.items():
        table.add_row(
            name,
            f"{row['seen']:,}",
            f"{sum(row['requests'].values()):,}",
            *(f"{row[one]:.1f}" for one in COSTS),
            str(row["found"]),
            str(row["healed"]),
        )
    return table


def _checks_table(checks: Mapping[str, Any]) -> Table:
    title = f"Checks beside a million transactions, load {checks['load']}"
    table = _table(title, "", "recent ms", "all ms")
    for name, recent in checks["recent"].items():
        table.add_row(name, f"{recent:.0f}", f"{checks['all'][name]:.0f}")
    return table


def _commands_table(commands: Mapping[str, Any]) -> Table:
    title = f"Commands beside {commands['events']:,} events, load {commands['load']}"
    table = _table(title, "", "s", "CPU s", "to the libraries")
    for name, row in commands["runs"].items():
        figures = (f"{row[one]:.2f}" for one in ("seconds", "cpu_seconds", "ratio"))
        table.add_row(name, *figures)
    return table


def _reach_table(reaches: list[Reach]) -> Table:
    table = _table("Reached", "", "measured", "goal", "met")
    for reach in reaches:
        goal = f"{'≤' if reach.at_most else '≥'} {reach.goal:g}"
        met = "[green]yes[/]" if reach.is_met else "[red]no[/]"
        table.add_row(reach.name, f"{reach.value:g}", goal, met)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


_TABLES: dict[str, Sequence[Callable[[Mapping[str, Any]], Table]]] = {
    "receiver": (_receiver_table,),
    "drain": (_drain_table,),
    "watch": (_watch_table,),
    "scale": (_scale_table, _claim_table),
    "reconcile": (_reconcile_table,),
    "mails": (_mails_table,),
    "checks": (_checks_table,),
    "commands": (_commands_table,),
}
