"""How long a person waits for a command, beside a million events.

Each is run as it is typed, one at a time and each in turn, while a worker answers and
nobody else of ours runs: beat, Flower and Paddle are away, so that the doctor waits for
them. Beside them the interpreter alone, and with the libraries that whoever speaks to the
database needs: what lies above is ours.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from bench.arena import LOG_TAIL, Arena, BenchError
from bench.drain import working
from bench.past import clone_past, purchases_of
from worker.pulses import QUEUES
from worker.settings import ROOT

DATABASE = "typed"
ROUNDS = 7
LIBRARIES = "import sqlalchemy, psycopg, pydantic_settings"
FLOOR = "libraries"
#: Python may keep what it compiles, though the shell says it may not.
FORBIDS_TO_KEEP = "PYTHONDONTWRITEBYTECODE"
#: Well, to be looked at, or broken: it has told how things stand.
TOLD = (0, 1, 2)
PADDLEWHEEL = str(ROOT / "paddlewheel")

Times = dict[str, list[float]]


def measure_commands(
    arena: Arena, status: Callable[[str], None], events: int, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Run each command so many times; return medians in seconds, and their ratios."""
    status(f"a past of {events:,} events")
    clone_past(arena, DATABASE, events)
    typed = commands_of(f"ctm_{purchases_of(events) // 2}")
    env = arena.environment(DATABASE)
    env.pop(FORBIDS_TO_KEEP, None)
    walls: Times = {name: [] for name in typed}
    processors: Times = {name: [] for name in typed}
    loads = []
    with working(arena, DATABASE, {",".join(QUEUES): 1}):
        # The first round compiles, and reads from the disk: it does not count.
        for number in range(rounds + 1):
            loads.append(os.getloadavg()[0])
            for name, words in typed.items():
                status(f"round {number} of {rounds}: {name}")
                wall, processor = _run(words, env)
                if number:
                    walls[name].append(wall)
                    processors[name].append(processor)
    return costs_of(walls, processors) | {
        "events": events,
        "rounds": rounds,
        "load": round(median(loads), 1),
    }


def commands_of(learner: str) -> dict[str, Sequence[str]]:
    """Return what is run, by name."""
    return {
        "python": (sys.executable, "-c", "pass"),
        FLOOR: (sys.executable, "-c", LIBRARIES),
        "--help": (PADDLEWHEEL, "--help"),
        "status": (PADDLEWHEEL, "status"),
        "explain": (PADDLEWHEEL, "explain", learner),
        "doctor": (PADDLEWHEEL, "doctor"),
    }


def costs_of(walls: Times, processors: Times) -> dict[str, Any]:
    """Return what each takes, and how many times as much as the libraries alone."""
    seconds = {name: median(each) for name, each in walls.items()}
    return {
        "runs": {
            name: {
                "seconds": round(taken, 3),
                "cpu_seconds": round(median(processors[name]), 3),
                "ratio": round(taken / seconds[FLOOR], 2),
            }
            for name, taken in seconds.items()
        }
    }


def _run(words: Sequence[str], env: Mapping[str, str]) -> tuple[float, float]:
    """Run a program to its end; return the seconds, and those of the processor."""
    before = _processor_seconds()
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        words, env=env, check=False, capture_output=True, text=True
    )
    wall = time.perf_counter() - began
    if done.returncode not in TOLD or done.stderr:
        told = (done.stdout + done.stderr)[-LOG_TAIL:]
        raise BenchError(f"{' '.join(words)} ended with {done.returncode}: {told}")
    return wall, _processor_seconds() - before


def _processor_seconds() -> float:
    """Return what children have used that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
