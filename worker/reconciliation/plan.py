"""Which runs are due, and how one is started.

Level-triggered: what is due is read from the runs that there were, not from the clock's
ticks. So a tick that is missed is made up for by the next, and two beats start one run.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from models.reconciliation import RunKind, RunScope
from worker.providers.accounts import askable
from worker.reconciliation import cursor
from worker.reconciliation.last import BEAT, Last, What, read_last
from worker.settings import Settings

#: Our rows are compared with each other, whoever provided them: these runs have none.
NOBODY = ""
#: As the provider writes a change before it shows it, what is looked at overlaps.
OVERLAP = timedelta(hours=1)
#: How far back the first look at recent changes goes.
FIRST_RECENT = timedelta(days=1)
DAY = timedelta(days=1)
#: In the order in which they depend on each other.
OBJECTS = (
    RunKind.CUSTOMERS,
    RunKind.TRANSACTIONS,
    RunKind.SUBSCRIPTIONS,
    RunKind.ADJUSTMENTS,
)

_START = text("""
INSERT INTO reconciliation_runs
  (provider, kind, scope, asked_by, since, mails, position)
VALUES (:provider, :kind, :scope, :asked_by, :since, :mails, :position)
ON CONFLICT (provider, kind, scope) WHERE state = 'pending' DO NOTHING
RETURNING id
""")
_PENDING = text("""
SELECT EXISTS (
  SELECT FROM reconciliation_runs
  WHERE provider = :provider AND kind = :kind AND scope = :scope AND state = 'pending')
""")


_NOW = text("SELECT now()")


def start(  # noqa: PLR0913 (the columns of a run)
    connection: Connection,
    provider: str,
    kind: RunKind,
    scope: RunScope,
    *,
    asked_by: str,
    since: datetime | None = None,
    mails: bool = True,
) -> int | None:
    """Start a run; ring for it, or let the sweep.

    Args:
        connection: An open transaction.
        provider: Who is asked; ``NOBODY`` for our own rows.
        kind: What is compared.
        scope: How much of it.
        asked_by: ``BEAT``, or the operator.
        since: What lies before is not looked at; None: there is no such bound.
        mails: Whether learners are told of access that it brings.

    Returns:
        The run; None: one of its kind is pending already.
    """
    run = {"provider": provider, "kind": kind.value, "scope": scope.value}
    if connection.execute(_PENDING, run).scalar_one():
        return None
    values = {
        "asked_by": asked_by,
        "since": since,
        "mails": mails,
        "position": _position(connection, provider, (kind, scope), since),
    }
    return connection.execute(_START, run | values).scalar_one_or_none()


def _position(
    connection: Connection,
    provider: str,
    what: tuple[RunKind, RunScope],
    since: datetime | None,
) -> str:
    kind, scope = what
    if kind is not RunKind.EVENTS:
        return ""
    return cursor.begin(connection, provider, scope, since)


def due(connection: Connection, config: Settings) -> list[int]:
    """Start what is due, and return the runs."""
    if not config.paddle_billing_enabled:
        return []
    now: datetime = connection.execute(_NOW).scalar_one()
    providers = askable(config)
    last = read_last(connection, [*wanted(providers)])
    started = []
    for what in wanted(providers):
        if _is_due(what, last, now, config):
            since = _since(what, last.get(what), now)
            place = (what.provider, what.kind, what.scope)
            started.append(start(connection, *place, asked_by=BEAT, since=since))
    return [run for run in started if run is not None]


def wanted(providers: list[str]) -> Iterator[What]:
    """Return what is compared regularly."""
    for provider in providers:
        yield What(provider, RunKind.EVENTS, RunScope.RECENT)
        for scope in (RunScope.RECENT, RunScope.ALL):
            for kind in OBJECTS:
                yield What(provider, kind, scope)
    for scope in (RunScope.RECENT, RunScope.ALL):
        yield What(NOBODY, RunKind.ACCESS, scope)


def _is_due(
    what: What, last: dict[What, Last], now: datetime, config: Settings
) -> bool:
    events = last.get(What(what.provider, RunKind.EVENTS, RunScope.RECENT))
    if what.kind in OBJECTS and events and events.is_another_account:
        return False
    before = last.get(what)
    if before is None:
        return True
    if before.is_pending:
        return False
    if what.scope is RunScope.ALL:
        if what.kind is RunKind.ACCESS and _night_is_over(last, before):
            return True
        return before.created_at < nightly(now, config.reconcile_hour)
    # What takes long is counted from its beginning.
    begin = before.created_at if what.kind in OBJECTS else before.ended_at
    return now >= begin + _pause(what.kind, config)


def _pause(kind: RunKind, config: Settings) -> timedelta:
    """Return how long after a look at recent changes the next one is due."""
    if kind is RunKind.EVENTS:
        return timedelta(seconds=config.reconcile_events_seconds)
    if kind is RunKind.ACCESS:
        return timedelta(minutes=config.reconcile_access_minutes)
    return timedelta(minutes=config.reconcile_recent_minutes)


def nightly(now: datetime, hour: int) -> datetime:
    """Return when the last nightly comparison was due."""
    moment = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return moment if moment <= now else moment - DAY


def _night_is_over(last: dict[What, Last], access: Last) -> bool:
    """Tell whether all of a night's runs have ended since our rows were compared."""
    nights = [
        one
        for what, one in last.items()
        if what.kind in OBJECTS and what.scope is RunScope.ALL
    ]
    return (
        bool(nights)
        and not any(one.is_pending for one in nights)
        and max(one.ended_at for one in nights) > access.created_at
    )


def _since(what: What, before: Last | None, now: datetime) -> datetime | None:
    """Return how far back a run looks; what was cut short is looked at again."""
    if what.kind is RunKind.EVENTS or what.scope is not RunScope.RECENT:
        return None
    if before is None or before.complete_at is None:
        return now - FIRST_RECENT
    # Of a source the provider's clock tells the change, and its event may come late.
    return before.complete_at - (DAY if what.kind is RunKind.ACCESS else OVERLAP)
