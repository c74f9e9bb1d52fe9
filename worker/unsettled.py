"""Claims whose verdict could not be written, because the database was away for long.

Kept in this process and made good at its next run: otherwise the lease would run out
and the next claim would take the outage for a crash of the row.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from worker import lifecycle, statements
from worker.lifecycle import Lease

_claims: dict[uuid.UUID, str] = {}


def remember(lease: Lease) -> None:
    """Keep a claim that could not be ended."""
    _claims[lease.token] = lease.table.name


def is_any() -> bool:
    """Tell whether a claim is kept: then the database is away, and no time to claim."""
    return bool(_claims)


def give_back(engine: Engine, lease: Lease, not_begun: Sequence[int]) -> None:
    """Make rows due again that a claim holds and nobody has begun."""
    try:
        with engine.begin() as connection:
            lifecycle.release(connection, lease, not_begun, uncount=True)
    except DBAPIError:
        remember(lease)


def settle(engine: Engine) -> None:
    """Make the rows of kept claims due again, with no crash counted.

    A claim that somebody else has taken over meanwhile is left alone.
    """
    # A shop's threads may be at the same claims: none of them minds.
    for token, table in list(_claims.items()):
        with engine.begin() as connection:
            connection.execute(
                statements.of(statements.SETTLE, table), {"token": token}
            )
        _claims.pop(token, None)
