"""Drains the events with bare SQL: see ``bench.bare``."""

import subprocess
import sys
import time
from collections.abc import Sequence

from bench.arena import Arena, BenchError
from bench.backlog import LOADED
from bench.clock import SETTLE_SECONDS, Drained, drained
from bench.events import EVENTS_PER_PURCHASE, Event
from worker.settings import ROOT

_COUNT = "SELECT count(*) FROM notifications"


def drain_bare(arena: Arena, events: Sequence[Event], processes: int) -> Drained:
    """Drain events with so many processes of bare SQL."""
    url = arena.clone("bare", LOADED)
    children = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "bench.bare", url, str(part), str(processes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for part in range(processes)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    time.sleep(SETTLE_SECONDS)
    began = time.time()
    for child in children:
        _go(child)
    codes = [child.wait() for child in children]
    seconds = time.time() - began
    purchases = len(events) // EVENTS_PER_PURCHASE
    with arena.connect("bare") as connection:
        row = connection.execute(_COUNT).fetchone()
    if any(codes) or row != (purchases,):
        raise BenchError(f"bare SQL made {row} notifications for {purchases} purchases")
    return drained(len(events), purchases, seconds)


def _go(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.close()
