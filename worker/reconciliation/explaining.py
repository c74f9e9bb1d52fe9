"""Asks the provider why events were missed: were they sent, where to, how did it end?

Asks where it delivers, and then goes through its list of deliveries from the newest back
to the oldest missed event, one request a step. A run of events does it last: what is
missing is healed by then, and an explanation that cannot be had holds up nothing. Where
the key may not ask, or nobody answers, events stay unexplained, the run ends, and one of
the next runs asks again.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

import msgspec
import structlog
from sqlalchemy import Connection, Row, text

from models.reconciliation import Explanation, RunScope
from worker.errors import OutageError
from worker.providers.api import ApiList, Asked, Destination, ListPage, ProviderApi
from worker.providers.attempt import Attempt
from worker.providers.errors import ApiError, ApiRefusedError, NoTurnError
from worker.providers.registry import ATTEMPTS
from worker.reconciliation import refusals
from worker.reconciliation.cursor import EXPLAIN, LISTED_FOR
from worker.reconciliation.run import Progress, Run
from worker.reconciliation.why_missed import explanation_of

log = structlog.get_logger()

#: Longer than a turn takes to come with the smallest budget. Who would wait longer is
#: left alone, and with him the explanation: the next walk is worth more.
A_TURN = timedelta(seconds=10)
#: What was missed before stays unexplained, rather than all of the budget goes into it.
MOST_PAGES = 50
#: Events that are explained in one step: after a restore any number was missed, and a
#: step must end within a statement's time.
A_STEP = 5_000

_OLDEST = text("""
SELECT min(coalesce(i.occurred_at, i.received_at))
FROM reconciled_events r JOIN inbox i ON i.id = r.inbox_id
WHERE r.reason = 'missed' AND r.explanation IS NULL AND i.provider = :provider
  AND r.found_at > now() - CAST(:listed_for AS interval)
""")
_UNEXPLAINED = text("""
SELECT i.id, i.event_id, i.event_type, r.found_at
FROM reconciled_events r JOIN inbox i ON i.id = r.inbox_id
WHERE r.reason = 'missed' AND r.explanation IS NULL AND i.provider = :provider
  AND (CAST(:all AS boolean) OR i.event_id = ANY(CAST(:events AS text[])))
ORDER BY r.inbox_id LIMIT :most
""")
_EXPLAIN = text("""
UPDATE reconciled_events r SET explanation = n.explanation, explained_at = now()
FROM unnest(CAST(:ids AS bigint[]), CAST(:explanations AS text[]))
  AS n(inbox_id, explanation)
WHERE r.inbox_id = n.inbox_id AND r.reason = 'missed' AND r.explanation IS NULL
""")


@dataclass(frozen=True, slots=True)
class Where:
    """How far the asking is; stands in the run's position."""

    #: The oldest event that was missed.
    oldest: datetime
    #: Whether it was asked where the provider delivers.
    is_begun: bool = False
    #: Which of that is ours; None: we may not ask.
    ours: tuple[Destination, ...] | None = None
    #: Why we may not, in its words for a person.
    refused: str = ""
    #: How many pages were read.
    pages: int = 0
    #: Behind which delivery the next page begins; empty: at the newest.
    after: str = ""

    @classmethod
    def read(cls, position: str) -> Self:
        """Read what ``write`` has written."""
        return msgspec.json.decode(position.removeprefix(EXPLAIN), type=cls)

    def write(self) -> str:
        """Return it as a position."""
        return EXPLAIN + msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Told:
    """What the provider says to one question; None: it was another, or no answer."""

    page: ListPage | None = None
    destinations: Sequence[Destination] | None = None
    #: Why we may not ask, in its words for a person.
    refused: str = ""
    #: Why it does not answer now.
    outage: str = ""


def begin(connection: Connection, run: Run) -> str:
    """Return the position at which to ask; empty: there is nothing to be explained."""
    if run.scope is RunScope.BACKFILL:
        return ""
    if refusals.is_fresh(connection, run.provider):
        return ""
    given = {"provider": run.provider, "listed_for": LISTED_FOR}
    oldest = connection.execute(_OLDEST, given).scalar_one()
    return Where(oldest).write() if oldest else ""


def look(api: ProviderApi, position: str) -> Told:
    """Ask where the provider delivers, or for a page of its deliveries."""
    where = Where.read(position)
    try:
        if not where.is_begun:
            return Told(destinations=api.destinations())
        asked = Asked(ApiList.NOTIFICATIONS, where.after, newest_first=True)
        return Told(page=api.page(asked))
    except (ApiRefusedError, ApiError) as error:
        return Told(refused=str(error))
    except OutageError as error:
        if isinstance(error, NoTurnError) and error.wait_at_least <= A_TURN:
            raise
        return Told(outage=str(error))


def keep(connection: Connection, run: Run, told: Told) -> Progress:
    """Note what was answered, or that nothing was."""
    where = Where.read(run.position)
    if told.outage:
        log.warning("explanation_put_off", run=run.id, reason=told.outage)
        refusals.put_off(connection, run.provider)
        return Progress(run.position, is_over=True)
    if where.is_begun:
        return _go_on(connection, run, where, told)
    ours = None
    if told.destinations is not None:
        ours = tuple(one for one in told.destinations if one.is_ours)
    begun = replace(where, is_begun=True, ours=ours, refused=told.refused)
    return Progress(begun.write())


def _go_on(connection: Connection, run: Run, where: Where, told: Told) -> Progress:
    """Explain what the page tells of; at the end, what it tells nothing of."""
    refused = "; ".join(filter(None, (told.refused, where.refused)))
    attempts = _attempts(run, told.page)
    is_whole = _is_whole(where, told.page, attempts)
    is_over = bool(refused) or is_whole or where.pages + 1 >= MOST_PAGES
    if refused or not is_over:
        attempts = without_last_event(attempts)
    refusals.note(connection, run.provider, refused)
    grouped: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        grouped[one.event_id].append(one)
    _explain(connection, run, grouped, where.ours)
    if not is_over:
        after = (
            attempts[-1].id if attempts else told.page.following if told.page else ""
        )
        return Progress(replace(where, pages=where.pages + 1, after=after).write())
    if not refused:
        known = where.ours if is_whole else None
        if _explain_rest(connection, run, known) == A_STEP:
            return Progress(run.position)
    return Progress(run.position, is_over=True)


def _attempts(run: Run, page: ListPage | None) -> list[Attempt]:
    read = map(ATTEMPTS[run.provider], page.entities if page else ())
    return [one for one in read if one is not None]


def _is_whole(where: Where, page: ListPage | None, attempts: Sequence[Attempt]) -> bool:
    """Tell whether the asking went back as far as it should.

    A replay stands among newer ones with the time of its event, so one old event alone
    says nothing.
    """
    if page is None:
        return False
    is_old = bool(attempts) and all(one.occurred_at < where.oldest for one in attempts)
    return not page.following or is_old


def without_last_event(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Leave out the last event, of which the next page may tell more.

    Unless there is no other: then the walk would not go forward.
    """
    rest = [one for one in attempts if one.event_id != attempts[-1].event_id]
    return rest or list(attempts)


def _explain(
    connection: Connection,
    run: Run,
    attempts: Mapping[str, Collection[Attempt]],
    destinations: Sequence[Destination] | None,
) -> None:
    """Explain the missed events that some deliveries are of.

    What needs the destinations is left for when they may be asked for.
    """
    explained = {
        row.id: explanation_of(
            row.event_type, attempts[row.event_id], destinations, row.found_at
        )
        for row in _unexplained(connection, run, attempts)
    }
    if destinations is None:
        explained = {
            row: one for row, one in explained.items() if one != Explanation.UNKNOWN
        }
    _write(connection, explained)


def _explain_rest(
    connection: Connection, run: Run, destinations: Sequence[Destination] | None
) -> int:
    """Explain events of which no delivery was found; return how many."""
    explained = {
        row.id: explanation_of(row.event_type, (), destinations, row.found_at)
        for row in _unexplained(connection, run)
    }
    _write(connection, explained)
    return len(explained)


def _unexplained(
    connection: Connection, run: Run, events: Collection[str] | None = None
) -> Sequence[Row[Any]]:
    """Return missed events that nobody has explained; None: whichever."""
    given = {
        "provider": run.provider,
        "all": events is None,
        "events": list(events or ()),
        "most": A_STEP,
    }
    return connection.execute(_UNEXPLAINED, given).all()


def _write(connection: Connection, explained: Mapping[int, Explanation]) -> None:
    if explained:
        columns = {
            "ids": list(explained),
            "explanations": list(explained.values()),
        }
        connection.execute(_EXPLAIN, columns)
