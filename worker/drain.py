"""Runs claims until nothing is due: the loop that every working task shares.

Two ways to work on a claim. ``drain`` gives the whole batch to one function inside
one transaction, which is where the speed comes from; a batch that fails is split by
savepoints until the bad row stands alone. ``drain_each`` is for work that goes out to
the world, row by row, with nothing held open meanwhile.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection, Engine

from worker import crumbs, lifecycle, unsettled
from worker.deaths import Death, telling
from worker.errors import LostLeaseError
from worker.failures import Failure, Verdict, failure_of
from worker.lifecycle import Again, Ending, Lease
from worker.outcome import Tally
from worker.putting_off import fail
from worker.settings import Settings
from worker.work_tables import Claimant, WorkTable

log = structlog.get_logger()

#: What a row came to: an ending, or why not.
Result = Ending | Failure
#: Works on rows inside the caller's transaction; must answer for each id it was given.
Apply = Callable[[Connection, Sequence[int]], Mapping[int, Result]]
#: Works on one claimed row by itself, and finishes it or lets it go on; None: it was no
#: longer ours.
WorkOne = Callable[[Engine, Lease, int], Result | Again | None]
Committed = Callable[[], None]

#: Waits between tries to write down that the machinery failed, in seconds. Without a
#: verdict the rows would come back only when their lease ends.
VERDICT_WAITS_SECONDS = (0.2, 0.5, 1, 2, 3)
#: How Flower tells of rows that went a step further, and may be due again.
FURTHER = "further"
POISON = "its process died {} times while working on it"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a task over one table."""

    engine: Engine
    table: WorkTable
    who: Claimant
    config: Settings
    #: Of the soft limit, the part in which work is begun; the rest is reserve.
    share: float = 0.5
    #: The one row that somebody waits for; None: whatever is due.
    only: int | None = None

    @property
    def seconds(self) -> float:
        """How long work is begun."""
        return self.config.soft_limit_seconds * self.share


@dataclass(frozen=True, slots=True)
class Each:
    """How to work row by row, and until when rows are begun, over all claims."""

    work_one: WorkOne
    stop_at: float


def drain(job: Job, apply: Apply, committed: Committed = lambda: None) -> Tally:
    """Work on due rows in batches, each in one transaction, until none is due.

    Args:
        job: What is run.
        apply: Does the work of a batch.
        committed: Called after each batch's commit: the place to ring.
    """

    def work(lease: Lease, tally: Tally) -> None:
        _work_batch(job, lease, apply, tally)
        committed()

    return _run(job, work)


def drain_each(job: Job, work_one: WorkOne) -> Tally:
    """Work on due rows one by one until none is due."""
    each = Each(work_one, stop_at=time.monotonic() + job.seconds)
    return _run(job, lambda lease, tally: _work_each(job, lease, each, tally))


def _run(job: Job, work: Callable[[Lease, Tally], None]) -> Tally:
    tally = Tally()
    unsettled.settle(job.engine)
    stop_at = time.monotonic() + job.seconds
    try:
        while time.monotonic() < stop_at and not unsettled.is_any():
            lease = lifecycle.claim(
                job.engine, job.table, job.who, job.config, job.only
            )
            if lease is None:
                break
            crumbs.leave("claim", list(lease.rows))
            further = tally.ended[FURTHER]
            with telling(job.table, tally.deaths):
                _bury_poison(job, lease, tally)
                work(lease, tally)
            if not lease.more and tally.ended[FURTHER] == further:
                break
    except SoftTimeLimitExceeded:
        # Nobody knows which row took so long: as after a crash, smaller groups.
        lifecycle.free_leases(job.engine, job.table, job.who.task_id)
        raise
    return tally


def _bury_poison(job: Job, lease: Lease, tally: Tally) -> None:
    poison = {
        row.id: Failure(Verdict.PERMANENT, "Poison", POISON.format(row.crashes))
        for row in lease.rows.values()
        if row.crashes >= job.config.crash_limit
    }
    if poison:
        buried = Tally()
        with job.engine.begin() as connection:
            lifecycle.hold(connection, lease, list(poison))
            _settle(connection, job, lease, poison, buried)
        tally.add(buried)


def _work_batch(job: Job, lease: Lease, apply: Apply, tally: Tally) -> None:
    batch = Tally()
    try:
        with job.engine.begin() as connection:
            mine = lifecycle.hold(connection, lease)
            results = _apply_or_split(connection, mine, apply, batch)
            _settle(connection, job, lease, results, batch)
    except LostLeaseError:
        log.warning("lease_lost", table=job.table.name, rows=len(lease.rows))
        return
    except Exception as error:
        failure = failure_of(error)
        if failure.verdict is not Verdict.MACHINERY:
            raise
        _put_off_all(job, lease, failure, tally)
        return
    tally.add(batch)


def _apply_or_split(
    connection: Connection, ids: Sequence[int], apply: Apply, tally: Tally
) -> dict[int, Result]:
    """Apply a batch; where it fails, its halves, down to the row at fault."""
    if not ids:
        return {}
    try:
        with connection.begin_nested():
            return dict(apply(connection, ids))
    except (LostLeaseError, SoftTimeLimitExceeded):
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure.verdict is Verdict.MACHINERY:
            raise
        if len(ids) == 1:
            log.warning("row_failed", error=failure.sentence, row=ids[0])
            return {ids[0]: failure}
        log.warning("batch_split", error=failure.sentence, rows=len(ids))
    tally.splits += 1
    middle = len(ids) // 2
    left = _apply_or_split(connection, ids[:middle], apply, tally)
    return left | _apply_or_split(connection, ids[middle:], apply, tally)


def _work_each(job: Job, lease: Lease, each: Each, tally: Tally) -> None:
    alive = [
        row for row in lease.rows if lease.rows[row].crashes < job.config.crash_limit
    ]
    for number, row_id in enumerate(alive):
        if unsettled.is_any():
            return  # the database is away: the whole claim is kept there
        if time.monotonic() > each.stop_at:
            unsettled.give_back(job.engine, lease, alive[number:])
            return
        _work_one(job, lease, row_id, each.work_one, tally)


def _work_one(
    job: Job, lease: Lease, row_id: int, work_one: WorkOne, tally: Tally
) -> None:
    try:
        result = work_one(job.engine, lease, row_id)
    except SoftTimeLimitExceeded:
        raise
    except LostLeaseError:
        log.warning("lease_lost", table=job.table.name, row=row_id)
        return
    except Exception as error:  # noqa: BLE001 (every error ends in a row)
        result = failure_of(error)
    if isinstance(result, Ending):
        tally.ended[result.state] += 1
    elif isinstance(result, Again):
        tally.ended[FURTHER] += 1
    elif result is not None:
        _write_verdict(job, lease, {row_id: result}, tally)


def _settle(
    connection: Connection,
    job: Job,
    lease: Lease,
    results: Mapping[int, Result],
    tally: Tally,
) -> None:
    """Write each row's end or failure, as the last step of the work's transaction."""
    endings = {row: r for row, r in results.items() if isinstance(r, Ending)}
    failures = {row: r for row, r in results.items() if isinstance(r, Failure)}
    lifecycle.finish(connection, lease, endings)
    put_off = fail(connection, lease, failures, job.config)
    for ending in endings.values():
        tally.ended[ending.state] += 1
    for row_id, failure in failures.items():
        if row_id in put_off.letters:
            death = Death(failure, put_off.letters[row_id])
            tally.bury(f"{job.table.name}:{row_id}", death)
        else:
            tally.put_off_until(put_off.waits[row_id])


def _put_off_all(job: Job, lease: Lease, failure: Failure, tally: Tally) -> None:
    log.warning("machinery_failed", error=failure.sentence, rows=len(lease.rows))
    living = [
        row for row in lease.rows.values() if row.crashes < job.config.crash_limit
    ]
    _write_verdict(job, lease, {row.id: failure for row in living}, tally)


def _write_verdict(
    job: Job, lease: Lease, failures: Mapping[int, Failure], tally: Tally
) -> None:
    for wait in VERDICT_WAITS_SECONDS:
        written = Tally()
        try:
            with job.engine.begin() as connection:
                mine = lifecycle.hold(connection, lease, list(failures))
                ours = {row_id: failures[row_id] for row_id in mine}
                _settle(connection, job, lease, ours, written)
        except Exception as error:
            if failure_of(error).verdict is not Verdict.MACHINERY:
                raise
            time.sleep(wait)
        else:
            tally.add(written)
            return
    unsettled.remember(lease)
    for _ in failures:
        tally.put_off_until(timedelta(seconds=job.config.lease_seconds))
