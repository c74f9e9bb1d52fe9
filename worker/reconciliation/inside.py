"""Our own rows compared with each other: one named check a step.

A run of recent changes looks at what they touched, and at what was wrong before; one of
all at everything.

What a check finds is written, put right where that is certain, and looked at again at the
end of the run: what is right by then closes. Nothing is looked at as long as what was put
right is locked. What can be put right is gone through whole, some at a time: the position
is the check, and behind it the subject that was the last.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from models.findings import FindingState
from models.reconciliation import RunScope
from worker.causes import Cause, of_run
from worker.channels.deadline import Deadline
from worker.checks.check import Check, Repair
from worker.checks.looking import Bounds, Looked, look, write
from worker.checks.repairing import repair
from worker.checks.table import BY_NAME, CHECKS
from worker.providers.api import ProviderApi
from worker.reconciliation.run import Progress, Run
from worker.settings import settings

#: An access change that takes longer (it backs off) holds no run up.
LONGEST = timedelta(minutes=10)
TOO_SLOW = "{} took too long; SOFT_LIMIT_SECONDS bounds it"
LISTED = "{}: {} of {} are listed"

_UNDER_WAY = text("""
SELECT EXISTS (
  SELECT FROM access_changes
  WHERE state = 'pending' AND cause_kind = :kind AND cause_ref = :ref
    AND created_at > now() - :longest)
""")
_NOW = text("SELECT now()")
_HEALED = text("""
UPDATE reconciliation_runs AS run SET healed = (
  SELECT count(*) FROM findings f
  WHERE f.kind = ANY(:kinds) AND f.state = :cleared AND f.seen_at >= run.created_at)
WHERE id = :id
""")


class Inside:
    """The leg of ``access``; asks no provider."""

    def look(self, api: ProviderApi, run: Run) -> None:
        """Ask nobody."""

    def keep(self, connection: Connection, run: Run, answer: None) -> Progress:
        """Run the check whose turn it is; the position names it."""
        del answer
        name, _, after = run.position.partition(" ")
        check = BY_NAME.get(name, CHECKS[0])
        config = settings()
        bounds = Bounds(Deadline.of_one_row(config), bound_of(run), after)
        looked = look(connection, check, config, bounds)
        if looked is None:
            return _next(check, TOO_SLOW.format(check.kind))
        accepted = write(connection, check, looked, after)
        changes = repair(connection, check, looked.rows, cause_of(run), config)
        # What is put right counts as healed, and so as found, accepted or not.
        return _progress(check, looked, changes, 0 if changes else accepted)


def _progress(
    check: Check, looked: Looked, changes: list[int], accepted: int
) -> Progress:
    if looked.is_cut and check.repair is not Repair.NOTHING:
        position = f"{check.kind} {looked.last}"
        found = len(looked.rows) - accepted
        return Progress(position, found=found, changes=changes, expected=len(CHECKS))
    gap = LISTED.format(check.kind, len(looked.rows), looked.total)
    ended = _next(check, gap if looked.is_cut else "")
    return replace(ended, found=looked.total - accepted, changes=changes)


def _next(check: Check, gap: str) -> Progress:
    """Go on with the next check."""
    place = CHECKS.index(check) + 1
    is_over = place == len(CHECKS)
    return Progress(
        position=check.kind if is_over else CHECKS[place].kind,
        seen=1,
        expected=len(CHECKS),
        is_over=is_over,
        gap=gap,
    )


def bound_of(run: Run) -> datetime | None:
    """Return since when what was touched is looked at; None: everything is."""
    return run.since if run.scope is RunScope.RECENT else None


def cause_of(run: Run) -> Cause:
    """Return why a run changes access."""
    return of_run(run.id)


def is_under_way(connection: Connection, run: Run) -> bool:
    """Tell whether ``enrollments.activate`` has yet to carry out what a run mended."""
    cause = cause_of(run)
    parameters = {"kind": cause.kind, "ref": cause.ref, "longest": LONGEST}
    return bool(connection.execute(_UNDER_WAY, parameters).scalar_one())


def close_repaired(connection: Connection, run: Run) -> None:
    """Look again at what was to be put right, and count what the run has healed.

    At no more than was found: since now, nothing was touched.
    """
    config = settings()
    now: datetime = connection.execute(_NOW).scalar_one()
    bounds = Bounds(Deadline.of_one_row(config), now)
    for check in CHECKS:
        if check.repair is Repair.NOTHING:
            continue
        looked = look(connection, check, config, bounds)
        if looked is not None:
            write(connection, check, looked)
    parameters = {
        "id": run.id,
        "kinds": [check.kind.value for check in CHECKS],
        "cleared": FindingState.CLEARED.value,
    }
    connection.execute(_HEALED, parameters)
