"""Finds what an operator means."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, TextClause

from models.key import Key
from worker.errors import PaddlewheelError
from worker.explain import statements as sql
from worker.explain.unsettled import unsettled_about
from worker.learners import find_learner
from worker.providers.registry import PROVIDERS


class Kind(StrEnum):
    """What can be explained; also the word that says which is meant."""

    LEARNER = "learner"
    EVENT = "event"
    TRANSACTION = "transaction"
    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"
    ENROLLMENT = "enrollment"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is meant."""

    kind: Kind
    #: As it is called here; of a learner or an event our own number.
    name: str
    learner: int | None = None
    course: str | None = None
    key: Key | None = None
    #: Rows of the inbox.
    events: frozenset[int] = frozenset()


def find_subject(
    connection: Connection, words: Sequence[str], course: str | None = None
) -> Subject:
    """Return what some words mean.

    Args:
        connection: Where to look; nothing is changed.
        words: An id, an address, or one of the kinds and an id.
        course: Of a learner, the course.

    Raises:
        PaddlewheelError: Nothing is called so, or several things are.
    """
    kinds, name = _split(words)
    # An enrollment's number means nothing without its kind.
    found = [one for kind in kinds for one in _find(connection, kind, name)]
    if {Kind.LEARNER, Kind.CUSTOMER} <= {one.kind for one in found}:
        found = [one for one in found if one.kind is not Kind.CUSTOMER]
    if len(found) > 1:
        both = " and ".join(f"`{one.kind} {name}`" for one in found)
        raise PaddlewheelError(f"There are several of that name: say {both}.")
    if not found and Kind.TRANSACTION in kinds:
        found = _entity(connection, Kind.TRANSACTION, sql.CHECKOUT, name)
    if not found:
        waiting = unsettled_about(connection, {name})
        if not waiting:
            raise PaddlewheelError(_nothing(kinds))
        found = [Subject(Kind.EVENT, name, events=frozenset(waiting))]
    (subject,) = found
    if course is None:
        return subject
    if subject.learner is None:
        raise PaddlewheelError("--course goes with a learner.")
    return Subject(Kind.LEARNER, subject.name, subject.learner, course)


def _split(words: Sequence[str]) -> tuple[list[Kind], str]:
    first, *rest = " ".join(words).split() or [""]
    if rest and first in list(Kind):
        return [Kind(first)], " ".join(rest)
    return [kind for kind in Kind if kind is not Kind.ENROLLMENT], " ".join(words)


def _find(connection: Connection, kind: Kind, name: str) -> list[Subject]:
    if kind is Kind.LEARNER:
        learner = find_learner(connection, name)
        return [] if learner is None else [Subject(kind, str(learner), learner)]
    if kind is Kind.EVENT:
        return _events(connection, name)
    if kind is Kind.ENROLLMENT:
        return _enrollment(connection, name)
    statement = {
        Kind.TRANSACTION: sql.PURCHASED,
        Kind.SUBSCRIPTION: sql.SUBSCRIBED,
        Kind.CUSTOMER: sql.CUSTOMER,
    }[kind]
    return _entity(connection, kind, statement, name)


def _entity(
    connection: Connection, kind: Kind, statement: TextClause, name: str
) -> list[Subject]:
    rows = connection.execute(statement, {"providers": list(PROVIDERS), "id": name})
    return [Subject(kind, row.id, key=Key(row.provider, row.id)) for row in rows]


def _events(connection: Connection, name: str) -> list[Subject]:
    parameters = {
        "providers": list(PROVIDERS),
        "id": name,
        "number": _number(name),
    }
    rows = connection.execute(sql.EVENT, parameters).scalars()
    return [Subject(Kind.EVENT, str(id_), events=frozenset({id_})) for id_ in rows]


def _enrollment(connection: Connection, name: str) -> list[Subject]:
    rows = connection.execute(sql.ENROLLMENT, {"id": _number(name)})
    return [Subject(Kind.ENROLLMENT, name, *row) for row in rows]


def _number(name: str) -> int | None:
    # Longer ones are no number of ours.
    is_number = name.isascii() and name.isdecimal() and len(name) < len(str(2**63))
    return int(name) if is_number else None


def _nothing(kinds: Sequence[Kind]) -> str:
    if len(kinds) == 1:
        return f"There is no such {kinds[0]}."
    return (
        "Nothing here is called so: give an e-mail address, a learner's reference, a user"
        " id, a customer, an event or its number, a transaction or your reference of"
        " it, a subscription, or `enrollment` and its number."
    )
