"""Reads Paddle's notifications: what became of the delivery of each event."""

from datetime import datetime
from typing import Annotated

import msgspec

from worker.envelope import peek
from worker.providers.attempt import Attempt, AttemptState

#: By Paddle's word.
STATES = {
    "not_attempted": AttemptState.NOT_ATTEMPTED,
    "needs_retry": AttemptState.RETRYING,
    "delivered": AttemptState.DELIVERED,
    "failed": AttemptState.FAILED,
}


class _Notification(msgspec.Struct):
    id: str
    status: str
    notification_setting_id: str
    payload: msgspec.Raw
    delivered_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def attempt_of(entity: bytes) -> Attempt | None:
    """Read a notification; None: it cannot be read, or carries no event."""
    try:
        told = msgspec.json.decode(entity, type=_Notification)
    except (ValueError, RecursionError):
        # msgspec's errors and Unicode errors are ValueErrors.
        return None
    event = peek(bytes(told.payload))
    if event.occurred_at is None:
        return None
    return Attempt(
        id=told.id,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        destination=told.notification_setting_id,
        state=STATES.get(told.status, AttemptState.OTHER),
        delivered_at=told.delivered_at,
    )
