"""Tells whether a list ended because there was no more, or was cut.

By facts, not by the provider's count. That is an estimate, by its own documentation: it
may be missing, stop at a bound, or be a little off, and entities come while a list is
walked. A list counts as cut where

- a page repeats, jumps back, or says that there is more and not where;
- a page in the middle is empty: what lies there was not shown;
- it ended short of the estimate, or without one, and its other end has what lies behind
  the last that was shown and was so before the walk began. That is one request more, and
  only then.

A run over a list that was cut is *partial*, with the reason, and calls nothing missing.
"""

from dataclasses import dataclass

from worker.errors import MalformedPayloadError
from worker.providers.api import Asked, ListPage, ProviderApi
from worker.providers.contract import SyntheticEvent
from worker.providers.errors import ApiListError
from worker.providers.registry import PROVIDERS
from worker.reconciliation.comparing import KINDS
from worker.reconciliation.run import Run

#: Once may be a mishap of a moment.
TRIES = 2
EMPTY = "a page in the middle of the list was empty"
CUT = "the list was cut: it ended after {} entities and has newer ones"
_NOTHING = ListPage((), "", None)


@dataclass(frozen=True, slots=True)
class Looked:
    """A page; or why there is none, and nothing to be had of what lies behind."""

    page: ListPage
    gap: str = ""


def ask(api: ProviderApi, asked: Asked) -> Looked:
    """Ask for a page; for one that contradicts the list once more."""
    gap = ""
    for _ in range(TRIES):
        try:
            page = api.page(asked)
        except ApiListError as error:
            gap = str(error)
        else:
            is_hole = page.following and not page.entities
            return Looked(page, EMPTY if is_hole else "")
    return Looked(_NOTHING, gap)


def is_doubtful(run: Run, page: ListPage) -> bool:
    """Tell whether a list that ends with this page may have been cut."""
    expected = run.expected if run.expected is not None else page.total
    return expected is None or run.seen + len(page.entities) < expected


def last_of(run: Run, page: ListPage) -> str:
    """Return the last id of the list's last page; empty: the list was."""
    after, *_ = run.position.split(" ")
    told = _read(run, page.entities[-1]) if page.entities else None
    return told.entity_id if told else after


def gap_behind(run: Run, last: str, newest: ListPage) -> str:
    """Return why a list was cut behind an id, by its newest page; empty: it was not."""
    events = (_read(run, entity) for entity in newest.entities)
    if any(one is not None and _was_to_be_seen(run, last, one) for one in events):
        return CUT.format(run.seen)
    return ""


def _was_to_be_seen(run: Run, last: str, told: SyntheticEvent) -> bool:
    if told.entity_id <= last:
        return False
    # Also one that was there before may be listed only since it was changed.
    return max(told.created_at or told.occurred_at, told.occurred_at) < run.began_at


def _read(run: Run, entity: bytes) -> SyntheticEvent | None:
    try:
        return PROVIDERS[run.provider].synthetic(KINDS[run.kind], entity)
    except MalformedPayloadError:
        return None
