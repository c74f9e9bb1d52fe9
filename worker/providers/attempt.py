"""What a provider tells of its own deliveries, as far as we ask for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AttemptState(StrEnum):
    """How far the delivery of an event to one destination is."""

    NOT_ATTEMPTED = "not_attempted"
    #: Failed so far, and is tried again.
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    #: A state that this release has never heard of.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The delivery of one event to one destination."""

    #: What the list of them goes on behind.
    id: str
    event_id: str
    #: When the event occurred.
    occurred_at: datetime
    destination: str
    state: AttemptState
    #: When it arrived; empty: it has not, or the provider does not say.
    delivered_at: datetime | None = None
