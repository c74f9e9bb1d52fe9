"""Who buys: the learner of an address, and the user of the shop it turns out to be.

A session that touches a customer holds the locks of all that share its address: what
they bought is one person's, so nobody records a purchase while another merges them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from models.key import Key
from models.snapshots import CustomerSnapshot
from worker import people_statements as sql
from worker.bulk import keys_of
from worker.causes import Cause
from worker.identities import Identified, identify
from worker.standing import Standing, stand

#: A customer, and a user id under which it is told to have bought.
Claim = tuple[Key, str]


@dataclass(frozen=True, slots=True)
class Circle:
    """Whom a batch is about."""

    #: Customers whose learner is new to them, and why: what they bought is that one's.
    changed: Mapping[Key, Cause] = field(default_factory=dict)
    #: The learners of an address whose user is to be derived again, and why.
    linked: Mapping[int, Cause] = field(default_factory=dict)
    #: The user ids that play a part.
    users: Collection[str] = ()
    #: Learners that nobody has any more: what was given to them by hand is another's.
    left: Collection[int] = ()
    #: What has to be locked because its learner is about to change.
    transactions: Collection[Key] = ()
    subscriptions: Collection[Key] = ()


def neighbours(
    connection: Connection, customers: Iterable[Key], told: Iterable[CustomerSnapshot]
) -> set[Key]:
    """Return the customers and all that have, or are told to get, one's address."""
    asked = set(customers)
    if not asked:
        return asked
    emails = sorted({one.email_key for one in told})
    found = connection.execute(
        sql.NEIGHBOURS, {**keys_of(sorted(asked)), "emails": emails}
    )
    return asked | {Key(*row) for row in found}


def recognise(
    connection: Connection,
    customers: Mapping[Key, Cause | None],
    told: Mapping[Key, CustomerSnapshot],
    claims: Collection[Claim],
) -> Circle:
    """Give each customer a learner, and learners their customer's newest data.

    Args:
        connection: The transaction that holds the customers' locks.
        customers: All of them, and the event that speaks of each.
        told: Those that are written anew.
        claims: What the batch says of user ids.
    """
    standing = stand(connection, customers)
    found = identify(connection, told, standing)
    pairs = {(key, user) for key, one in standing.items() for user in one.users}
    pairs |= set(claims)
    linked = _linked(customers, pairs, found, standing)
    users = {user for _, user in pairs}
    _make_users(connection, pairs, standing)
    _lock_and_name(
        connection, {found.learners[key] for key in told}, found, linked, users
    )
    about = _expected(linked, pairs, found, standing)
    belongings = belongings_of(connection, about)
    return Circle(
        changed=found.changed,
        linked=linked,
        users=users,
        left=found.heirs.keys(),
        transactions=belongings["transactions"].keys(),
        subscriptions=belongings["subscriptions"].keys(),
    )


def belongings_of(
    connection: Connection, learners: Collection[int]
) -> dict[str, dict[Key, int]]:
    """Return by table what the customers of some learners bought, and whose it is."""
    found: dict[str, dict[Key, int]] = {"transactions": {}, "subscriptions": {}}
    if learners:
        parameters = {"learners": sorted(learners)}
        for row in connection.execute(sql.BELONGINGS, parameters):
            found[row.source][Key(row.provider, row.id)] = row.learner_id
    return found


def _linked(
    customers: Mapping[Key, Cause | None],
    pairs: Iterable[Claim],
    found: Identified,
    standing: Mapping[Key, Standing],
) -> dict[int, Cause]:
    """Return the learners of whom users are told, or that customers left or joined."""
    involved = {_learner_of(key, found, standing) for key, _ in pairs}
    causes = dict(found.parted)
    for key in sorted(customers):
        cause = customers[key]
        learner = _learner_of(key, found, standing)
        if cause is not None and learner is not None and learner in involved:
            causes[learner] = cause
    return causes


def _make_users(
    connection: Connection, pairs: Iterable[Claim], standing: Mapping[Key, Standing]
) -> None:
    """Make the learners of user ids that are met for the first time."""
    new = sorted(
        (*key, user) for key, user in pairs if standing[key].merged_user != user
    )
    if new:
        providers, ids, users = (list(column) for column in zip(*new, strict=True))
        bought = {"providers": providers, "ids": ids, "users": users}
        connection.execute(sql.MAKE_USERS, bought)
        connection.execute(sql.IDENTIFY_USERS, {"users": sorted(set(users))})


def _lock_and_name(
    connection: Connection,
    told: Collection[int],
    found: Identified,
    linked: Mapping[int, Cause],
    users: Collection[str],
) -> None:
    named = sorted({*told, *found.parted})
    locked = sorted({*named, *linked, *found.heirs, *found.heirs.values()})
    if not locked:
        return
    parameters = {"learners": locked, "users": sorted(users)}
    connection.execute(sql.LOCK_LEARNERS, parameters)
    if named:
        connection.execute(sql.NAME, {"learners": named})
    for learner, heir in found.heirs.items():
        connection.execute(sql.GIVE_UP, {"learner": learner, "heir": heir})


def _expected(
    linked: Mapping[int, Cause],
    pairs: Iterable[Claim],
    found: Identified,
    standing: Mapping[Key, Standing],
) -> set[int]:
    """Return the learners whose user will probably change; ``link`` knows for sure."""
    users: dict[int | None, set[str]] = {}
    for key, user in pairs:
        users.setdefault(_learner_of(key, found, standing), set()).add(user)
    merged = {
        one.learner_id: {one.merged_user}
        for one in standing.values()
        if one.merged_user
    }
    return {
        learner
        for learner in linked
        if learner in found.parted
        or _only(users.get(learner, set())) != _only(merged.get(learner, set()))
    }


def _only(users: Collection[str]) -> str | None:
    return next(iter(users)) if len(users) == 1 else None


def _learner_of(
    key: Key, found: Identified, standing: Mapping[Key, Standing]
) -> int | None:
    return found.learners.get(key, standing[key].learner_id)
