"""What is to be reached, and whether it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: What an allocator keeps for itself; a walk that kept its pages would need 200.
MOST_GROWTH_MIB = 8
#: Of a command, in seconds.
PATIENCE = {"--help": 0.4, "status": 1, "explain": 1, "doctor": 5}

Figures = Mapping[str, Any]


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


def reaches_of(figures: Figures) -> list[Reach]:
    """Return what the figures reach, of what was measured."""
    measured = [part for part in _REACHES if part in figures]
    return [one for part in measured for one in _REACHES[part](figures[part])]


def _receiver(receiver: Figures) -> list[Reach]:
    return [
        Reach("receiver / tutorial", receiver["ratio_to_tutorial"], 7),
        Reach("receiver p99 ms", receiver["receiver"]["p99_ms"], 100, at_most=True),
    ]


def _drain(drain: Figures) -> list[Reach]:
    return [
        Reach("drain / tutorial", drain["ratio_to_tutorial"], 12),
        Reach("mixed day / tutorial", drain["ratio_mixed_to_tutorial"], 12),
        Reach("split batches", drain["splits"], 0, at_most=True),
        Reach("single rings / drain", drain["ratio_single_rings"], 0.7),
        Reach("swept / drain", drain["ratio_swept"], 0.7),
    ]


def _watch(watch: Figures) -> list[Reach]:
    return [
        Reach(f"look, {name}: p50 ms", row["p50_ms"], 50, at_most=True)
        for name, row in watch.items()
    ]


def _scale(scale: Figures) -> list[Reach]:
    return [
        Reach("long past / short past", scale["ratio"], 1.2, at_most=True),
        Reach("split beside a past", scale["splits"], 0, at_most=True),
    ]


def _reconcile(reconcile: Figures) -> list[Reach]:
    walks = reconcile["walks"].values()
    cpu = max(walk["cpu_seconds"] for walk in walks)
    growth = max(walk["growth_mib"] for walk in walks)
    changed = reconcile["tables_changed_by_second_run"]
    return [
        Reach("requests / least", reconcile["requests_to_least"], 1, at_most=True),
        Reach("compare: CPU s", cpu, 60, at_most=True),
        Reach("compare: growth MiB", growth, MOST_GROWTH_MIB, at_most=True),
        Reach("healed / planted", reconcile["healed_to_planted"], 1),
        Reach("tables changed by second run", changed, 0, at_most=True),
    ]


def _mails(mails: Figures) -> list[Reach]:
    return [Reach("mails / plain loop", mails["ratio"], 0.6)]


def _checks(checks: Figures) -> list[Reach]:
    return [
        Reach(f"checks, {scope}: ms", checks[scope]["together"], 2000, at_most=True)
        for scope in ("recent", "all")
    ]


def _commands(commands: Figures) -> list[Reach]:
    return [
        Reach(f"{name}: s", commands["runs"][name]["seconds"], goal, at_most=True)
        for name, goal in PATIENCE.items()
    ]


_REACHES: dict[str, Callable[[Figures], list[Reach]]] = {
    "receiver": _receiver,
    "drain": _drain,
    "watch": _watch,
    "scale": _scale,
    "reconcile": _reconcile,
    "mails": _mails,
    "checks": _checks,
    "commands": _commands,
}
