"""The one lifecycle of a row of work: claim, hold, finish.

A claim is a transaction of its own, committed before the work begins, so that a
process that dies leaves a trace. The work is one other transaction that begins with
``hold`` and ends with ``finish``, or with ``fail`` of ``worker.putting_off``; whoever has
lost the lease meanwhile changes nothing. Leases run on the database's clock alone.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine

from models.work import SCHEMA_VERSION
from worker import statements
from worker.errors import LostLeaseError
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


def claim(
    engine: Engine,
    table: WorkTable,
    who: Claimant,
    config: Settings,
    only: int | None = None,
) -> Lease | None:
    """Claim due rows, oldest first, and commit. None: nothing is due.

    The ids of a ring are no argument: whatever is due is taken in order, so a backlog
    of single rings still drains in batches, and no ring can push past older rows. Who
    waits for one row itself names that one, and gets no other.
    """
    token = uuid.uuid4()
    template = statements.CLAIM if only is None else statements.CLAIM_ONE
    with engine.begin() as connection:
        found = connection.execute(
            statements.of(template, table.name),
            {
                "only": only,
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
    expect_all(changed, len(endings), lease)


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
    expect_all(changed, 1, lease)


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


def expect_all(changed: int, expected: int, lease: Lease) -> None:
    """Check that all rows were still ours.

    Raises:
        LostLeaseError: Some were not; the caller's transaction must end.
    """
    if changed != expected:
        message = f"{expected - changed} rows of {lease.table.name} were taken over"
        raise LostLeaseError(message)
