"""One step of the shop: its clock, its events, what it leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local_paddle.clock import instant_of
from local_paddle.faults import Fault
from local_paddle.feed import Emitted, Feed
from local_paddle.store import Entity, Store

NO_FAULTS: Mapping[str, Fault] = {}
ANY_EVENT = "*"
#: Where Paddle has none of its own for it.
USUAL_CODE = "bad_request"


class ShopError(ValueError):
    """Something the shop cannot do; the message says why.

    ``code`` is Paddle's own error code where it has one.
    """

    def __init__(self, message: str, code: str = USUAL_CODE) -> None:
        """Say why, and how Paddle's API calls it."""
        super().__init__(message)
        self.code = code


@dataclass
class Receipt:
    """What a step of the shop left behind."""

    #: Empty where no transaction was made.
    transaction_id: str
    customer_id: str | None = None
    adjustment_id: str | None = None
    subscription_id: str | None = None
    events: list[Emitted] = field(default_factory=list)

    def as_json(self) -> Entity:
        """Write it as the control endpoints answer it."""
        return {
            "transaction_id": self.transaction_id or None,
            "customer_id": self.customer_id,
            "adjustment_id": self.adjustment_id,
            "subscription_id": self.subscription_id,
            "event_ids": [event.event_id for event in self.events],
            "notification_ids": [n for e in self.events for n in e.notification_ids],
            "events": [
                {
                    "event_id": event.event_id,
                    "event_type": event.event_type,
                    "occurred_at": event.occurred_at,
                    "notification_ids": event.notification_ids,
                }
                for event in self.events
            ],
        }


class Till:
    """Keeps the time of one step and tells what happens in it."""

    def __init__(
        self, feed: Feed, now: datetime, faults: Mapping[str, Fault] = NO_FAULTS
    ) -> None:
        """Begin at an instant; faults go by event type, ``*`` for every event."""
        self._feed = feed
        self._faults = faults
        self.now = now
        self.events: list[Emitted] = []

    def tick(self, microseconds: int = 1) -> datetime:
        """Let time pass."""
        self.now += timedelta(microseconds=microseconds)
        return self.now

    def wait_for(self, entity: Entity) -> datetime:
        """Let time pass until after the last change of an entity."""
        self.now = later_than(self.now, entity)
        return self.now

    def tell(self, *event_types: str, entity: Entity, **beside: str) -> None:
        """Store an entity and emit events about it.

        Several events of one call share one ``occurred_at``, as Paddle's do; what is
        ``beside`` goes into the first event only.
        """
        kind = event_types[0].partition(".")[0]
        self._feed.store.put(kind, entity)
        at = self.tick()
        for event_type in event_types:
            fault = self._faults.get(event_type, self._faults.get(ANY_EVENT))
            told = self._feed.emit(event_type, {**entity, **beside}, at, fault)
            self.events.append(told)
            beside = {}


def later_than(now: datetime, *entities: Entity) -> datetime:
    """Return now, or an instant after the last change of the entities.

    A change never looks older than the one before it, however fast they follow.
    """
    changed = (instant_of(entity["updated_at"]) for entity in entities)
    return max([now, *(at + timedelta(microseconds=1) for at in changed)])


def transaction_of(store: Store, transaction_id: str) -> Entity:
    """Return a stored transaction.

    Raises:
        ShopError: There is none.

    """
    found = store.get("transaction", transaction_id)
    if found is None:
        message = f"no transaction {transaction_id}"
        raise ShopError(message)
    return found
