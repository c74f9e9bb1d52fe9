"""A run that writes nothing: each step is done in full and rolled back.

So it tells what a real one would find, by the same code. Only requests to the provider
are counted as always, in its budget.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from models.reconciliation import RunKind, RunScope, RunStage
from worker.budget import Budget, Lane, Patient
from worker.channels.deadline import SHARE_OF_ONE_ROW
from worker.errors import OutageError
from worker.providers.api import ProviderApi
from worker.providers.clients import APIS
from worker.reconciliation import cursor
from worker.reconciliation.cursor import EXPLAIN
from worker.reconciliation.driving import LONGEST_PAUSE_SECONDS
from worker.reconciliation.last import What
from worker.reconciliation.run import Leg, Progress, Run
from worker.settings import Settings

#: For the rows that refer to it; rolled back with them. Ended, so that it stands in no
#: other run's way.
_PRETEND = text("""
INSERT INTO reconciliation_runs (provider, kind, scope, state, asked_by)
VALUES (:provider, :kind, :scope, 'complete', 'dry run') RETURNING id
""")
_NOW = text("SELECT now()")
# What was put into the inbox because of a finding is one difference, not two.
_DIFFERENCES = text("""
WITH found AS (
  SELECT kind AS what, subject AS about, detail FROM findings
  WHERE seen_at = now() AND state = 'open'
)
SELECT * FROM found
UNION ALL
SELECT e.reason, coalesce(e.subject, i.event_id),
       jsonb_build_object('event_type', i.event_type)
FROM reconciled_events e JOIN inbox i ON i.id = e.inbox_id
WHERE e.run_id = :id
  AND NOT EXISTS (SELECT FROM found f WHERE f.about = e.subject)
ORDER BY 1, 2
""")
Watch = Callable[["Dry"], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs."""

    what: str
    about: str
    detail: Mapping[str, Any] | None


@dataclass(slots=True)
class Dry:
    """What a run would have come to."""

    what: What
    seen: int = 0
    expected: int | None = None
    found: int = 0
    gap: str = ""


def walk(
    engine: Engine,
    config: Settings,
    legs: Mapping[RunKind, Leg],
    asked: tuple[What, datetime | None],
    watch: Watch,
) -> tuple[Dry, list[Difference]]:
    """Walk without a trace, as far as the provider answers.

    Args:
        engine: Whose rows are compared.
        config: The settings.
        legs: How each kind is compared.
        asked: What is compared, and what lies before that is not looked at.
        watch: Is shown how far it is.
    """
    run = _pretended(engine, *asked)
    dry = Dry(asked[0])
    found: list[Difference] = []
    try:
        with _asking(engine, config, run) as api:
            for differences in _steps(engine, legs[run.kind], api, (run, dry)):
                found += differences
                watch(dry)
    except OutageError as error:
        dry.gap = str(error)
    return dry, found


@contextmanager
def _asking(engine: Engine, config: Settings, run: Run) -> Iterator[ProviderApi | None]:
    """Open the provider's API; None: our rows are compared with each other."""
    if run.kind is RunKind.ACCESS:
        yield None
        return
    lane = Lane.BACKFILL if run.scope is RunScope.BACKFILL else Lane.RECONCILE
    budget = Budget(engine, run.provider, lane, config)
    gate = Patient(budget, timedelta(seconds=LONGEST_PAUSE_SECONDS))
    seconds = config.soft_limit_seconds * SHARE_OF_ONE_ROW
    with APIS[run.provider](config, seconds, gate) as api:
        yield api


def _pretended(engine: Engine, what: What, since: datetime | None) -> Run:
    """Return a run that is no row; one of events begins where the cursor stands."""
    position = ""
    with engine.connect() as connection:
        now = connection.execute(_NOW).scalar_one()
        if what.kind is RunKind.EVENTS:
            position = cursor.begin(connection, what.provider, what.scope, since)
    return Run(
        id=0,
        provider=what.provider,
        kind=what.kind,
        scope=what.scope,
        stage=RunStage.WALK,
        began_at=now,
        since=since,
        mails=False,
        position=position,
        expected=None,
        seen=0,
        found=0,
        noted=set(),
    )


def _steps(
    engine: Engine, leg: Leg, api: ProviderApi | None, asked: tuple[Run, Dry]
) -> Iterator[list[Difference]]:
    run, dry = asked
    while True:
        answer = None if api is None else leg.look(api, run)
        progress, found = _rolled_back(engine, leg, run, answer)
        dry.seen += progress.seen
        dry.found += progress.found
        dry.expected = dry.expected if dry.expected is not None else progress.expected
        dry.gap = dry.gap or progress.gap
        yield found
        # Why events were missed is asked of those that are in the inbox.
        if progress.is_over or progress.position.startswith(EXPLAIN):
            return
        if progress.position == run.position:
            # What was mended is not, so there is no end to it.
            dry.gap = dry.gap or "there is more than one step can show"
            return
        run = replace(
            run,
            position=progress.position,
            seen=dry.seen,
            found=dry.found,
            expected=dry.expected,
        )


def _rolled_back(
    engine: Engine,
    leg: Leg,
    run: Run,
    answer: Any,  # noqa: ANN401
) -> tuple[Progress, list[Difference]]:
    with engine.connect() as connection, connection.begin() as work:
        try:
            return _keep(connection, leg, run, answer)
        finally:
            work.rollback()


def _keep(
    connection: Connection,
    leg: Leg,
    run: Run,
    answer: Any,  # noqa: ANN401
) -> tuple[Progress, list[Difference]]:
    values = {"provider": run.provider, "kind": run.kind, "scope": run.scope}
    run_id = connection.execute(_PRETEND, values).scalar_one()
    progress = leg.keep(connection, replace(run, id=run_id), answer)
    rows = connection.execute(_DIFFERENCES, {"id": run_id})
    return progress, [Difference(row.what, row.about, row.detail) for row in rows]
