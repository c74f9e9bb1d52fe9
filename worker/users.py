"""Which user of the shop a learner is, derived from all that it bought.

If everything that carries a user id carries the same one, whatever came without is that
user's too. Derived anew each time, so neither merging nor parting depends on order.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from models.access import BY_HAND
from models.findings import FindingKind
from models.key import Key
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from worker import findings, ledger
from worker import people_statements as sql
from worker.causes import Cause
from worker.findings import Found
from worker.grants import tell
from worker.people import Circle, belongings_of
from worker.settings import settings

#: The cause of a change that somebody else's purchase brought.
MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Linked:
    """What is another learner's than before, each with its cause."""

    transactions: Mapping[Key, Cause] = field(default_factory=dict)
    subscriptions: Mapping[Key, Cause] = field(default_factory=dict)
    #: Ids of the new rows of ``access_changes``, of what was given by hand.
    changes: Sequence[int] = ()


def link(connection: Connection, circle: Circle) -> Linked:
    """Derive whose user each learner of the circle is, from the ledger as it is now.

    Args:
        connection: The transaction that holds the learners' locks, and has written.
        circle: Whom it is about.

    Returns:
        What is to be recomputed, locked; grants by hand have been handed over.
    """
    if not circle.linked and not circle.left:
        return Linked()
    customers = connection.execute(sql.USED, {"learners": sorted(circle.linked)}).all()
    connection.execute(sql.NAME_USERS, {"users": sorted(circle.users)})
    _note_two_users(connection, customers)
    merged = _merge(connection, customers)
    causes = {
        learner: Cause(MERGE, circle.linked[learner].ref) for learner in merged.learners
    }
    belongings = belongings_of(connection, causes)
    # Locked already but for the rare one whose user id was taken back.
    ledger.lock(connection, TransactionSnapshot, belongings["transactions"])
    ledger.lock(connection, SubscriptionSnapshot, belongings["subscriptions"])
    holders = merged.holders | set(circle.left)
    cause = next(iter(circle.linked.values()), None)
    changes = _hand_over(connection, holders, cause)
    return Linked(
        {key: causes[of] for key, of in belongings["transactions"].items()},
        {key: causes[of] for key, of in belongings["subscriptions"].items()},
        changes,
    )


@dataclass(frozen=True, slots=True)
class _Merged:
    learners: Collection[int]
    #: Who may hold grants by hand of theirs.
    holders: set[int]


def _merge(connection: Connection, customers: Collection[Row[Any]]) -> _Merged:
    """Point learners to the user they are, and return those for whom it is another."""
    users: dict[int, set[str]] = defaultdict(set)
    for row in customers:
        users[row.learner_id].update(row.users)
    before = {row.learner_id: row for row in customers}
    # A token proves the user, never the address that was typed beside it.
    may_merge = settings().learner_addresses_verified
    told = {}
    for learner, known in sorted(users.items()):
        user = next(iter(known)) if may_merge and len(known) == 1 else None
        if user != before[learner].merged_user:
            told[learner] = user
    if told:
        parameters = {"learners": list(told), "users": list(told.values())}
        connection.execute(sql.MERGE, parameters)
    before_them = {before[one].merged_into for one in told} - {None}
    return _Merged(told, {*told, *before_them})


def _note_two_users(connection: Connection, customers: Collection[Row[Any]]) -> None:
    kind = FindingKind.TWO_USERS
    found = [
        Found(kind, row.id, row.learner_id, detail={"users": len(row.users)})
        for row in customers
        if len(row.users) > 1
    ]
    findings.note(connection, [row.id for row in customers], (kind,), found)


def _hand_over(
    connection: Connection, holders: Collection[int], cause: Cause | None
) -> list[int]:
    """Give what was given by hand to whoever its learner turned out to be."""
    if not holders or cause is None:
        return []
    parameters = {"holders": sorted(holders), "by_hand": [one.value for one in BY_HAND]}
    grants = connection.execute(sql.BY_HAND, parameters).all()
    if not grants:
        return []
    moved = {"ids": [g.id for g in grants], "holders": [g.holder for g in grants]}
    connection.execute(sql.HAND_OVER, moved)
    told = {
        (learner, g.course_key): Cause(MERGE, cause.ref)
        for g in grants
        for learner in (g.learner_id, g.holder)
    }
    return tell(connection, told)
