"""What the checks of our own rows cost beside a million transactions.

A recent look, as workers take it all day, and one at everything, as each night. Only
looking is timed: of a healthy shop there is nothing to write.
"""

import os
import time
from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Engine, text

from bench.arena import Arena
from bench.backlog import FRESH
from bench.past import run
from bench.sold import SOLD
from worker.channels.deadline import Deadline
from worker.checks.check import Check
from worker.checks.looking import Bounds, look
from worker.checks.table import CHECKS
from worker.database import make_engine
from worker.reconciliation.plan import DAY
from worker.settings import Settings, settings_of

DATABASE = "checked"
TRANSACTIONS = 1_000_000
ROUNDS = 5
#: Of one look, in seconds.
LONGEST = 600
#: Nobody is told anything here; the check of who was told needs a hook.
HOOK_SECRET = "whsec_" + "eHh4" * 8
_NOW = text("SELECT now()")


def measure_checks(
    arena: Arena, status: Callable[[str], None], transactions: int = TRANSACTIONS
) -> dict[str, Any]:
    """Run all checks several times, recent and all; return medians in milliseconds."""
    status(f"a past of {transactions:,} transactions")
    arena.clone(DATABASE, FRESH)
    with arena.connect(DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")
        run(connection, SOLD.format(transactions=transactions))
    hook = {
        "platform_hook_url": "http://127.0.0.1:9",
        "platform_hook_secret": HOOK_SECRET,
    }
    config = settings_of(arena.environment(DATABASE, **hook))
    engine = make_engine(config, "bench")
    try:
        return _rounds(engine, config, status)
    finally:
        engine.dispose()


def _rounds(
    engine: Engine, config: Settings, status: Callable[[str], None]
) -> dict[str, Any]:
    with engine.connect() as connection:
        since: datetime = connection.execute(_NOW).scalar_one() - DAY
    times: dict[str, dict[str, list[float]]] = {"recent": {}, "all": {}}
    loads = []
    for number in range(1, ROUNDS + 1):
        for scope, bound in (("recent", since), ("all", None)):
            status(f"checks, {scope}, round {number} of {ROUNDS}")
            loads.append(os.getloadavg()[0])
            for check in CHECKS:
                taken = _milliseconds(engine, check, config, bound)
                times[scope].setdefault(check.kind.value, []).append(taken)
    return {scope: _medians(rounds) for scope, rounds in times.items()} | {
        "rounds": ROUNDS,
        "load": round(median(loads), 1),
    }


def _milliseconds(
    engine: Engine, check: Check, config: Settings, since: datetime | None
) -> float:
    with engine.begin() as connection:
        began = time.perf_counter()
        looked = look(connection, check, config, Bounds(Deadline(LONGEST), since))
        assert looked is not None, check.kind
        assert not looked.total, (check.kind, looked.rows[:3])
        return (time.perf_counter() - began) * 1000


def _medians(times: dict[str, list[float]]) -> dict[str, float]:
    """Return each check's median, and that of the sums of the rounds."""
    sums = [sum(one) for one in zip(*times.values(), strict=True)]
    each = {name: round(median(rounds), 1) for name, rounds in times.items()}
    return {"together": round(median(sums), 1)} | each
