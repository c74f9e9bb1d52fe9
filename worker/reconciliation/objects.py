"""Walks through a list of the provider's objects and compares them with our rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection, text

from models.findings import FindingKind
from models.reconciliation import RunKind, RunScope
from worker import findings
from worker.findings import Found
from worker.ledger import table_of
from worker.providers.api import ApiList, Asked, ProviderApi
from worker.reconciliation.comparing import KINDS, Compared, compare
from worker.reconciliation.confirming import MODELS, OF_PROVIDER, confirm
from worker.reconciliation.list_end import (
    Looked,
    ask,
    gap_behind,
    is_doubtful,
    last_of,
)
from worker.reconciliation.putting_in import put_in
from worker.reconciliation.run import Leg, Progress, Run

#: A list that cannot be asked for changes is read from its newest entity back to this.
RECENT = timedelta(days=3)
#: Of what the provider no longer has, one run tells so much.
MOST_FINDINGS = 500
MORE = "of what the provider's list has not, only {} are listed: there is more"
SHORT = (
    "{} of {} were shown; some of ours were not among them, and are not called missing"
)
#: Stands among ids for those that nobody could read, or that were not shown.
NAMELESS = "?"
#: Stands before the id at which a list ended that may have been cut.
ENDED = "="

# What our side learned of only during the walk may have missed its page. What was found
# to differ was seen.
_NOT_SEEN = """
SELECT known.id FROM {table} known
LEFT JOIN inbox told
  ON told.provider = known.provider AND told.event_id = known.clock_event
WHERE known.provider = :provider AND known.clock_event IS NOT NULL
  AND (known.confirmed_at IS NULL OR known.confirmed_at < :began_at)
  AND (told.id IS NULL OR told.received_at < :began_at)
  AND NOT known.id = ANY(:seen)
  AND NOT EXISTS (
    SELECT FROM findings f
    WHERE f.subject = known.id AND f.kind = ANY(:kinds) AND f.state <> 'cleared')
ORDER BY known.id LIMIT :most
"""


class Objects:
    """One kind of objects; a page a step.

    The position is the id behind which the next page begins, and then the ids that were
    seen but of which nothing could be said: they are not missing at the provider. Where
    the list may have been cut (see ``list_end``), it is ``ENDED`` with the last id, and
    the next step looks from the other end.
    """

    def look(self, api: ProviderApi, run: Run) -> Looked:
        """See ``worker.reconciliation.run.Leg``."""
        after, *_ = run.position.split(" ")
        is_check = after.startswith(ENDED)
        since = None
        if run.scope is RunScope.RECENT and run.kind is RunKind.TRANSACTIONS:
            since = run.since or run.began_at - RECENT
        return ask(
            api,
            Asked(
                ApiList(run.kind.value),
                "" if is_check else after,
                newest_first=is_check or _is_newest_first(run),
                changed_since=since,
            ),
        )

    def keep(self, connection: Connection, run: Run, answer: Looked) -> Progress:
        """See ``worker.reconciliation.run.Leg``."""
        after, *seen = run.position.split(" ")
        if after.startswith(ENDED):
            last = after.removeprefix(ENDED)
            gap = answer.gap or gap_behind(run, last, answer.page)
            seen += [NAMELESS] if gap else []
            return _end(connection, run, Progress("", gap=gap), seen)
        page = answer.page
        compared = compare(connection, run, page.entities)
        wrote = _write(connection, run, compared)
        seen += [*wrote.unsaid, NAMELESS] if answer.gap else wrote.unsaid
        progress = Progress(
            position=" ".join([page.following, *seen]),
            seen=len(page.entities),
            found=len(compared.heal) if _is_backfill(run) else wrote.found,
            stored=wrote.stored,
            expected=None if _is_newest_first(run) else page.total,
            gap=answer.gap or _gap(compared),
        )
        if page.following and not _is_far_enough(run, compared):
            return progress
        if answer.gap or _is_newest_first(run) or not is_doubtful(run, page):
            return _end(connection, run, progress, seen)
        position = " ".join([ENDED + last_of(run, page), *seen])
        return replace(progress, position=position)


@dataclass(frozen=True, slots=True)
class _Written:
    #: Rows of the inbox.
    stored: list[int]
    #: Ids of which nothing could be said.
    unsaid: list[str]
    #: What differs, without what a person has accepted.
    found: int


def _write(connection: Connection, run: Run, compared: Compared) -> _Written:
    """Write what came of a page."""
    stored = put_in(connection, run, compared.heal)
    accepted = _note(connection, compared)
    # What heals now counts as healed, and so as found, accepted or not.
    healing = {one.told.snapshot.key.id for one in compared.heal}
    held_up = min(len(accepted & healing), len(healing) - len(stored))
    found = len(compared.found) - len(accepted - healing) - held_up
    confirmed = confirm(connection, run, compared.same)
    unsaid = [*compared.later, *(compared.same.keys() - confirmed)]
    if run.noted is not None:
        run.noted.update(compared.same, (one.subject for one in compared.found))
    return _Written(stored, unsaid + [NAMELESS] * compared.nameless, found)


def _end(
    connection: Connection, run: Run, progress: Progress, seen: list[str]
) -> Progress:
    """End a walk; one that has seen all there is tells what it has not seen."""
    # What is over begins anew with looking what has healed.
    ended = replace(progress, position="", is_over=True)
    if run.scope is not RunScope.ALL or NAMELESS in seen:
        return ended
    missing = _not_seen(connection, run, seen)
    expected = run.expected if run.expected is not None else progress.expected
    shown = run.seen + progress.seen
    if missing and expected is not None and shown < expected:
        # Some page may have passed over an entity: what was not seen may well be there.
        gap = SHORT.format(f"{shown:,}", f"{expected:,}")
        return replace(ended, gap=progress.gap or gap)
    found = progress.found + _note_not_seen(connection, run, missing[:MOST_FINDINGS])
    gap = MORE.format(MOST_FINDINGS) if len(missing) > MOST_FINDINGS else ""
    return replace(ended, found=found, gap=progress.gap or gap)


def _not_seen(connection: Connection, run: Run, seen: list[str]) -> Sequence[str]:
    """Return what we have and the list has not: one more than is told, at most."""
    kind = FindingKind.NOT_AT_PROVIDER
    statement = _NOT_SEEN.format(table=table_of(MODELS[run.kind]).name)
    others = [one.value for one in OF_PROVIDER if one is not kind]
    given = {
        "provider": run.provider,
        "began_at": run.began_at,
        "seen": [*seen, *(run.noted or ())],
        "kinds": others,
        "most": MOST_FINDINGS + 1,
    }
    return connection.execute(text(statement), given).scalars().all()


def _note_not_seen(connection: Connection, run: Run, missing: Sequence[str]) -> int:
    """Note what the provider's whole list has not; nothing is deleted.

    Returns:
        How much of it nobody has accepted.
    """
    kind = FindingKind.NOT_AT_PROVIDER
    found = [Found(kind, id_, detail={"kind": KINDS[run.kind]}) for id_ in missing]
    return len(found) - len(findings.note(connection, (), (kind,), found))


def _note(connection: Connection, compared: Compared) -> set[str]:
    """Write what was found, and clear what is found no longer.

    Returns:
        What of it a person has accepted.
    """
    told = [one.subject for one in compared.found]
    looked_at = {*compared.same, *told}
    return findings.note(connection, looked_at, OF_PROVIDER, compared.found)


def _gap(compared: Compared) -> str:
    if not compared.unreadable:
        return ""
    return f"{compared.unreadable} of a page could not be understood"


def _is_backfill(run: Run) -> bool:
    return run.scope is RunScope.BACKFILL


def _is_newest_first(run: Run) -> bool:
    return run.scope is RunScope.RECENT and run.kind is not RunKind.TRANSACTIONS


def _is_far_enough(run: Run, compared: Compared) -> bool:
    """Tell whether a list that is read backwards has come to what is not recent."""
    if not _is_newest_first(run) or compared.oldest is None:
        return False
    return compared.oldest < run.began_at - RECENT


OBJECTS: Mapping[RunKind, Leg] = dict.fromkeys(KINDS, Objects())
