"""Makes an event of an entity that Paddle's API told, in the envelope of a webhook.

Its time is the entity's ``updated_at``, not the time of asking: an answer must not win
over what happened after it was given.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from worker.errors import MalformedPayloadError
from worker.providers.contract import SyntheticEvent
from worker.providers.paddle.values import text_of, time_of

#: No id of Paddle's begins so.
PREFIX = "pw_"


class _Entity(msgspec.Struct):
    id: str
    #: Can be missing where a product or price was never changed.
    updated_at: str | None = None
    created_at: str | None = None


def synthetic_of(
    kind: str,
    entity: bytes,
    *,
    run: int | None = None,
    after: datetime | None = None,
) -> SyntheticEvent:
    """Return the event that says what the entity says.

    Args:
        kind: As in ``customer``.
        entity: As the API wrote it.
        run: See ``worker.providers.contract.Provider.synthetic``.
        after: See there.

    Raises:
        MalformedPayloadError: The entity has no usable id or time.
    """
    try:
        known = msgspec.json.decode(entity, type=_Entity)
        snapshot = msgspec.json.decode(entity)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        message = f"the {kind} is not JSON with an id and updated_at"
        raise MalformedPayloadError(message) from None
    text_of(known.id, "id")
    moment = known.updated_at or known.created_at
    if moment is None:
        raise MalformedPayloadError(f"the {kind} has no updated_at")
    occurred_at = time_of(moment, "updated_at")
    created_at = time_of(known.created_at, "created_at") if known.created_at else None
    # In one order of keys and without blanks: how it was written does not count.
    said = [kind, known.id, moment, snapshot, *([] if run is None else [run])]
    digest = hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()
    # Only the time of the event is raised; in ``models.clock`` it decides last but one,
    # after how final a status is and the entity's own ``updated_at``.
    if after is not None and after >= occurred_at:
        occurred_at = after + timedelta(microseconds=1)
        moment = occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    event_id, event_type = f"{PREFIX}{digest}", f"{kind}.updated"
    body = {
        "event_id": event_id,
        "event_type": event_type,
        "occurred_at": moment,
        "data": msgspec.Raw(entity),
    }
    encoded = msgspec.json.encode(body)
    return SyntheticEvent(
        event_id, event_type, occurred_at, encoded, known.id, created_at
    )
