"""Recomputes the grants of sources that are locked: absolute, never moved."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from models.access import AccessState, GrantSource
from models.access_rules import Given
from models.key import Key
from models.subscription_rules import BY_ADJUSTMENTS
from worker import findings
from worker import grant_statements as sql
from worker.bulk import arrays, by_key
from worker.causes import Cause
from worker.settings import Settings
from worker.sources import Computed, compute_purchases, compute_subscriptions
from worker.waiting import mark

#: Causes of an end that no rule of access decides.
REMOVED = "removed"
#: Other offers took over (``catalog apply --existing``); no recompute brings it back.
REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Why:
    """Which locked sources are to be recomputed, each with its cause."""

    transactions: Mapping[Key, Cause] = field(default_factory=dict)
    subscriptions: Mapping[Key, Cause] = field(default_factory=dict)
    #: Of subscriptions: their adjustments, where those are what decides.
    adjusted: Mapping[Key, Cause] = field(default_factory=dict)


class _Place(NamedTuple):
    line_id: str
    course_key: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """A grant's content: what has to differ for it to be written again."""

    learner_id: int
    offer_id: int | None
    state: AccessState
    cause: str
    seats: int
    starts_at: datetime | None
    ends_at: datetime | None
    ends_as: str


_CONTENT = tuple(one.name for one in fields(_Standing))


class _Difference(NamedTuple):
    source: GrantSource
    key: Key
    place: _Place
    standing: _Standing
    before: _Standing | None

    @property
    def learners(self) -> set[int]:
        """Who has it by now, and who had it before: it is news for both."""
        return {one.learner_id for one in (self.standing, self.before) if one}

    def cause(self, why: Why) -> Cause:
        """Return what decided: of several events that were told, the one it is about."""
        before = {self.before.cause} if self.before else set()
        if not BY_ADJUSTMENTS.isdisjoint(before ^ {self.standing.cause}):
            adjusted = why.adjusted.get(self.key)
            if adjusted is not None:
                return adjusted
        is_bought = self.source is GrantSource.PURCHASE
        return (why.transactions if is_bought else why.subscriptions)[self.key]


def recompute(
    connection: Connection, why: Why, config: Settings, *, take_over: bool = False
) -> list[int]:
    """Write the grants of locked sources and tell which enrollments they touch.

    Also marks the sources of which some line waits for its price or buyer, and notes
    what of them a person should look at.

    Args:
        connection: The transaction that holds the locks.
        why: The sources.
        config: The settings.
        take_over: Grants that are there follow the offers in force, and no longer
            those they were made with.

    Returns:
        Ids of the new rows of ``access_changes``.
    """
    sources = why.transactions.keys() | why.subscriptions.keys()
    existing = by_key(connection, sql.EXISTING, sources)
    made = _made(existing)
    bought = compute_purchases(
        connection, why.transactions, made, config, take_over=take_over
    )
    subscribed = compute_subscriptions(
        connection, why.subscriptions, made, config, take_over=take_over
    )
    computed = bought | subscribed
    mark(connection, "transactions", bought)
    mark(connection, "subscriptions", subscribed)
    findings.note_sources(connection, computed)
    differences = [
        difference
        for key, source in computed.items()
        if source.learner_id is not None
        for difference in _differences(key, source, source.learner_id, existing[key])
    ]
    return _write(connection, differences, why)


def _made(
    existing: Mapping[Key, Sequence[Row[Any]]],
) -> dict[Key, dict[str, list[Given]]]:
    made: dict[Key, dict[str, list[Given]]] = defaultdict(lambda: defaultdict(list))
    for key, grants in existing.items():
        for g in grants:
            if g.cause == REPLACED:
                continue
            given = Given(g.course_key, g.days, g.offer_id, g.kind)
            made[key][g.line_id].append(given)
    return made


def _differences(
    key: Key, source: Computed, learner_id: int, before: Sequence[Row[Any]]
) -> list[_Difference]:
    wanted = {
        _Place(fact.line_id, fact.course_key): _Standing(
            learner_id, *(getattr(fact, name) for name in _CONTENT[1:])
        )
        for fact in source.facts
    }
    known = {_Place(row.line_id, row.course_key): _standing_of(row) for row in before}
    told = {place.line_id for place in wanted}
    for place, standing in known.items():
        if place not in wanted:
            # The line gives other courses by now, or the provider tells it no longer:
            # what it gave is over.
            replaced = standing.cause == REPLACED or place.line_id in told
            wanted[place] = replace(
                standing,
                learner_id=learner_id,
                state=AccessState.ENDED,
                cause=REPLACED if replaced else REMOVED,
            )
    return [
        _Difference(source.source, key, place, standing, known.get(place))
        for place, standing in wanted.items()
        if known.get(place) != standing
    ]


def _standing_of(row: Row[Any]) -> _Standing:
    values = {name: getattr(row, name) for name in _CONTENT}
    return _Standing(**{**values, "state": AccessState(row.state)})


def _write(
    connection: Connection, differences: Sequence[_Difference], why: Why
) -> list[int]:
    if not differences:
        return []
    named = sorted({d.place.course_key for d in differences if not d.standing.offer_id})
    if named:
        connection.execute(sql.COURSES, {"keys": named})
    rows = sorted(
        (
            d.source,
            *d.key,
            *d.place,
            *(getattr(d.standing, name) for name in _CONTENT),
        )
        for d in differences
    )
    connection.execute(sql.WRITE, arrays(sql.GRANTS, sql.COLUMNS, rows))
    told = {
        (learner, d.place.course_key): d.cause(why)
        for d in differences
        for learner in d.learners
    }
    return tell(connection, told)


def tell(connection: Connection, told: Mapping[tuple[int, str], Cause]) -> list[int]:
    """Have enrollments recomputed.

    Args:
        connection: The transaction that changed their grants.
        told: Learner and course, and why.

    Returns:
        Ids of the new rows of ``access_changes``.
    """
    parameters = {
        "learners": [learner for learner, _ in told],
        "courses": [course for _, course in told],
        "kinds": [cause.kind for cause in told.values()],
        "refs": [cause.ref for cause in told.values()],
    }
    return list(connection.execute(sql.TELL, parameters).scalars())
