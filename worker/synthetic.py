"""Puts what a provider answered into the inbox, as an event like any other.

So there is one way into the ledger, whoever brought the word. The event's id is made of
what it says: the same answer again is the same event, and changes nothing.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from models.inbox import InboxSource, InboxState
from worker.providers.contract import SyntheticEvent
from worker.providers.registry import PROVIDERS
from worker.storing import Arrival, store

_STATES = text("""
SELECT event_id, state FROM inbox
WHERE provider = :provider AND event_id = ANY(:event_ids)
""")


def store_synthetic(
    connection: Connection, provider: str, kind: str, entity: bytes
) -> int | None:
    """Store an entity that was asked for, as an event; ring ``events.record`` for it.

    Args:
        connection: An open transaction.
        provider: Who was asked.
        kind: As in ``customer``.
        entity: What was answered, as it was written.

    Returns:
        The row of the inbox; None: this answer was there before.

    Raises:
        MalformedPayloadError: It is no such entity; the message names the field.
    """
    event = PROVIDERS[provider].synthetic(kind, entity)
    return store_all(connection, provider, [event]).get(event.event_id)


def store_all(
    connection: Connection, provider: str, events: Sequence[SyntheticEvent]
) -> Mapping[str, int]:
    """Store events of answers; ring ``events.record`` for them.

    Returns:
        The row of the inbox of each that was not there before, by the event's id.
    """
    arrivals = [
        Arrival(event.event_id, event.event_type, event.occurred_at, event.body)
        for event in events
    ]
    return store(connection, provider, InboxSource.RECONCILIATION, arrivals)


def states_of(
    connection: Connection, provider: str, event_ids: Sequence[str]
) -> dict[str, InboxState]:
    """Return where those of some events stand that the inbox has."""
    given = {"provider": provider, "event_ids": list(event_ids)}
    rows = connection.execute(_STATES, given)
    return {row.event_id: InboxState(row.state) for row in rows}
