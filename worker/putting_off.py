"""What becomes of a row that failed: it waits, or it is buried."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from worker import statements
from worker.dead_letters import Burial, bury
from worker.failures import Failure, Verdict
from worker.lifecycle import ClaimedRow, Lease, expect_all
from worker.settings import Settings
from worker.work_tables import Claimant, WorkTable


@dataclass(frozen=True, slots=True)
class PutOff:
    """What became of failed rows: the dead letter's id of each that died; waits."""

    letters: Mapping[int, int]
    waits: Mapping[int, timedelta]


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
    expect_all(changed, len(plans), lease)
    dead = [row_id for row_id, plan in plans.items() if plan.state != "pending"]
    burials = [
        Burial(row_id, lease.rows[row_id].attempts, failures[row_id]) for row_id in dead
    ]
    if dead and lease.table.forgets:
        forget = statements.of(statements.FORGET, lease.table.name)
        connection.execute(forget, {"ids": dead})
    who = Claimant(lease.task_id, lease.worker)
    letters = bury(connection, lease.table, who, burials)
    return PutOff(letters, {row_id: plan.wait for row_id, plan in plans.items()})


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
