"""What was received: the durable queue in front of everything else.

The narrow ``inbox`` is never pruned, because its ids are the protection against
replays; the bodies lie apart, by month, so that old ones can be dropped.
"""

from enum import StrEnum


class InboxState(StrEnum):
    """Where an event stands. Only ``pending`` is left again."""

    #: Stored, not yet decided. Left by ``events.record``.
    PENDING = "pending"
    #: Applied: the ledger tells what it said.
    PROCESSED = "processed"
    #: Understood, but the ledger already knew something newer.
    STALE = "stale"
    #: Not for us, with the reason beside it; can be replayed by a later release.
    IGNORED = "ignored"
    #: Will not pass by itself; a dead letter tells why. Left only by a replay.
    DEAD = "dead"


class VariantState(StrEnum):
    """What became of a second body under an id that was known."""

    #: Stored, not yet compared. Left by ``variants.compare``.
    PENDING = "pending"
    #: Says the same; only the delivery differs.
    DUPLICATE = "duplicate"
    #: Says something else under the same id: a dead letter, a person decides.
    DEAD = "dead"


class InboxSource(StrEnum):
    """Who brought the event."""

    WEBHOOK = "webhook"
    EVENT_LIST = "event_list"
    RECONCILIATION = "reconciliation"
