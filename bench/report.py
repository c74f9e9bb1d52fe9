"""The figures as a person reads them, and how they stand to what is to be reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

#: What an allocator keeps for itself; a walk that kept its pages would need 200.
MOST_GROWTH_MIB = 8
COSTS = ("seconds", "cpu_seconds", "postgres_cpu_seconds", "growth_mib")


@dataclass(frozen=True)
class Reach:
    """A figure that is to be reached."""

    name: str
    value: float
    goal: float
    #: Whether less is better.
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON object has it."""
        return {"value": self.value, "goal": self.goal, "met": self.is_met}


def reaches_of(figures: Mapping[str, Any]) -> list[Reach]:
    """Return what the figures reach, of what was measured."""
    found = []
    if receiver := figures.get("receiver"):
        found += [
            Reach("receiver / tutorial", receiver["ratio_to_tutorial"], 7),
            Reach("receiver p99 ms", receiver["receiver"]["p99_ms"], 100, at_most=True),
        ]
    if drain := figures.get("drain"):
        found += [
            Reach("drain / tutorial", drain["ratio_to_tutorial"], 12),
            Reach("mixed day / tutorial", drain["ratio_mixed_to_tutorial"], 12),
            Reach("split batches", drain["splits"], 0, at_most=True),
            Reach("single rings / drain", drain["ratio_single_rings"], 0.7),
            Reach("swept / drain", drain["ratio_swept"], 0.7),
        ]
    if watch := figures.get("watch"):
        found += [
            Reach(f"look, {name}: p50 ms", row["p50_ms"], 50, at_most=True)
            for name, row in watch.items()
        ]
    if scale := figures.get("scale"):
        found += [
            Reach("long past / short past", scale["ratio"], 1.2, at_most=True),
            Reach("split beside a past", scale["splits"], 0, at_most=True),
        ]
    if reconcile := figures.get("reconcile"):
        walks = reconcile["walks"].values()
        found += [
            Reach("requests / least", reconcile["requests_to_least"], 1, at_most=True),
            Reach(
                "compare: CPU s",
                max(walk["cpu_seconds"] for walk in walks),
                60,
                at_most=True,
            ),
            Reach(
                "compare: growth MiB",
                max(walk["growth_mib"] for walk in walks),
                MOST_GROWTH_MIB,
                at_most=True,
            ),
            Reach("healed / planted", reconcile["healed_to_planted"], 1),
            Reach(
                "tables changed by second run",
                reconcile["tables_changed_by_second_run"],
                0,
                at_most=True,
            ),
        ]
    if mails := figures.get("mails"):
        found.append(Reach("mails / plain loop", mails["ratio"], 0.6))
    if checks := figures.get("checks"):
        found += [
            Reach(f"checks, {scope}: ms", checks[scope]["together"], 2000, at_most=True)
            for scope in ("recent", "all")
        ]
    return found


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the tables."""
    if receiver := figures.get("receiver"):
        console.print(_receiver_table(receiver))
    if drain := figures.get("drain"):
        console.print(_drain_table(drain))
    if watch := figures.get("watch"):
        console.print(_watch_table(watch))
    if scale := figures.get("scale"):
        console.print(_scale_table(scale["microseconds_per_event"]))
        console.print(_claim_table(scale["claims"]))
    if reconcile := figures.get("reconcile"):
        console.print(_reconcile_table(reconcile["walks"]))
    if mails := figures.get("mails"):
        console.print(_mails_table(mails))
    if checks := figures.get("checks"):
        console.print(_checks_table(checks))
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


def _scale_table(costs: Mapping[str, Sequence[float]]) -> Table:
    table = _table("Cost of an event beside a past", "events", "µs, each run", "median")
    for past, runs in costs.items():
        each = ", ".join(f"{one:.0f}" for one in runs)
        table.add_row(past, each, f"{median(runs):.0f}")
    return table


def _claim_table(claims: Mapping[str, Mapping[str, float]]) -> Table:
    table = _table("A claim of ten rows", "", "p50 ms", "p99 ms", "max ms")
    for name, row in claims.items():
        times = (f"{row[f'{time}_ms']:.2f}" for time in ("p50", "p99", "max"))
        table.add_row(name, *times)
    return table


def _reconcile_table(walks: Mapping[str, Mapping[str, Any]]) -> Table:
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
