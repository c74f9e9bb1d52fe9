"""Reads what the sentences are made of."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row

from models.access import BY_HAND, AccessState, GrantSource
from models.key import Key
from worker.bulk import keys_of
from worker.explain import statements as sql
from worker.explain.facts import Adjusted, Pending, Place, Reason, Source, Waiting
from worker.explain.scope import Scope
from worker.providers.registry import PROVIDERS
from worker.work_tables import ACCESS_CHANGES

Sources = Mapping[Key, Source]
#: Statuses of a purchase that nobody has gone on with; told where nothing else is.
OPEN = frozenset({"draft", "ready", "canceled"})


def read_sources(connection: Connection, scope: Scope) -> dict[Key, Source]:
    """Return every source in the scope, and those of its grants beyond it."""
    transactions, subscriptions = dict(scope.transactions), dict(scope.subscriptions)
    adjustments = list(scope.adjustments)
    wanted = {Key(grant.provider, grant.source_id) for grant in scope.grants}
    others = keys_of(sorted(wanted - {*transactions, *subscriptions}))
    if others["ids"]:
        for row in connection.execute(sql.TRANSACTIONS, others):
            transactions[Key(row.provider, row.id)] = row
        for row in connection.execute(sql.SUBSCRIPTIONS, others):
            subscriptions[Key(row.provider, row.id)] = row
        adjustments += connection.execute(sql.ADJUSTMENTS, others)
    taken = _adjusted(adjustments, transactions)
    return {
        **{key: _purchase(row, taken[key]) for key, row in transactions.items()},
        **{key: _subscription(row, taken[key]) for key, row in subscriptions.items()},
        **_by_hand(connection, scope.grants),
    }


def _adjusted(
    rows: Iterable[Row[Any]], transactions: Mapping[Key, Row[Any]]
) -> dict[Key, list[Adjusted]]:
    taken: dict[Key, list[Adjusted]] = defaultdict(list)
    for row in rows:
        one = Adjusted(row.id, row.action, row.status, row.opened_at)
        purchase = Key(row.provider, row.transaction_id)
        taken[purchase].append(one)
        charged = transactions[purchase].subscription_id
        subscription = row.subscription_id or charged
        if subscription:
            taken[Key(row.provider, subscription)].append(one)
    return taken


def _purchase(row: Row[Any], adjustments: Collection[Adjusted]) -> Source:
    failure = row.failure
    if failure is None and row.error_code:
        failure = PROVIDERS[row.provider].failure_words(row.error_code)
    return Source(
        GrantSource.PURCHASE,
        row.id,
        status=row.status,
        started_at=row.started_at,
        is_stub=row.clock_event is None,
        customer_id=row.customer_id,
        subscription_id=row.subscription_id,
        adjustments=tuple(adjustments),
        failure=failure,
        failed_at=row.failed_at,
    )


def _subscription(row: Row[Any], adjustments: Collection[Adjusted]) -> Source:
    return Source(
        GrantSource.SUBSCRIPTION,
        row.id,
        status=row.status,
        started_at=row.started_at,
        is_stub=row.clock_event is None,
        is_manual=bool(row.is_manual),
        customer_id=row.customer_id,
        period_ends_at=row.period_ends_at,
        next_billed_at=row.next_billed_at,
        scheduled_at=row.scheduled_at,
        scheduled_resume_at=row.scheduled_resume_at,
        paused_at=row.paused_at,
        canceled_at=row.canceled_at,
        adjustments=tuple(adjustments),
    )


def _by_hand(connection: Connection, grants: Iterable[Row[Any]]) -> dict[Key, Source]:
    given = [grant for grant in grants if grant.source in BY_HAND]
    numbers = [int(g.source_id) for g in given if g.source_id.isdecimal()]
    parameters = {"numbers": numbers, "targets": []}
    deeds = {row.id: row for row in connection.execute(sql.DEEDS, parameters)}
    found = {}
    for grant in given:
        number = int(grant.source_id) if grant.source_id.isdecimal() else 0
        deed = deeds.get(number)
        found[Key(grant.provider, grant.source_id)] = Source(
            GrantSource(grant.source),
            grant.source_id,
            started_at=deed.done_at if deed else grant.starts_at,
            actor=deed.actor if deed else None,
            words=(deed.detail or {}).get("reason") if deed else None,
        )
    return found


def read_places(connection: Connection, scope: Scope, sources: Sources) -> list[Place]:
    """Return what each learner in the scope has for each course."""
    reasons: dict[tuple[int, str], list[Reason]] = defaultdict(list)
    for grant in scope.grants:
        reason = _reason(grant, sources)
        reasons[grant.learner_id, grant.course_key].append(reason)
    rows = {(row.learner_id, row.course_key): row for row in scope.enrollments}
    changes = _changes(connection, scope)
    return [
        _place(
            scope.learners[place[0]], place[1], rows.get(place), reasons[place], change
        )
        for place in sorted({*rows, *reasons})
        if place[0] in scope.learners
        for change in [changes.get(place)]
        # Of who is somebody else by now, only what did not go over.
        if reasons[place] or not scope.learners[place[0]].merged_into
    ]


def _reason(grant: Row[Any], sources: Sources) -> Reason:
    key = Key(grant.provider, grant.source_id)
    return Reason(
        sources.get(key) or Source(GrantSource(grant.source), grant.source_id),
        grant.line_id,
        AccessState(grant.state),
        grant.cause,
        grant.starts_at,
        grant.ends_at,
        grant.ends_as,
        grant.changed_at,
    )


def _place(
    learner: Row[Any],
    course: str,
    row: Row[Any] | None,
    reasons: list[Reason],
    change: Pending | None,
) -> Place:
    return Place(
        learner.ref,
        course,
        row.id if row else None,
        AccessState(row.state) if row else None,
        row.reason if row else None,
        row.access_until if row else None,
        row.version if row else 0,
        row.changed_at if row else None,
        reasons,
        change,
        learner.merged_ref,
    )


def _changes(connection: Connection, scope: Scope) -> dict[tuple[int, str], Pending]:
    found = connection.execute(sql.CHANGES, {"learners": list(scope.learners)})
    return {
        (row.learner_id, row.course_key): Pending(
            ACCESS_CHANGES.name,
            row.id,
            row.pending_since,
            row.attempts,
            row.next_attempt_at,
            row.last_error,
            row.letter,
        )
        for row in found
    }


def read_waiting(
    connection: Connection, scope: Scope, sources: Sources, *, is_all: bool
) -> list[Waiting]:
    """Return the sources that have given nothing.

    Args:
        connection: Where to look.
        scope: What is told of.
        sources: Its sources.
        is_all: Nothing else is told, so the newest is told even if it means little.
    """
    granted = {Key(grant.provider, grant.source_id) for grant in scope.grants}
    every = [*scope.transactions, *scope.subscriptions]
    parked: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(sql.PARKED, keys_of(every)):
        parked[Key(row.provider, row.source_id)].append((row.reason, row.price_id))
    idle = [key for key in every if key not in granted or key in parked]
    told = [key for key in idle if parked[key] or _matters(key, scope, sources[key])]
    if is_all and not told and idle:
        told = [max(idle, key=lambda key: (str(sources[key].started_at), key))]
    return [_waiting(sources[key], parked[key], scope, key) for key in told]


def _waiting(
    source: Source, parked: list[tuple[str, str]], scope: Scope, key: Key
) -> Waiting:
    row = scope.transactions.get(key) or scope.subscriptions.get(key)
    if row is None:
        return Waiting(source, parked)
    return Waiting(source, parked, bool(row.has_own_lines), bool(row.is_refunded))


def _matters(key: Key, scope: Scope, source: Source) -> bool:
    if key in scope.asked:
        return True
    row = scope.transactions.get(key)
    if source.is_stub or source.status in OPEN:
        return False
    return row is None or bool(row.has_own_lines)
