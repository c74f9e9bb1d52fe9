"""What a payment provider must offer; tasks know providers only by this."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from models.drift import DriftKind
from models.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the inbox holds it."""

    inbox_id: int
    provider: str
    event_id: str
    #: None for a body in which no usable id, type or time was found.
    event_type: str | None
    occurred_at: datetime | None
    body: bytes


#: Why earlier releases ignored every event of a type that they did not apply: a release
#: that does takes it up again.
NOT_HANDLED = "not handled yet"
#: Why an event of a type is ignored that no release so far has heard of.
UNKNOWN_TYPE = "unknown event type"
#: What the reasons begin with that hold for a whole type: kept to be looked at, or of
#: no use. A release that decides otherwise takes its events up again.
KEPT = "kept: "
NOT_NEEDED = "not needed: "


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that changes nothing, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a body that cannot be read seems to be about; each part may be missing."""

    customer_id: str | None = None
    transaction_id: str | None = None
    currency: str | None = None
    #: In the currency's minor unit.
    total_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Novelty:
    """Something in a body that this release has never heard of."""

    kind: DriftKind
    #: The type itself, or where it stands; names only, no data.
    path: str
    #: The new value, of a field that has a fixed set of them.
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How a provider writes its ids of one kind."""

    pattern: re.Pattern[str]
    #: The same for a person: ``pri_ and 26 letters or digits``.
    words: str


@dataclass(frozen=True, slots=True)
class SyntheticEvent:
    """An entity that was asked for, as the event that would have told it."""

    #: The same for the same content.
    event_id: str
    event_type: str
    #: When the entity was changed, not when it was asked for.
    occurred_at: datetime
    #: In the provider's own envelope, so that ``Provider.read`` takes it.
    body: bytes
    entity_id: str
    #: When the entity came to be; None: the provider does not say.
    created_at: datetime | None


class Provider(Protocol):
    """Turns a provider's payloads into snapshots."""

    #: The provider's name in rows and paths.
    name: str
    #: The event types that this release applies; the rest is ignored.
    handled: frozenset[str]
    #: How it writes the ids of prices; no two providers alike.
    price_form: Form
    #: How ids of events begin that were only simulated: no list has them.
    simulated: str

    def read(self, event: StoredEvent) -> Snapshot | Ignored:
        """Understand an event.

        Raises:
            MalformedPayloadError: The body is not what the provider describes; the
                message names the field and quotes no data.
        """
        ...

    def is_same_fact(self, one: bytes, other: bytes) -> bool:
        """Tell whether two bodies under one id say the same, delivery data aside."""
        ...

    def glimpse(self, body: bytes) -> Glimpse:
        """Return what can be told of any bytes, for operators; never raises."""
        ...

    def novelties(self, event_type: str, body: bytes) -> frozenset[Novelty]:
        """Return what of an event is new to this release; never raises.

        Bounded in number and length, and free of personal data.
        """
        ...

    def synthetic(
        self,
        kind: str,
        entity: bytes,
        *,
        run: int | None = None,
        after: datetime | None = None,
    ) -> SyntheticEvent:
        """Make an event of an entity that the API told.

        Args:
            kind: As in ``customer``.
            entity: As the API wrote it.
            run: Makes another event of the same answer: it was one before, and what it
                said is so no more.
            after: The event is to have occurred later than this.

        Raises:
            MalformedPayloadError: It has no usable id or time.
        """
        ...

    def failure_words(self, code: str) -> str:
        """Return in plain words why a payment failed; an unknown code as it is.

        Args:
            code: As ``payments.error_code`` has it. It comes from outside: clean it
                before it is shown.
        """
        ...
