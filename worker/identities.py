"""Gives customers the learner of their address, and addresses the learner they have.

The rule is ``models/address_book.py``; here it is read and written, under the locks of
the customers and of every address that plays a part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from models.address_book import AddressBook
from models.key import Key
from models.people import IdentityKind
from models.snapshots import CustomerSnapshot
from worker import people_statements as sql
from worker.causes import Cause, of_event
from worker.standing import Standing, identity_of

Told = Mapping[Key, CustomerSnapshot]


@dataclass(frozen=True, slots=True)
class Identified:
    """Who is whose learner by now."""

    #: Of every customer that was told, and of those who shared a learner with one.
    learners: Mapping[Key, int] = field(default_factory=dict)
    #: The customers whose learner is new to them, and why.
    changed: Mapping[Key, Cause] = field(default_factory=dict)
    #: Learners that customers came to from others or left, and why.
    parted: Mapping[int, Cause] = field(default_factory=dict)
    #: Learners that nobody has any more, and whose their last customer is.
    heirs: Mapping[int, int] = field(default_factory=dict)


def identify(
    connection: Connection, told: Told, standing: Mapping[Key, Standing]
) -> Identified:
    """Settle whose the told customers are.

    Args:
        connection: The transaction that holds the customers' locks.
        told: The customers as they are by now.
        standing: Whose they were, and under which address.
    """
    if not told:
        return Identified()
    emails = {key: one.email_key for key, one in told.items()}
    left = {a for key in told for a in standing[key].addresses}
    wanted = sorted({*emails.values(), *left})
    connection.execute(sql.LOCK_ADDRESSES, {"emails": wanted})
    book = _open(connection, emails, standing, wanted)
    before = AddressBook(dict(book.learners), dict(book.addresses), {})
    book.settle(emails)
    made = _make(connection, book, told)
    _write(connection, book, before, made)
    return _identified(book, before, made, told)


def _open(
    connection: Connection,
    emails: Mapping[Key, str],
    standing: Mapping[Key, Standing],
    wanted: list[str],
) -> AddressBook:
    by_identity = {identity_of(key): key for key in emails}
    parameters = {"customers": sorted(by_identity), "emails": wanted}
    book = AddressBook({}, {}, {})
    for row in connection.execute(sql.FIND, parameters):
        if row.kind == IdentityKind.EMAIL:
            book.addresses[row.value] = row.learner_id
        else:
            book.learners[by_identity[row.value]] = row.learner_id
    for key, learner in book.learners.items():
        stays = book.addresses.get(emails[key]) == learner
        before = emails[key] if stays else next(iter(standing[key].addresses), "")
        book.homes[key] = before
    movers = [key for key, home in book.homes.items() if home != emails[key]]
    _add_companions(connection, book, {book.learners[key] for key in movers})
    return book


def _add_companions(
    connection: Connection, book: AddressBook, learners: set[int]
) -> None:
    if not learners:
        return
    found = connection.execute(sql.COMPANIONS, {"learners": sorted(learners)})
    for row in found:
        key = Key(row.provider, row.id)
        book.learners.setdefault(key, row.learner_id)
        # Of those that are told the ledger has the new address already.
        book.homes.setdefault(key, row.email_key)


def _make(connection: Connection, book: AddressBook, told: Told) -> dict[int, int]:
    """Make the learners that the book asks for; return their ids."""
    if not book.made:
        return {}
    # A companion is not told of: what the ledger says of it is filled in when named.
    people = [told.get(key) for key in book.made]
    parameters = {
        "emails": [
            book.homes[key] if one is None else one.email
            for key, one in zip(book.made, people, strict=True)
        ],
        "names": [one and one.name for one in people],
        "locales": [one and one.locale for one in people],
    }
    ids = sorted(connection.execute(sql.MAKE, parameters).scalars())
    return {-place: id_ for place, id_ in enumerate(ids, 1)}


def _write(
    connection: Connection, book: AddressBook, before: AddressBook, made: dict[int, int]
) -> None:
    gone = sorted(before.addresses.keys() - book.addresses.keys())
    if gone:
        connection.execute(sql.FORGET, {"emails": gone})
    told = sorted(
        [
            (IdentityKind.CUSTOMER.value, identity_of(key), made.get(learner, learner))
            for key, learner in book.learners.items()
            if before.learners.get(key) != learner
        ]
        + [
            (IdentityKind.EMAIL.value, address, made.get(learner, learner))
            for address, learner in book.addresses.items()
            if before.addresses.get(address) != learner
        ]
    )
    if told:
        kinds, values, ids = (list(column) for column in zip(*told, strict=True))
        parameters = {"kinds": kinds, "values": values, "learners": ids}
        connection.execute(sql.IDENTIFY, parameters)


def _identified(
    book: AddressBook, before: AddressBook, made: dict[int, int], told: Told
) -> Identified:
    learners = {key: made.get(one, one) for key, one in book.learners.items()}
    changed = {
        key: _cause_of(key, before, told)
        for key, learner in learners.items()
        if before.learners.get(key) != learner
    }
    parted = {
        learner: cause
        for key, cause in changed.items()
        if key in before.learners
        for learner in (before.learners[key], learners[key])
    }
    heirs = {learner: learners[key] for learner, key in book.left.items()}
    return Identified(learners, changed, parted, heirs)


def _cause_of(key: Key, before: AddressBook, told: Told) -> Cause:
    """Return what moved a customer: its own event, or that of one it was with."""
    with_it = (
        other
        for other in sorted(told)
        if before.learners.get(other) == before.learners.get(key)
    )
    mover = key if key in told else next(with_it)
    return of_event(told[mover].clock.event)
