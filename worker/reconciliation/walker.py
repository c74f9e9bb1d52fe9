"""Takes runs a step further: ask, compare, write, and wait for what heals.

One claim of a run is one step. So a run that is killed goes on where it was, several
runs take turns, and a run without a turn at the provider waits in its row.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

import structlog
from sqlalchemy import Connection, Engine, text

from models.reconciliation import RunKind, RunScope, RunStage, RunState
from worker import crumbs, lifecycle
from worker.after_commit import Rings
from worker.bounded_gate import BoundedGate
from worker.budget import Budget, Lane
from worker.channels.deadline import SHARE_OF_ONE_ROW, Deadline
from worker.errors import OutageError
from worker.lifecycle import Again, Ending, Lease
from worker.providers.accounts import askable
from worker.providers.api import ProviderApi
from worker.providers.clients import APIS
from worker.providers.errors import ApiRefusedError, NoTurnError
from worker.reconciliation.healing import close_healed, waiting
from worker.reconciliation.run import Leg, Progress, Run
from worker.settings import Settings
from worker.work_tables import ACCESS_CHANGES, INBOX

log = structlog.get_logger()

_READ = text("""
SELECT id, provider, kind, scope, stage, created_at AS began_at, since, mails, position,
       expected, seen, found
FROM reconciliation_runs WHERE id = :id
""")
_ADVANCE = text("""
UPDATE reconciliation_runs SET position = :position, stage = :stage,
  seen = seen + :seen, found = found + :found, requests = requests + :requests,
  expected = coalesce(expected, :expected), reason = coalesce(reason, :gap),
  work_seconds = work_seconds + :seconds
WHERE id = :id
""")
_REASON = text("SELECT reason FROM reconciliation_runs WHERE id = :id")


class Walker:
    """Takes one run after the other a step further, during one run of the task."""

    def __init__(
        self, engine: Engine, config: Settings, legs: Mapping[RunKind, Leg]
    ) -> None:
        """Prepare; nothing is opened yet."""
        self._engine = engine
        self._config = config
        self._legs = legs
        self._opened = ExitStack()
        self._apis: dict[tuple[str, Lane], tuple[ProviderApi, BoundedGate]] = {}
        #: Why a provider did not answer, once that was so in this run of the task.
        self._outages: dict[tuple[str, Lane], OutageError] = {}

    def __enter__(self) -> Self:
        """Use it for one run of the task."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._opened.close()

    def __call__(self, engine: Engine, lease: Lease, row_id: int) -> Any:  # noqa: ANN401
        """Go one step; see ``worker.drain.WorkOne``."""
        began = time.process_time()
        run = read(engine, lease, row_id)
        if run is None:
            return None
        if run.stage is RunStage.HEAL:
            return heal(engine, lease, run)
        try:
            answer, requests = self._look(run)
        except NoTurnError as error:
            with engine.begin() as connection:
                # Nobody was asked: what refused before may still refuse.
                again = Again(error.wait_at_least, is_further=False)
                if lifecycle.hold(connection, lease, [row_id]):
                    lifecycle.go_on(connection, lease, row_id, again)
                    return again
            return None
        return self._keep(engine, lease, run, (answer, requests, began))

    def _look(self, run: Run) -> tuple[Any, int]:
        leg = self._legs[run.kind]
        if run.kind is RunKind.ACCESS:
            return None, 0
        lane = Lane.BACKFILL if run.scope is RunScope.BACKFILL else Lane.RECONCILE
        if outage := self._outages.get((run.provider, lane)):
            raise outage
        try:
            api, gate = self._api(run.provider, lane)
            before = gate.requests
            # A step may ask more than once; all of it must be over by then.
            gate.begin(Deadline.of_one_row(self._config))
            answer = leg.look(api, run)
        except OutageError as error:
            self._outages[run.provider, lane] = error
            raise
        return answer, gate.requests - before

    def _api(self, provider: str, lane: Lane) -> tuple[ProviderApi, BoundedGate]:
        known = self._apis.get((provider, lane))
        if known is None:
            if provider not in askable(self._config):
                raise ApiRefusedError("there is no key for the provider's API")
            seconds = self._config.soft_limit_seconds * SHARE_OF_ONE_ROW
            gate = BoundedGate(Budget(self._engine, provider, lane, self._config))
            api = APIS[provider](self._config, seconds, gate)
            known = (self._opened.enter_context(api), gate)
            self._apis[provider, lane] = known
        return known

    def _keep(
        self, engine: Engine, lease: Lease, run: Run, looked: tuple[Any, int, float]
    ) -> Ending | Again | None:
        answer, requests, began = looked
        rings = Rings()
        with engine.begin() as connection:
            if not lifecycle.hold(connection, lease, [run.id]):
                return None
            progress = self._legs[run.kind].keep(connection, run, answer)
            rings.add(INBOX.task, list(progress.stored))
            rings.add(ACCESS_CHANGES.task, list(progress.changes))
            seconds = time.process_time() - began
            advance(connection, run, progress, (requests, seconds))
            lifecycle.go_on(connection, lease, run.id, Again())
        rings.send()
        return Again()


def read(engine: Engine, lease: Lease, row_id: int) -> Run | None:
    """Read a run; None: it is no longer ours."""
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [row_id]):
            return None
        crumbs.leave("reconcile", [row_id])
        row = connection.execute(_READ, {"id": row_id}).one()._mapping  # noqa: SLF001
        parsed = {
            "kind": RunKind(row["kind"]),
            "scope": RunScope(row["scope"]),
            "stage": RunStage(row["stage"]),
        }
        return Run(**{**row, **parsed})


def advance(
    connection: Connection, run: Run, progress: Progress, cost: tuple[int, float]
) -> None:
    """Write how far a run has come."""
    connection.execute(
        _ADVANCE,
        {
            "id": run.id,
            "position": progress.position,
            "stage": RunStage.HEAL if progress.is_over else RunStage.WALK,
            "seen": progress.seen,
            "found": progress.found,
            "requests": cost[0],
            "expected": progress.expected,
            "gap": progress.gap or None,
            "seconds": cost[1],
        },
    )


def heal(engine: Engine, lease: Lease, run: Run) -> Ending | Again | None:
    """Wait for the events that a run has stored, then see what they have healed."""
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [run.id]):
            return None
        if pause := waiting(connection, run):
            lifecycle.go_on(connection, lease, run.id, Again(pause))
            return Again(pause)
        close_healed(connection, run)
        gap = connection.execute(_REASON, {"id": run.id}).scalar_one()
        ending = Ending(RunState.PARTIAL if gap else RunState.COMPLETE, gap)
        lifecycle.finish(connection, lease, {run.id: ending})
    log.info("run_ended", run=run.id, kind=run.kind, state=ending.state)
    return ending
