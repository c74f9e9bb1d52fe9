"""Takes runs to their end in this process, for whoever sits in front of it.

Workers may take turns at the same runs: a row that one of them holds is only watched.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, text

from models.reconciliation import RunKind, RunStage, RunState
from worker import lifecycle
from worker.audit import actor
from worker.drain import Job, drain_each
from worker.providers.errors import ApiRefusedError
from worker.reconciliation.last import What
from worker.reconciliation.plan import start
from worker.reconciliation.run import Leg
from worker.reconciliation.walker import Walker
from worker.settings import Settings
from worker.work_tables import RUNS, Claimant

#: So long nothing may move while the provider does not answer, or while what was put
#: into the inbox waits to be recorded: where a worker runs, it is within seconds.
PATIENCE_SECONDS = 30.0
#: The same where all wait for their turn: providers ask for a minute's pause.
LONGEST_PAUSE_SECONDS = 150.0
PAUSE_SECONDS = 0.5
#: A person has to change something; the same try later will not help.
REFUSED = f"{ApiRefusedError.__name__}: "
GOES_ON = "The runs stay where they are, and workers go on with them."

_READ = text("""
SELECT id, provider, kind, scope, state, stage, since, mails, expected, seen, requests,
       found, healed, work_seconds, reason, last_error, asked_by, created_at,
       finished_at, position,
       extract(epoch FROM coalesce(finished_at, now()) - created_at)::float AS seconds
FROM reconciliation_runs WHERE id = ANY(:ids) ORDER BY id
""")
# Who sits in front of it has put right what it was put off for.
_TAKE_UP = text("""
UPDATE reconciliation_runs SET next_attempt_at = CASE
    WHEN lease_token IS NULL THEN now() ELSE next_attempt_at END
WHERE provider = :provider AND kind = :kind AND scope = :scope AND state = 'pending'
RETURNING id
""")
Watch = Callable[[Sequence[Row[Any]]], None]


def read_runs(engine: Engine, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Read runs as they stand."""
    with engine.connect() as connection:
        return connection.execute(_READ, {"ids": list(ids)}).all()


def start_or_take_up(
    engine: Engine, what: What, since: datetime | None, *, mails: bool
) -> tuple[int, bool]:
    """Start a run for an operator, or make the one that is pending due at once.

    Returns:
        The run, and whether it is a new one.
    """
    place = (what.provider, what.kind, what.scope)
    named = dict(zip(("provider", "kind", "scope"), place, strict=True))
    while True:
        with engine.begin() as connection:
            new = start(connection, *place, asked_by=actor(), since=since, mails=mails)
            run = new or connection.scalar(_TAKE_UP, named)
        if run is not None:
            return int(run), new is not None


def drive(
    engine: Engine,
    config: Settings,
    legs: Mapping[RunKind, Leg],
    ids: Sequence[int],
    watch: Watch,
) -> str:
    """Go on with runs until all have ended, or nothing moves any more.

    Returns:
        Why not all have ended; empty: they have.
    """
    job = Job(engine, RUNS, Claimant(f"command {os.getpid()}", "cli"), config)
    moved_at, before = time.monotonic(), None
    try:
        while True:
            with Walker(engine, config, legs) as walker:
                drain_each(job, walker)
            runs = read_runs(engine, ids)
            watch(runs)
            left = [run for run in runs if run.state == RunState.PENDING]
            now = [(run.id, run.stage, run.position, run.seen) for run in left]
            if now != before:
                moved_at, before = time.monotonic(), now
            if not left or (why := _why_stop(left, time.monotonic() - moved_at)):
                return why if left else ""
            time.sleep(PAUSE_SECONDS)
    except KeyboardInterrupt:
        lifecycle.free_leases(engine, RUNS, job.who.task_id)
        raise


def _why_stop(left: Sequence[Row[Any]], still_seconds: float) -> str:
    """Return why it is no use to stay; empty: it is."""
    failing = [run.last_error for run in left if run.last_error]
    refused = [error for error in failing if error.startswith(REFUSED)]
    if len(refused) == len(left):
        words = refused[0].removeprefix(REFUSED)
        return f"{words}: set it right, and type the same again."
    healing = [run for run in left if run.stage == RunStage.HEAL]
    is_stuck = len(failing) + len(healing) >= len(left)
    if still_seconds < (PATIENCE_SECONDS if is_stuck else LONGEST_PAUSE_SECONDS):
        return ""
    if failing:
        is_asking = failing[0].startswith("Api")
        what = "The provider cannot be asked" if is_asking else "A step fails"
        return f"{what} ({failing[0]}). {GOES_ON}"
    if is_stuck:
        return f"What is in the inbox is not recorded: does a worker run? {GOES_ON}"
    return f"The provider is left alone for a while. {GOES_ON}"
