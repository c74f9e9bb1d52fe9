"""What belongs to a learner, a purchase, a subscription or an event."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from models.access import GrantSource
from models.key import Key
from worker.bulk import keys_of
from worker.explain import statements as sql
from worker.providers.registry import PROVIDERS

#: Of a buyer's purchases, or of a subscription's charges, the newest; and of events.
MOST_SOURCES = 200
MOST_EVENTS = 1_000


@dataclass(slots=True)
class Scope:
    """What is told of; rows as the tables have them."""

    #: The course that was asked for; None: all.
    course: str | None = None
    learners: dict[int, Row[Any]] = field(default_factory=dict)
    customers: set[Key] = field(default_factory=set)
    transactions: dict[Key, Row[Any]] = field(default_factory=dict)
    subscriptions: dict[Key, Row[Any]] = field(default_factory=dict)
    adjustments: list[Row[Any]] = field(default_factory=list)
    grants: list[Row[Any]] = field(default_factory=list)
    enrollments: list[Row[Any]] = field(default_factory=list)
    #: Rows of the inbox.
    events: set[int] = field(default_factory=set)
    #: What was asked for by its own name: told of even where it means little.
    asked: set[Key] = field(default_factory=set)
    #: There is more than is told.
    is_capped: bool = False

    @property
    def entities(self) -> set[Key]:
        """All that an event can be about."""
        adjusted = {Key(one.provider, one.id) for one in self.adjustments}
        return {*self.customers, *self.transactions, *self.subscriptions, *adjusted}


def of_learner(connection: Connection, learner: int, course: str | None) -> Scope:
    """Return all of a learner, or what bears on one course."""
    scope = Scope(course=course)
    persons = _find(connection, sql.PERSONS, learners=[learner])
    scope.learners = {row.id: row for row in persons}
    ids = {"learners": list(scope.learners)}
    scope.customers = _keys(_find(connection, sql.CUSTOMERS_OF, **ids))
    scope.grants = [
        grant
        for grant in _find(connection, sql.GRANTS_OF_LEARNERS, **ids)
        if course in (None, grant.course_key)
    ]
    transactions = _bought(connection, "transactions", scope)
    subscriptions = _bought(connection, "subscriptions", scope)
    given = _sources(scope.grants)
    if course is not None:
        # What gives another course tells nothing of this one.
        others = _sources(_find(connection, sql.GRANTS_OF_LEARNERS, **ids))
        transactions -= others[GrantSource.PURCHASE]
        subscriptions -= others[GrantSource.SUBSCRIPTION]
    return _complete(
        connection,
        scope,
        transactions | given[GrantSource.PURCHASE],
        subscriptions | given[GrantSource.SUBSCRIPTION],
    )


def of_sources(
    connection: Connection,
    transactions: Collection[Key] = (),
    subscriptions: Collection[Key] = (),
    customers: Collection[Key] = (),
) -> Scope:
    """Return what belongs to purchases, subscriptions and customers without learner."""
    scope = Scope(customers=set(customers))
    scope.asked = {*transactions, *subscriptions}
    bought = _bought(connection, "transactions", scope)
    subscribed = _bought(connection, "subscriptions", scope)
    rows = _find(connection, sql.TRANSACTIONS, **keys_of(transactions))
    named = {Key(r.provider, r.subscription_id) for r in rows if r.subscription_id}
    sources = {*transactions, *subscriptions, *named}
    scope.grants = _find(connection, sql.GRANTS_OF_SOURCES, **keys_of(sorted(sources)))
    return _complete(
        connection,
        scope,
        {*transactions, *bought},
        {*subscriptions, *named, *subscribed},
    )


def _complete(
    connection: Connection,
    scope: Scope,
    transactions: set[Key],
    subscriptions: set[Key],
) -> Scope:
    parameters = {**keys_of(sorted(subscriptions)), "most": MOST_SOURCES}
    charged = _find(connection, sql.OF_SUBSCRIPTIONS, **parameters)
    scope.is_capped |= len(charged) == MOST_SOURCES
    every = keys_of(sorted(transactions | _keys(charged)))
    rows = _find(connection, sql.TRANSACTIONS, **every)
    scope.transactions = {Key(row.provider, row.id): row for row in rows}
    rows = _find(connection, sql.SUBSCRIPTIONS, **keys_of(sorted(subscriptions)))
    scope.subscriptions = {Key(row.provider, row.id): row for row in rows}
    scope.adjustments = _find(connection, sql.ADJUSTMENTS, **every)
    sources = [*scope.transactions.values(), *scope.subscriptions.values()]
    scope.customers |= {
        Key(r.provider, r.customer_id) for r in sources if r.customer_id
    }
    _add_learners(connection, scope)
    places = {(grant.learner_id, grant.course_key) for grant in scope.grants}
    found = _find(connection, sql.ENROLLMENTS, learners=list(scope.learners))
    scope.enrollments = [
        row
        for row in found
        if scope.course in (None, row.course_key)
        if not scope.asked or (row.learner_id, row.course_key) in places
    ]
    _add_events(connection, scope)
    return scope


def _add_learners(connection: Connection, scope: Scope) -> None:
    if scope.learners:
        return
    ids = [f"{key.provider}:{key.id}" for key in scope.customers]
    owners = _find(connection, sql.LEARNERS_OF, customers=ids)
    known = {row.learner_id for row in owners} | {g.learner_id for g in scope.grants}
    rows = _find(connection, sql.PERSONS, learners=sorted(known))
    scope.learners = {row.id: row for row in rows}
    # The other reasons for the same courses: any of them keeps the access.
    places = {(grant.learner_id, grant.course_key) for grant in scope.grants}
    own = {grant.id for grant in scope.grants}
    scope.grants += [
        grant
        for grant in _find(
            connection, sql.GRANTS_OF_LEARNERS, learners=list(scope.learners)
        )
        if grant.id not in own and (grant.learner_id, grant.course_key) in places
    ]


def _add_events(connection: Connection, scope: Scope) -> None:
    """Find events by what they told of, and those that the ledger still names."""
    enrollments = [row.id for row in scope.enrollments]
    asked = {**keys_of(scope.transactions), "enrollments": enrollments}
    causes = set(connection.execute(sql.CAUSES, asked).scalars())
    rows = [
        *scope.transactions.values(),
        *scope.subscriptions.values(),
        *scope.adjustments,
        *_find(connection, sql.CUSTOMERS, **keys_of(sorted(scope.customers))),
    ]
    causes |= {row.clock_event for row in rows if row.clock_event}
    parameters = {
        **keys_of(sorted(scope.entities)),
        "every": list(PROVIDERS),
        "events": sorted(causes),
        "most": MOST_EVENTS,
    }
    found = set(connection.execute(sql.EVENTS_OF, parameters).scalars())
    scope.is_capped |= len(found) == MOST_EVENTS
    scope.events |= found


def _bought(connection: Connection, table: str, scope: Scope) -> set[Key]:
    if not scope.customers:
        return set()
    order = "ORDER BY opened_at DESC NULLS LAST LIMIT :most"
    statement = text(f"{sql.BOUGHT.format(table=table)} {order}")
    parameters = {**keys_of(sorted(scope.customers)), "most": MOST_SOURCES}
    found = _find(connection, statement, **parameters)
    scope.is_capped |= len(found) == MOST_SOURCES
    return _keys(found)


def _sources(grants: Iterable[Row[Any]]) -> dict[str, set[Key]]:
    found: dict[str, set[Key]] = {kind: set() for kind in GrantSource}
    for grant in grants:
        found[grant.source].add(Key(grant.provider, grant.source_id))
    return found


def _keys(rows: Iterable[Row[Any]]) -> set[Key]:
    return {Key(row.provider, row.id) for row in rows}


def _find(
    connection: Connection, statement: TextClause, **parameters: object
) -> list[Row[Any]]:
    return list(connection.execute(statement, parameters))
