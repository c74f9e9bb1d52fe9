"""``python -m bench``: everything measured in one run, on servers of its own.

Tables go to standard error, one JSON object to standard output as the last line.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.status import Status

from bench.arena import Arena, arena
from bench.backlog import prepare
from bench.checks import measure_checks
from bench.clock import Drained, both
from bench.commands import measure_commands
from bench.drain import drain_mixed, drain_rung, drain_swept
from bench.events import EVENTS_PER_PURCHASE, Event, day_of
from bench.floor import drain_bare
from bench.mails import MAILS, measure_mails
from bench.mix import mixed_days
from bench.past import MANY
from bench.reach import reaches_of
from bench.receiver import measure_receiver
from bench.reconcile import SUBSCRIPTIONS, measure_reconcile
from bench.report import show
from bench.scale import measure_scale
from bench.tutorial import drain_tutorial
from bench.watch import measure_watch
from worker.rings import MAX_IDS

PURCHASES = 5_000
#: The tutorial would need minutes for all: it gets the first of the same events.
TUTORIAL_PURCHASES = 300
PROCESSES = 2
PARTS = (
    "receiver",
    "drain",
    "watch",
    "scale",
    "reconcile",
    "checks",
    "mails",
    "commands",
)
COMPARED = ("paddlewheel", "tutorial")
Drain = Callable[[], Drained]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--purchases", type=int, default=PURCHASES)
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--past", type=int, default=MANY, help="events of long ago")
    parser.add_argument("--subscriptions", type=int, default=SUBSCRIPTIONS)
    parser.add_argument("--mails", type=int, default=MAILS)
    given = parser.parse_args()
    parts = [given.only] if given.only else list(PARTS)
    console = Console(stderr=True)
    with console.status("making events") as status, arena() as servers:
        events = day_of(given.purchases)
        status.update("preparing databases")
        prepare(servers, events)
        figures = _measure(servers, events, parts, status, given)
    show(figures, console)
    reached = {reach.name: reach.as_json() for reach in reaches_of(figures)}
    sys.stdout.write(json.dumps(figures | {"reached": reached}) + "\n")
    return 0


def _measure(
    servers: Arena,
    events: Sequence[Event],
    parts: Sequence[str],
    status: Status,
    given: argparse.Namespace,
) -> dict[str, Any]:
    say, past = status.update, given.past
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "receiver": lambda: measure_receiver(servers, events, say),
        "drain": lambda: _drain(servers, events, status),
        "watch": lambda: measure_watch(servers, say, past),
        "scale": lambda: measure_scale(servers, say, PROCESSES, past),
        "reconcile": lambda: measure_reconcile(servers, say, given.subscriptions),
        "checks": lambda: measure_checks(servers, say),
        "mails": lambda: measure_mails(servers, say, given.mails),
        "commands": lambda: measure_commands(servers, say, past),
    }
    return {"machine": _machine()} | {part: measures[part]() for part in parts}


def _drain(servers: Arena, events: Sequence[Event], status: Status) -> dict[str, Any]:
    days = mixed_days(len(events) // EVENTS_PER_PURCHASE)
    few = _first_purchases(events, TUTORIAL_PURCHASES)
    drains: dict[str, Drain] = {
        "tutorial": lambda: drain_tutorial(servers, few, PROCESSES),
        "paddlewheel": lambda: drain_rung(servers, events, MAX_IDS, PROCESSES),
        "bare SQL": lambda: drain_bare(servers, events, PROCESSES),
        "single rings": lambda: drain_rung(servers, events, 1, PROCESSES),
        "swept": lambda: drain_swept(servers, events, PROCESSES),
        "mixed day": lambda: drain_mixed(servers, days, PROCESSES),
    }
    runs: dict[str, Drained] = {}
    # What the ratios stand on is measured before and after the rest: a machine is not
    # as fast in one minute as in the next.
    for name in (*drains, *COMPARED):
        status.update(f"drain: {name}")
        run = drains[name]()
        runs[name] = both(runs[name], run) if name in runs else run
        status.console.print(f"drain: {name}, {run.events_per_second:,}/s")
    rate = {name: run.events_per_second for name, run in runs.items()}
    ours = rate["paddlewheel"]
    return {
        "runs": {name: asdict(run) for name, run in runs.items()},
        "ratio_to_tutorial": round(ours / rate["tutorial"], 2),
        "share_of_bare_sql": round(ours / rate["bare SQL"], 2),
        "ratio_single_rings": round(rate["single rings"] / ours, 2),
        "ratio_swept": round(rate["swept"] / ours, 2),
        "ratio_mixed_to_tutorial": round(rate["mixed day"] / rate["tutorial"], 2),
        "splits": sum(run.splits for run in runs.values()),
    }


def _first_purchases(events: Sequence[Event], purchases: int) -> list[Event]:
    """Return the whole of the first purchases, in the order of all."""
    buyers = list(dict.fromkeys(event.customer_id for event in events))
    chosen = set(buyers[:purchases])
    few = [event for event in events if event.customer_id in chosen]
    assert len(few) == len(chosen) * EVENTS_PER_PURCHASE
    return few


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": platform.system(),
    }


if __name__ == "__main__":
    sys.exit(main())
