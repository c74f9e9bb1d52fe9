"""The one lifecycle of a row of work: claim, hold, finish, fail.

A claim is a transaction of its own, committed before the work begins, so that a
process that dies leaves a trace. The work is one other transaction that begins with
``hold`` and ends with ``finish`` or ``fail``; whoever has lost the lease meanwhile
changes nothing. Leases run on the database's clock alone.
"""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine

from models.work import SCHEMA_VERSION
from worker import statements
from worker.dead_letters import Burial, bury
from worker.errors import LostLeaseError
from worker.failures import Failure, Verdict
from worker.settings import Settings
from worker.work_tables import Claimant, WorkTable

#: After one crash a row is worked on in groups of ten, after two alone, so that a
#: poisonous row is found without its neighbours dying with it.
ROWS_AFTER_ONE_CRASH = 10
ROWS_AFTER_TWO_CRASHES = 1


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """What a claim tells of a row."""

    id: int
    attempts: int
    failures: int
    crashes: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on some rows of one table, by this process, for a limited time."""

    table: WorkTable
    token: uuid.UUID
    task_id: str
    worker: str
    rows: Mapping[int, ClaimedRow]
    #: Whether there was more that was due than this claim took.
    more: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a row ended well: its last state and, where not plain, the reason."""

    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """A row that is not at its end: it goes on after a while."""

    wait: timedelta = timedelta()
    #: Whether it has come further, and what failed before is over.
    is_further: bool = True


@dataclass(frozen=True, slots=True)
class PutOff:
    """What became of failed rows: the dead letter's id of each that died; waits."""

    letters: Mapping[int, int]
    waits: Mapping[int, timedelta]


def claim(
    engine: Engine, table: WorkTable, who: Claimant, config: Settings
) -> Lease | None:
    """Claim due rows, oldest first, and commit. None: nothing is due.

    The ids of a ring are no argument: whatever is due is taken in order, so a backlog
    of single rings still drains in batches, and no ring can push past older rows.
    """
    token = uuid.uuid4()
    with engine.begin() as connection:
        found = connection.execute(
            statements.of(statements.CLAIM, table.name),
            {
                "version": SCHEMA_VERSION,
                "rows": config.batch_rows,
                "tens": min(ROWS_AFTER_ONE_CRASH, config.batch_rows),
                "ones": ROWS_AFTER_TWO_CRASHES,
                "token": token,
                "task_id": who.task_id,
                "lease": timedelta(seconds=config.lease_seconds),
            },
        ).all()
    if not found:
        return None
    rows = {row.id: ClaimedRow(*row[:4]) for row in sorted(found)}
    more = found[0].due > len(rows) or len(rows) >= config.batch_rows
    return Lease(table, token, who.task_id, who.worker, rows, more)


def hold(
    connection: Connection,
    lease: Lease,
    ids: Sequence[int] | None = None,
) -> list[int]:
    """Lock the rows that are still ours, in id order; the work handles only these."""
    wanted = list(lease.rows) if ids is None else list(ids)
    statement = statements.of(statements.HOLD, lease.table.name)
    parameters = {"token": lease.token, "ids": wanted}
    return list(connection.execute(statement, parameters).scalars())


def finish(connection: Connection, lease: Lease, endings: Mapping[int, Ending]) -> None:
    """Give rows their last state.

    Raises:
        LostLeaseError: Some row is no longer ours; the caller's transaction must end.
    """
    if not endings:
        return
    changed = connection.execute(
        statements.of(statements.FINISH, lease.table.name),
        {
            "ids": list(endings),
            "states": [ending.state for ending in endings.values()],
            "reasons": [ending.reason for ending in endings.values()],
            "token": lease.token,
        },
    ).rowcount
    _expect_all(changed, len(endings), lease)


def go_on(connection: Connection, lease: Lease, row_id: int, again: Again) -> None:
    """Let a row that is not at its end be due again.

    Raises:
        LostLeaseError: It is no longer ours; the caller's transaction must end.
    """
    changed = connection.execute(
        statements.of(statements.GO_ON, lease.table.name),
        {
            "id": row_id,
            "wait": again.wait,
            "further": again.is_further,
            "token": lease.token,
        },
    ).rowcount
    _expect_all(changed, 1, lease)


def fail(
    connection: Connection,
    lease: Lease,
    failures: Mapping[int, Failure],
    config: Settings,
) -> PutOff:
    """Put rows off, or bury those for which no other attempt will help.

    Raises:
        LostLeaseError: Some row is no longer ours; the caller's transaction must end.
    """
    if not failures:
        return PutOff({}, {})
    _note_attempts(connection, lease, failures)
    plans = {
        row_id: _plan(lease.table, lease.rows[row_id], failure, config)
        for row_id, failure in failures.items()
    }
    changed = connection.execute(
        statements.of(statements.PUT_OFF, lease.table.name),
        {
            "ids": list(plans),
            "states": [plan.state for plan in plans.values()],
            "counted": [
                int(failure.verdict is not Verdict.MACHINERY)
                for failure in failures.values()
            ],
            "errors": [failure.sentence for failure in failures.values()],
            "waits": [plan.wait for plan in plans.values()],
            "token": lease.token,
        },
    ).rowcount
    _expect_all(changed, len(plans), lease)
    dead = [row_id for row_id, plan in plans.items() if plan.state != "pending"]
    burials = [
        Burial(row_id, lease.rows[row_id].attempts, failures[row_id]) for row_id in dead
    ]
    who = Claimant(lease.task_id, lease.worker)
    letters = bury(connection, lease.table, who, burials)
    return PutOff(letters, {row_id: plan.wait for row_id, plan in plans.items()})


def release(
    connection: Connection, lease: Lease, ids: Sequence[int], *, uncount: bool = False
) -> None:
    """Give rows back as due at once.

    Args:
        connection: An open transaction.
        lease: The claim that holds them.
        ids: Which rows.
        uncount: The rows were not begun: the claim does not count as an attempt.
    """
    parameters = {"ids": list(ids), "token": lease.token, "uncount": int(uncount)}
    connection.execute(statements.of(statements.RELEASE, lease.table.name), parameters)


def free_leases(engine: Engine, table: WorkTable, task_id: str) -> int:
    """Make the rows of a task that ended without a verdict due at once.

    Their tokens stay, so that the next claim counts the crash.

    Returns:
        How many rows there were.
    """
    with engine.begin() as connection:
        statement = statements.of(statements.FREE, table.name)
        return connection.execute(statement, {"task_id": task_id}).rowcount


@dataclass(frozen=True, slots=True)
class _Plan:
    state: str
    wait: timedelta


def _plan(
    table: WorkTable, row: ClaimedRow, failure: Failure, config: Settings
) -> _Plan:
    policy = table.policy(config)
    spread = random.random()  # noqa: S311 (jitter, no secret)
    if failure.verdict is Verdict.MACHINERY:
        wait = max(policy.wait(row.attempts, spread), failure.wait_at_least)
        return _Plan("pending", wait)
    failures = row.failures + 1
    if failure.verdict is Verdict.PERMANENT or failures >= policy.limit:
        return _Plan(table.dead, timedelta())
    wait = max(policy.wait(failures, spread), failure.wait_at_least)
    return _Plan("pending", wait)


def _note_attempts(
    connection: Connection, lease: Lease, failures: Mapping[int, Failure]
) -> None:
    connection.execute(
        statements.ATTEMPTS,
        {
            "table": lease.table.name,
            "task_id": lease.task_id,
            "worker": lease.worker,
            "ids": list(failures),
            "numbers": [lease.rows[row_id].attempts for row_id in failures],
            "classes": [failure.error_class for failure in failures.values()],
            "errors": [failure.error for failure in failures.values()],
        },
    )


def _expect_all(changed: int, expected: int, lease: Lease) -> None:
    if changed != expected:
        message = f"{expected - changed} rows of {lease.table.name} were taken over"
        raise LostLeaseError(message)
