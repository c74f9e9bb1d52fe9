"""Puts what differs into the inbox, as the provider says it is."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from models.inbox import InboxState
from models.reconciliation import EventReason, RunScope
from worker.differences import told_of
from worker.providers.contract import SyntheticEvent
from worker.reconciliation.comparing import KINDS, Differing
from worker.reconciliation.run import Run
from worker.synthetic import states_of, store_all

#: It has yet to be applied, or a person looks at why it cannot be.
UNDER_WAY = (InboxState.PENDING, InboxState.DEAD)
_UNDER_WAY = text("""
SELECT e.subject FROM reconciled_events e JOIN inbox i ON i.id = e.inbox_id
WHERE e.subject = ANY(:subjects) AND i.provider = :provider AND i.state = ANY(:states)
""")

# Of what was there before Paddlewheel nobody is told as of news: the first comparison of
# all would else welcome every customer that an old shop ever had. Who asks for a backfill
# says so himself.
_NOTE = text("""
INSERT INTO reconciled_events (inbox_id, run_id, reason, subject, mails)
SELECT inbox_id, :run, CAST(:reason AS text), subject,
       :mails AND (CAST(:reason AS text) = 'backfilled'
         OR coalesce(opened_at >= (SELECT stamped_at FROM deployment), true))
FROM unnest(CAST(:ids AS bigint[]), CAST(:subjects AS text[]),
            CAST(:opened AS timestamptz[])) AS stored(inbox_id, subject, opened_at)
""")


def put_in(
    connection: Connection, run: Run, differing: Sequence[Differing]
) -> list[int]:
    """Store the provider's word on entities that differ, and by whom it was found.

    Returns:
        The rows of the inbox; ring for them.
    """
    if not differing:
        return []
    before = states_of(
        connection, run.provider, [one.told.event.event_id for one in differing]
    )
    # The same answer, under this id or under one that an earlier run has made for it.
    told_before = [one for one in differing if one.told.event.event_id in before]
    waiting = _under_way(connection, run, told_before)
    events = [
        _event_of(run, one, before)
        for one in differing
        if one.told.event.event_id not in before
        or one.told.event.entity_id not in waiting
    ]
    stored = store_all(connection, run.provider, events)
    told = {event.event_id: event for event in events}
    reason = EventReason.DIFFERS
    if run.scope is RunScope.BACKFILL:
        reason = EventReason.BACKFILLED
    connection.execute(
        _NOTE,
        {
            "run": run.id,
            "reason": reason,
            "mails": run.mails,
            "ids": list(stored.values()),
            "subjects": [told[event_id].entity_id for event_id in stored],
            "opened": [told[event_id].created_at for event_id in stored],
        },
    )
    return list(stored.values())


def _under_way(
    connection: Connection, run: Run, differing: Sequence[Differing]
) -> set[str]:
    """Return the entities of which some earlier answer is not done with."""
    if not differing:
        return set()
    subjects = [one.told.event.entity_id for one in differing]
    given = {"subjects": subjects, "provider": run.provider, "states": list(UNDER_WAY)}
    return set(connection.execute(_UNDER_WAY, given).scalars())


def _event_of(
    run: Run, one: Differing, before: Mapping[str, InboxState]
) -> SyntheticEvent:
    """Make the event that brings our row to what the provider says.

    It is the same for the same answer, whoever asks. Where that very answer was applied
    before and our row is otherwise again (edited by hand, restored from a backup), it
    needs an id of its own, of this run.

    And it must win. A row that was edited still has the clock of the event it came
    from: the same entity in the same state, so ``updated_at`` ties, and that event
    occurred a moment after it, while ours has no other time than ``updated_at``. So
    ours is said to have occurred just after. Nothing else is raised: a state that is
    more final or was changed later still wins, now or when it comes.
    """
    event = one.told.event
    again = run.id if event.event_id in before else None
    latest = one.known.latest if one.known else None
    if again is None and latest is None:
        return event
    kind = KINDS[run.kind]
    return told_of(run.provider, kind, one.entity, run=again, after=latest).event
