"""(a) The receiver against an empty ASGI app and the tutorial's.

All three: one process, the same sender on the same machine, the same bodies, in turns.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bench.arena import SECRET, Arena, eventually
from bench.backlog import FRESH
from bench.events import Event
from bench.load import LoadResult, request_of, run_load
from bench.tutorial import TUTORIAL, tutorial_environment
from worker.processes.ports import LOOPBACK, free_port, is_free

ROUNDS = 3
ROUND_SECONDS = 2.5
WARM_UP_REQUESTS = 500
#: A burst. The receiver's groups gain from company; see docs/bench.md for 64 and 256.
CONNECTIONS = 128
ACCEPTED = 200
RECEIVED = "received"
NAMES = ("empty", "tutorial", "receiver")


def measure_receiver(
    arena: Arena, events: Sequence[Event], say: Callable[[str], None]
) -> dict[str, object]:
    """Return the figures of (a)."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    for number in range(1, ROUNDS + 1):
        for name in NAMES:
            say(f"receiver: {name}, round {number} of {ROUNDS}")
            rounds[name].append(_round(arena, name, events))
    figures = {name: _median(found) for name, found in rounds.items()}
    per_second = {name: figures[name]["per_second"] for name in NAMES}
    return {
        **figures,
        "ratio_to_tutorial": round(per_second["receiver"] / per_second["tutorial"], 2),
        "share_of_empty": round(per_second["receiver"] / per_second["empty"], 2),
    }


def _round(arena: Arena, name: str, events: Sequence[Event]) -> dict[str, float]:
    with _serving(arena, name) as port:
        stamp = int(time.time())
        requests = [request_of(e.body, SECRET.encode(), now=stamp) for e in events]
        address = (LOOPBACK, port)
        run_load(address, requests[:WARM_UP_REQUESTS], CONNECTIONS)
        result = run_load(
            address, requests[WARM_UP_REQUESTS:], CONNECTIONS, ROUND_SECONDS
        )
    arena.broker.flushdb()
    return _figures(result)


def _figures(result: LoadResult) -> dict[str, float]:
    answered = [status for status in result.statuses if status is not None]
    return {
        "per_second": result.per_second,
        "p50_ms": result.latency_ms(0.5),
        "p99_ms": result.latency_ms(0.99),
        "max_ms": result.latency_ms(1),
        "errors": sum(status != ACCEPTED for status in answered),
    }


def _median(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    medians = {
        figure: round(statistics.median(found[figure] for found in rounds), 1)
        for figure in rounds[0]
    }
    return medians | {"errors": sum(found["errors"] for found in rounds)}


@contextmanager
def _serving(arena: Arena, name: str) -> Iterator[int]:
    port = free_port()
    if name == "receiver":
        arena.clone(RECEIVED, FRESH)
    command, env = _commands(arena, port)[name]
    with arena.running(f"web-{name}", command, env):
        eventually(lambda: not is_free(port))
        yield port


def _commands(
    arena: Arena, port: int
) -> dict[str, tuple[Sequence[str], Mapping[str, str]]]:
    uvicorn = ("uvicorn", "--port", str(port), "--log-level", "warning")
    ours = arena.environment(RECEIVED, web_port=port, web_host=LOOPBACK)
    tutorial = tutorial_environment(arena, TUTORIAL)
    return {
        "empty": ((*uvicorn, "bench.peers.empty:app"), tutorial),
        "tutorial": ((*uvicorn, "bench.peers.tutorial.web:app"), tutorial),
        "receiver": (("web_hook",), ours),
    }
