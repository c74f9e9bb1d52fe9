"""Whose customers are, as the tables have it before a batch changes anything."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from models.key import Key
from worker import people_statements as sql
from worker.bulk import keys_of


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer stands."""

    #: The learner of its address; None: no event told of the customer yet.
    learner_id: int | None
    #: The user that this learner turned out to be.
    merged_user: str | None
    #: The address under which the learner is known.
    addresses: frozenset[str]
    #: The user ids under which the customer bought.
    users: frozenset[str]


def identity_of(key: Key) -> str:
    """Return the value under which a customer is a learner's identity."""
    return f"{key.provider}:{key.id}"


def stand(connection: Connection, customers: Iterable[Key]) -> dict[Key, Standing]:
    """Return how customers stand."""
    ordered = sorted(set(customers))
    if not ordered:
        return {}
    return {
        Key(row.provider, row.id): Standing(
            row.learner_id,
            row.merged_user,
            frozenset(row.addresses),
            frozenset(row.users),
        )
        for row in connection.execute(sql.STANDING, keys_of(ordered))
    }
