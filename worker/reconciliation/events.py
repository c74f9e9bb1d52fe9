"""Compares the provider's list of events with the inbox.

A run begins where the stored cursor stands (``cursor.begin``; whoever adds a run of
events writes what it returns into the run's position) and goes on page by page, oldest
first, to the end of the list. What is missing goes through the inbox like a delivery.
Each page is written together with the cursor, so a walk that dies between two pages
goes on with the next one, and one that dies within a page begins it again.

Where a run stands, as it writes it:

========== ===========================================================================
``evt_1``  behind that id, where the cursor stood or a page ended
``>evt_1`` the same on a walk from the list's oldest; ``>`` alone: at its begin
``!evt_1`` the same behind an empty page in the middle: the cursor stays in front of it
``<evt_1`` on its way back to the time it was asked for; ``<`` alone: at the newest
``?…``     asks why events were missed, see ``explaining``
empty      no cursor yet: from now, or what scope and time of the run say
========== ===========================================================================
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from models.reconciliation import RunScope
from worker.envelope import Envelope, peek
from worker.providers.api import ApiList, Asked, ListPage, ProviderApi
from worker.providers.errors import AnotherAccountError, ApiError
from worker.reconciliation import cursor, explaining
from worker.reconciliation.cursor import (
    BACK,
    EXPLAIN,
    HOLE,
    LISTED_FOR,
    OLDEST,
    OVERLAP,
)
from worker.reconciliation.events_end import CUT, is_cut
from worker.reconciliation.list_end import EMPTY
from worker.reconciliation.missing import store_missing
from worker.reconciliation.run import Progress, Run

#: How providers say that they do not know an id behind which a page should begin.
UNKNOWN_ID = (400, 404)
LOST = (
    "the provider no longer knows the event at which the last walk ended: its list was"
    " compared from its oldest event on; of what lies before, only comparing the"
    " objects tells"
)
ANOTHER = (
    "the provider knows neither the event at which the last walk ended nor a destination"
    " with one of PADDLE_WEBHOOK_SECRETS: is PADDLE_API_KEY of the same account?"
)
TOO_OLD = (
    f"the provider lists events for {LISTED_FOR.days} days and the walk should have"
    " begun before: what is no longer listed, only comparing the objects tells"
)


class Events:
    """The leg of runs over the list of events; see ``worker.reconciliation.run.Leg``."""

    def look(self, api: ProviderApi, run: Run) -> Any:  # noqa: ANN401 (the leg's own)
        """Ask for the next page; None: its begin is no longer known."""
        position = _position_of(run)
        if position.startswith(EXPLAIN):
            return explaining.look(api, position)
        asked = _asked(position)
        try:
            return api.page(asked)
        except ApiError as error:
            is_cursor = position and position[0] not in (BACK, OLDEST, HOLE)
            if not is_cursor or error.status not in UNKNOWN_ID:
                raise
            _expect_ours(api)
            return None

    def keep(self, connection: Connection, run: Run, answer: Any) -> Progress:  # noqa: ANN401
        """Store what is missing of a page, and move on."""
        position = _position_of(run)
        if position.startswith(EXPLAIN):
            return explaining.keep(connection, run, answer)
        if answer is None:
            cursor.forget(connection, run.provider)
            return Progress(OLDEST, gap=LOST)
        if not position:
            return _begin_now(connection, run, answer)
        if position.startswith(BACK):
            return _go_back(connection, run, answer)
        return _go_forward(connection, run, answer)


def _expect_ours(api: ProviderApi) -> None:
    """Refuse the list of another shop: all of it would be missing here.

    Raises:
        AnotherAccountError: No destination of the account has our secret.
    """
    if not any(one.is_ours for one in api.destinations()):
        raise AnotherAccountError(ANOTHER)


def _position_of(run: Run) -> str:
    if run.position:
        return run.position
    if run.since is not None:
        return BACK
    return "" if run.scope is RunScope.RECENT else OLDEST


def _asked(position: str) -> Asked:
    if not position:
        return Asked(ApiList.EVENTS, newest_first=True, most=1)
    is_back = position.startswith(BACK)
    after = position.lstrip(BACK + OLDEST + HOLE)
    return Asked(ApiList.EVENTS, after, newest_first=is_back)


def _begin_now(connection: Connection, run: Run, page: ListPage) -> Progress:
    """Take the newest event for known: what came before was never ours to miss."""
    newest = "".join(one.event_id for one in _read(page) if not one.is_odd)
    cursor.move(connection, run.provider, newest, run.began_at)
    return Progress(newest or OLDEST, is_over=True)


def _go_back(connection: Connection, run: Run, page: ListPage) -> Progress:
    """Look on this page for the event from which to go forward.

    Never from in front of the cursor: what lies between would be passed over.
    """
    since = run.since or run.began_at
    position = cursor.begin(connection, run.provider, run.scope, since)
    if position not in ("", BACK):
        return Progress(position)
    before = (
        one.event_id
        for one in _read(page)
        if one.occurred_at is not None and one.occurred_at < since
    )
    if found := next(before, None):
        return Progress(OLDEST + found)
    if page.following:
        return Progress(BACK + page.following)
    return Progress(OLDEST, gap=TOO_OLD if since < run.began_at - LISTED_FOR else "")


def _go_forward(connection: Connection, run: Run, page: ListPage) -> Progress:
    events = _read(page)
    stored = store_missing(connection, run, page, events)
    way = _way_on(run, page)
    cut = _cut(connection, run, page, events)
    gap = cut or (EMPTY if way == HOLE else _gap(connection, run))
    if way != HOLE:
        _move_cursor(connection, run, events, is_last=not (page.following or cut))
    position = f"{way}{page.following}"
    if not page.following:
        position = explaining.begin(connection, run)
    return Progress(
        position,
        seen=len(events),
        found=len(stored),
        stored=stored,
        is_over=not position,
        gap=gap,
    )


def _way_on(run: Run, page: ListPage) -> str:
    """Return how the next position begins; a hole stays one to the end of the walk."""
    before = _position_of(run)[:1]
    if before == HOLE or (page.following and not page.entities):
        return HOLE
    return OLDEST if before == OLDEST else ""


def _cut(
    connection: Connection, run: Run, page: ListPage, events: Sequence[Envelope]
) -> str:
    """Say whether the list ended too soon: what was delivered stands on it, too."""
    if page.following or run.scope is RunScope.BACKFILL:
        return ""
    ids = [one.event_id for one in events if not one.is_odd]
    last = ids[-1] if ids else _asked(_position_of(run)).after
    return CUT if is_cut(connection, run.provider, last, run.began_at) else ""


def _gap(connection: Connection, run: Run) -> str:
    """Say whether the cursor has fallen behind what the provider still lists."""
    if run.scope is not RunScope.RECENT:
        return ""
    reached = cursor.reached(connection, run.provider)
    return TOO_OLD if reached and reached < run.began_at - LISTED_FOR else ""


def _move_cursor(
    connection: Connection, run: Run, events: Sequence[Envelope], *, is_last: bool
) -> None:
    if run.scope is RunScope.BACKFILL:
        return  # it began anywhere: the cursor's own walk may not be there yet
    overlap = run.began_at - OVERLAP
    last = cursor.settled(events, overlap)
    if last is None and not is_last:
        return
    position, occurred_at = (last.event_id, last.occurred_at) if last else ("", None)
    reached = overlap if is_last else occurred_at
    cursor.move(connection, run.provider, position, reached)


def _read(page: ListPage) -> list[Envelope]:
    return [peek(entity) for entity in page.entities]
