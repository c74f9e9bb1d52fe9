"""All that ``explain`` tells, put together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from models.inbox import InboxState
from models.key import Key
from worker.explain import statements as sql
from worker.explain.entry import Entry
from worker.explain.facts import Place, Setup, Verdict
from worker.explain.reading import read_places, read_sources, read_waiting
from worker.explain.scope import Scope, of_learner, of_sources
from worker.explain.subject import Kind, Subject
from worker.explain.time_line import TimeLine
from worker.explain.unsettled import named_by, pending_of, unsettled_about
from worker.explain.verdicts import verdict_of
from worker.explain.waiting import verdicts_of
from worker.explain.work import event_ended, event_verdict
from worker.settings import Settings

_NOW = text("SELECT now()")


@dataclass(frozen=True, slots=True)
class Person:
    """A learner who plays a part; name and address only where they were asked for."""

    ref: str
    merged_into: str | None
    email: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is meant, why it is so, and how it came to be."""

    kind: Kind
    learners: Sequence[Person]
    verdicts: Sequence[Verdict]
    entries: Sequence[Entry]
    #: There is more than is told.
    is_capped: bool

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {
            "kind": self.kind.value,
            "learners": [asdict(one) for one in self.learners],
            "why": [asdict(one) for one in self.verdicts],
            "time_line": [asdict(one) for one in self.entries],
            "more": self.is_capped,
        }


def explain_subject(
    connection: Connection, subject: Subject, config: Settings, *, personal: bool
) -> Explanation:
    """Explain something that was found.

    Args:
        connection: Where to look; nothing is changed.
        subject: What is meant.
        config: The settings.
        personal: With names and addresses.
    """
    setup = Setup(
        connection.execute(_NOW).scalar_one(),
        config.access_grace_days,
        config.access_from,
        config.paddle_billing_enabled,
    )
    scope = _scope_of(connection, subject)
    names = {key.id for key in scope.entities}
    scope.events |= subject.events | unsettled_about(connection, names)
    line = TimeLine(connection, scope, config)
    sources = read_sources(connection, scope)
    places = read_places(connection, scope, sources)
    verdicts = [
        *_of_events(connection, line, subject, setup),
        *_of_places(places, setup),
    ]
    waiting = read_waiting(connection, scope, sources, is_all=not verdicts)
    verdicts += [one for source in waiting for one in verdicts_of(source, setup)]
    changes = [place.change.row_id for place in places if place.change]
    return Explanation(
        subject.kind,
        _persons(scope, personal=personal),
        verdicts or [Verdict("Nothing was bought or given.")],
        line.entries(changes),
        scope.is_capped,
    )


def _scope_of(connection: Connection, subject: Subject) -> Scope:
    if subject.learner is not None:
        return of_learner(connection, subject.learner, subject.course)
    if subject.kind is Kind.TRANSACTION and subject.key:
        return of_sources(connection, transactions=[subject.key])
    if subject.kind is Kind.SUBSCRIPTION and subject.key:
        return of_sources(connection, subscriptions=[subject.key])
    if subject.kind is Kind.CUSTOMER and subject.key:
        return of_sources(connection, customers=[subject.key])
    return _scope_of_events(connection, subject)


def _scope_of_events(connection: Connection, subject: Subject) -> Scope:
    """Return what events are about: purchase or subscription first, else the buyer."""
    named: set[Key] = set()
    for id_ in subject.events:
        told = connection.execute(sql.TOLD_BY, {"id": id_})
        named |= {Key(row.provider, row.id) for row in told}
    for row in connection.execute(sql.BODIES, {"ids": sorted(subject.events)}):
        named |= {Key(row.provider, id_) for id_ in named_by(row)}
    asked = {"providers": sorted({k.provider for k in named})}
    found: dict[Kind, set[Key]] = {}
    for kind, statement in (
        (Kind.TRANSACTION, sql.PURCHASED),
        (Kind.SUBSCRIPTION, sql.SUBSCRIBED),
        (Kind.CUSTOMER, sql.CUSTOMER),
    ):
        rows = [
            row
            for k in named
            for row in connection.execute(statement, asked | {"id": k.id})
        ]
        found[kind] = {Key(row.provider, row.id) for row in rows}
    bought, subscribed = found[Kind.TRANSACTION], found[Kind.SUBSCRIPTION]
    if bought or subscribed:
        return of_sources(connection, bought, subscribed)
    return of_sources(connection, customers=found[Kind.CUSTOMER])


def _of_events(
    connection: Connection, line: TimeLine, subject: Subject, setup: Setup
) -> list[Verdict]:
    subjects = [
        f"inbox:{row.id}" for row in line.events if row.state == InboxState.DEAD
    ]
    letters = {
        row.row_id: row.id
        for row in connection.execute(sql.LETTERS, {"subjects": subjects})
    }
    told = []
    for row in line.events:
        if row.state in (InboxState.PENDING, InboxState.DEAD):
            told.append(event_verdict(pending_of(row, letters.get(row.id)), setup))
        elif row.id in subject.events:
            told.append(
                event_ended(row.event_id, row.state, row.reason, row.finished_at)
            )
    return told


def _of_places(places: Sequence[Place], setup: Setup) -> list[Verdict]:
    merged = {
        place.learner_ref: place.merged_ref for place in places if place.merged_ref
    }
    told = [
        Verdict(
            f"{old} turned out to be {new}: all that was bought belongs to that one."
        )
        for old, new in merged.items()
    ]
    return told + [verdict_of(place, setup) for place in places]


def _persons(scope: Scope, *, personal: bool) -> list[Person]:
    return [
        Person(
            row.ref,
            row.merged_ref,
            row.email if personal else None,
            row.name if personal else None,
        )
        for row in scope.learners.values()
    ]
