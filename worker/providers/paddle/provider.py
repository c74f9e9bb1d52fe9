"""Reads Paddle's events: which are ours, and what they say.

Nothing outside this folder knows Paddle's field names. ``data`` is always a complete
snapshot of the entity, never a difference.
"""

import re
from datetime import datetime

import msgspec

from models.clock import Clock, Ranks
from models.snapshot import Snapshot
from worker.errors import MalformedPayloadError
from worker.providers.contract import (
    UNKNOWN_TYPE,
    Form,
    Glimpse,
    Ignored,
    Novelty,
    StoredEvent,
    SyntheticEvent,
)
from worker.providers.paddle import payment_failures, shapes
from worker.providers.paddle.account import NAME
from worker.providers.paddle.event_types import EVENT_TYPES
from worker.providers.paddle.glimpse import glimpse_of
from worker.providers.paddle.payload import Envelope
from worker.providers.paddle.synthetic import synthetic_of
from worker.providers.paddle.values import text_of, time_of
from worker.settings import Environment, settings

#: What msgspec raises for bytes that are not JSON, or nested beyond all reason.
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
SIMULATED_EVENT = "ntfsimevt_"
SIMULATED = "simulated"


class Paddle:
    """Paddle Billing, API version 1."""

    name = NAME
    handled = frozenset(name for name, one in EVENT_TYPES.items() if one.reader)
    simulated = SIMULATED_EVENT
    price_form = Form(re.compile(r"pri_[a-z0-9]{26}"), "pri_ and 26 letters or digits")

    def read(self, event: StoredEvent) -> Snapshot | Ignored:
        """See ``worker.providers.contract.Provider``."""
        envelope = envelope_of(event)
        if _is_simulated(envelope.event_id):
            return Ignored(SIMULATED)
        event_type = EVENT_TYPES.get(envelope.event_type)
        if event_type is None:
            return Ignored(UNKNOWN_TYPE)
        if event_type.reader is None:
            return Ignored(event_type.reason)
        occurred_at = time_of(envelope.occurred_at, "occurred_at")

        def clock(ranks: Ranks, updated_at: str) -> Clock:
            moment = time_of(updated_at, "data.updated_at")
            terminal, status = ranks
            return Clock(terminal, moment, status, occurred_at, envelope.event_id)

        try:
            return event_type.reader(bytes(envelope.data), clock)
        except msgspec.ValidationError as error:
            raise MalformedPayloadError(_without_data(error, "$.data")) from None
        except NOT_JSON:
            # The envelope's reader passes over what is inside of data.
            raise MalformedPayloadError("data is not JSON") from None

    def is_same_fact(self, one: bytes, other: bytes) -> bool:
        """See ``worker.providers.contract.Provider``.

        Bodies hold ``notification_id``, which differs for every destination and
        replay; an event is its type, time and data.
        """
        try:
            first, second = (msgspec.json.decode(body) for body in (one, other))
        except NOT_JSON:
            return False
        if not isinstance(first, dict) or not isinstance(second, dict):
            return False
        parts = ("event_type", "occurred_at", "data")
        return [first.get(p) for p in parts] == [second.get(p) for p in parts]

    def glimpse(self, body: bytes) -> Glimpse:
        """See ``worker.providers.contract.Provider``."""
        return glimpse_of(body)

    def novelties(self, event_type: str, body: bytes) -> frozenset[Novelty]:
        """See ``worker.providers.contract.Provider``."""
        return shapes.novelties_of(event_type, body)

    def synthetic(
        self,
        kind: str,
        entity: bytes,
        *,
        run: int | None = None,
        after: datetime | None = None,
    ) -> SyntheticEvent:
        """See ``worker.providers.contract.Provider``."""
        return synthetic_of(kind, entity, run=run, after=after)

    def failure_words(self, code: str) -> str:
        """See ``worker.providers.contract.Provider``."""
        return payment_failures.failure_words(code)


def envelope_of(event: StoredEvent) -> Envelope:
    """Read the envelope.

    Raises:
        MalformedPayloadError: There is none, or not the one the inbox knows.
    """
    try:
        envelope = msgspec.json.decode(event.body, type=Envelope)
    except msgspec.ValidationError as error:
        raise MalformedPayloadError(_without_data(error, "$")) from None
    except NOT_JSON:
        raise MalformedPayloadError("the body is not JSON") from None
    text_of(envelope.event_id, "event_id")
    if event.event_type is None:
        message = "event_id, event_type or occurred_at has a form Paddle never uses"
        raise MalformedPayloadError(message)
    if envelope.event_id != event.event_id:
        raise MalformedPayloadError("event_id is not the one it was stored under")
    return envelope


def _is_simulated(event_id: str) -> bool:
    if not event_id.startswith(SIMULATED_EVENT):
        return False
    return settings().paddle_environment is Environment.PRODUCTION


def _without_data(error: msgspec.ValidationError, root: str) -> str:
    # msgspec names types, fields and the path, but quotes enum values: none are used.
    message, _, path = str(error).partition(" - at ")
    place = path.strip("`").removeprefix("$") or ""
    return f"{root}{place}: {message}"
