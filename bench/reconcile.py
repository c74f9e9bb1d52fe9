"""What it costs to compare everything with the provider, page by page.

A shop with 10,000 subscriptions and 50,000 transactions, and the same on our side. All
four kinds of objects are compared three times by a real worker: while nothing differs,
with one row of a hundred changed or deleted by hand, and once more.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

from sqlalchemy import Engine

from bench.arena import SECRET, Arena, BenchError, Child, eventually
from bench.backlog import FRESH
from bench.provider import COUNTS
from bench.shelf import Shelf, shelf_of
from bench.stocking import digest, plant, stock
from bench.usage import cpu_seconds, memory_mib
from models.reconciliation import RunKind, RunScope
from models.work import SCHEMA_VERSION
from worker.database import make_engine
from worker.processes.ports import LOOPBACK, free_port, is_free
from worker.reconciliation.comparing import KINDS
from worker.reconciliation.driving import read_runs
from worker.reconciliation.plan import start
from worker.rings import ringing_app
from worker.settings import settings_of
from worker.work_tables import RUNS

DATABASE = "reconciled"
SUBSCRIPTIONS = 10_000
TRANSACTIONS = 50_000
#: The most there is: what a provider allows is not what is to be measured.
REQUESTS_A_MINUTE = 10_000
QUEUE = "reconcile"
RECORDING = "critical,access"
POLL_SECONDS = 0.2
LONGEST_SECONDS = 600
#: From here on memory must not grow: caches and connections are there.
WARM = 0.1


@dataclass
class Walk:
    """What comparing everything once came to."""

    seconds: float = 0.0
    #: Of the worker that compares, and of PostgreSQL meanwhile.
    cpu_seconds: float = 0.0
    postgres_cpu_seconds: float = 0.0
    #: Of the largest process, once a tenth was done, and at most from then on.
    warm_mib: float = 0.0
    most_mib: float = 0.0
    seen: int = 0
    found: int = 0
    healed: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    states: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Scene:
    """Who takes part."""

    arena: Arena
    engine: Engine
    shelf: Shelf
    worker: Child
    provider_url: str
    environment: Mapping[str, str]


def measure_reconcile(
    arena: Arena, status: Callable[[str], None], subscriptions: int = SUBSCRIPTIONS
) -> dict[str, Any]:
    """Compare a stocked shop three times."""
    shelf = shelf_of(subscriptions, subscriptions * TRANSACTIONS // SUBSCRIPTIONS)
    with _scene(arena, shelf, status) as scene:
        status("comparing what is equal")
        equal = _walk(scene)
        rightly = digest(scene.engine)
        planted = plant(scene.engine)
        status(f"comparing with {planted} rows changed")
        differing = _walk(scene)
        changed = digest(scene.engine) != rightly
        before = digest(scene.engine, with_clocks=True)
        status("comparing once more")
        again = _walk(scene)
        unchanged = digest(scene.engine, with_clocks=True) == before
        asked = json.loads(urlopen(f"{scene.provider_url}{COUNTS}").read())  # noqa: S310
    least = {of: shelf.requests(of) for of in shelf.counts}
    if asked != {of: 3 * count for of, count in equal.requests.items()}:
        raise BenchError(f"the provider counted {asked} requests")
    return {
        "rows": sum(shelf.counts.values()),
        "least_requests": least,
        "walks": {
            name: _figures(walk)
            for name, walk in {
                "nothing differs": equal,
                "one of a hundred differs": differing,
                "once more": again,
            }.items()
        },
        "requests_to_least": round(
            max(equal.requests[of] / least[of] for of in least), 3
        ),
        "planted": planted,
        "found_to_planted": round(differing.found / planted, 3),
        "healed_to_planted": round(differing.healed / planted, 3),
        "tables_wrong_after": int(changed),
        "tables_changed_by_second_run": int(not unchanged),
    }


def _figures(walk: Walk) -> dict[str, Any]:
    return {
        "seconds": round(walk.seconds, 1),
        "cpu_seconds": round(walk.cpu_seconds, 1),
        "postgres_cpu_seconds": round(walk.postgres_cpu_seconds, 1),
        "cpu_microseconds_per_row": round(1e6 * walk.cpu_seconds / walk.seen),
        "warm_mib": round(walk.warm_mib, 1),
        "growth_mib": round(walk.most_mib - walk.warm_mib, 1),
        "requests": walk.requests,
        "seen": walk.seen,
        "found": walk.found,
        "healed": walk.healed,
    }


@contextmanager
def _scene(
    arena: Arena, shelf: Shelf, status: Callable[[str], None]
) -> Iterator[Scene]:
    arena.clone(DATABASE, FRESH)
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    env = arena.environment(
        DATABASE,
        paddle_api_key=SECRET,
        paddle_api_url=url,
        paddle_requests_per_minute=REQUESTS_A_MINUTE,
    )
    engine = make_engine(settings_of(env), "bench")
    status("stocking our tables")
    stock(engine, shelf)
    with arena.connect(DATABASE) as connection:
        connection.execute("VACUUM (ANALYZE)")
    file = arena.folder / "shelf.json"
    shelf.save(file)
    serving = ("bench.provider", str(port), str(file))
    try:
        with (
            arena.running("provider", serving, env),
            arena.running("recorder", _worker(RECORDING), env) as recorder,
            arena.running("reconciler", _worker(QUEUE), env) as worker,
        ):
            eventually(lambda: not is_free(port))
            for each in (recorder, worker):
                each.await_log("ready")
            yield Scene(arena, engine, shelf, worker, url, env)
    finally:
        engine.dispose()
        arena.broker.flushdb()


def _worker(queues: str) -> tuple[str, ...]:
    name = queues.partition(",")[0]
    which = ("-Q", queues, "-n", f"{name}@%h", "-c", "1")
    return ("celery", "-A", "worker.app", "worker", *which, "--without-mingle")


def _walk(scene: Scene) -> Walk:
    """Start a run of each kind, and watch them until all have ended."""
    pids = (scene.worker.popen.pid, _postmaster(scene.arena))
    used = [cpu_seconds(pid) for pid in pids]
    began = time.monotonic()
    ids = _start(scene)
    walk = Walk()
    _watch(scene, ids, walk)
    walk.seconds = time.monotonic() - began
    walk.cpu_seconds, walk.postgres_cpu_seconds = (
        cpu_seconds(pid) - before for pid, before in zip(pids, used, strict=True)
    )
    _count(scene, ids, walk)
    return walk


def _start(scene: Scene) -> list[int]:
    with scene.engine.begin() as connection:
        given = ("paddle", RunScope.ALL)
        started = [
            start(connection, given[0], kind, given[1], asked_by="bench")
            for kind in KINDS
        ]
    return [run for run in started if run is not None]


def _watch(scene: Scene, ids: list[int], walk: Walk) -> None:
    """Ring, as the sweep does, until all runs have ended; note the memory."""
    app = ringing_app(settings_of(scene.environment))
    total = sum(scene.shelf.counts.values())
    until = time.monotonic() + LONGEST_SECONDS
    while True:
        runs = read_runs(scene.engine, ids)
        if sum(run.seen for run in runs) >= WARM * total:
            memory = memory_mib(scene.worker.popen.pid)
            walk.warm_mib = walk.warm_mib or memory
            walk.most_mib = max(walk.most_mib, memory)
        if all(run.state != "pending" for run in runs):
            return
        if time.monotonic() > until:
            raise BenchError(f"not compared within {LONGEST_SECONDS} s: {runs}")
        if not scene.arena.broker.llen(QUEUE):
            app.send_task(RUNS.task, args=[ids, SCHEMA_VERSION])
        time.sleep(POLL_SECONDS)


def _count(scene: Scene, ids: list[int], walk: Walk) -> None:
    for run in read_runs(scene.engine, ids):
        if run.state != "complete":
            raise BenchError(f"{run.kind}: {run.state}, {run.reason}, {run.last_error}")
        walk.seen += run.seen
        walk.found += run.found
        walk.healed += run.healed
        walk.requests[RunKind(run.kind).value] = run.requests
        walk.states.add(run.state)


def _postmaster(arena: Arena) -> int:
    return int((arena.postgres.data / "postmaster.pid").read_text().split()[0])
