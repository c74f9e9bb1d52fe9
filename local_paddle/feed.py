"""Turns what happened into events, and events into notifications to be delivered.

An event is one fact; a notification is its way to one destination
(https://developer.paddle.com/webhooks/overview). Extras of the fault plan become
notifications without an event: the API never shows them.
"""

import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_paddle import hostile
from local_paddle.clock import Clock, rfc3339, with_nanoseconds
from local_paddle.faults import Extra, Fate, Fault, Plan
from local_paddle.ids import Ids
from local_paddle.signing import compact
from local_paddle.store import Entity, Store

REAL = "event"
SIMULATED = "simulation"
NANOSECONDS = 1000


@dataclass(frozen=True)
class Emitted:
    """An event and the notifications that carry it."""

    event_id: str
    event_type: str
    occurred_at: str
    entity_id: str
    notification_ids: list[str]


@dataclass
class Feed:
    """Writes events and notifications; the deliverer takes ids from ``fresh``."""

    store: Store
    ids: Ids
    clock: Clock
    plan: Plan = field(default_factory=Plan)
    #: Due instant and id of notifications that the deliverer has not seen yet.
    fresh: deque[tuple[float, str]] = field(default_factory=deque)

    def emit(
        self, event_type: str, data: Entity, at: datetime, fault: Fault | None = None
    ) -> Emitted:
        """Record an event and queue it for every destination that wants it."""
        event_id = self.ids.new("evt")
        ordinal = self.store.insert(
            "events",
            id=event_id,
            event_type=event_type,
            occurred_at=rfc3339(at),
            entity_id=data["id"],
            data=compact(self._as_sent(event_type, data)),
        )
        fate = self.plan.fate_of(ordinal)
        if fault:
            fate = Fate(fault, fate.hold_seconds, fate.extras)
        sent = [
            self.queue(event_id, setting["id"], fate)
            for setting in self._destinations(event_type)
        ]
        for extra in fate.extras:
            # Nothing to forge from before the first completed purchase.
            with suppress(LookupError):
                self.inject(extra, event_id=event_id)
        return Emitted(event_id, event_type, rfc3339(at), data["id"], sent)

    def queue(
        self, event_id: str, setting_id: str, fate: Fate, *, origin: str = "event"
    ) -> str:
        """Queue an event for one destination and return the notification's id."""
        event = self.store.rows("SELECT * FROM events WHERE id = ?", (event_id,))[0]
        notification_id = self.ids.new("ntf")
        # Paddle's own order of keys; ``data`` is stored compact and goes in as it is.
        rest = compact(
            {
                "event_id": event_id,
                "event_type": event["event_type"],
                "occurred_at": event["occurred_at"],
                "notification_id": notification_id,
            }
        )
        return self._add(
            notification_id,
            fate,
            source=REAL,
            event_id=event_id,
            event_type=event["event_type"],
            setting_id=setting_id,
            origin=origin,
            occurred_at=event["occurred_at"],
            body=f'{{"data":{event["data"]},{rest[1:]}'.encode(),
        )

    def inject(
        self, extra: Extra, variant: str | None = None, event_id: str | None = None
    ) -> str:
        """Queue a delivery that is no event of ours and return its id.

        Raises:
            KeyError: There is no such variant.
            LookupError: There is nothing to make it from: no completed transaction.

        """
        notification_id = self.ids.new("ntf")
        kind, chosen, body = self._extra(extra, variant, event_id, notification_id)
        setting = self.store.all("notification_setting")[0]
        return self._add(
            notification_id,
            Fate(),
            source=extra.value,
            event_id=kind,
            event_type=None if extra is Extra.MALFORMED else hostile.TYPE,
            variant=chosen,
            setting_id=setting["id"],
            origin="event",
            occurred_at=rfc3339(self.clock.now()),
            body=body,
        )

    def simulate(self, event: Entity) -> str:
        """Queue a simulated event for its destination; return the delivery's id.

        It counts as no event: no fault befalls it, and no list shows it.
        """
        notification_id = self.ids.new("ntfsimntf")
        body = {
            "data": event["payload"],
            "event_id": event["id"],
            "event_type": event["event_type"],
            "occurred_at": event["created_at"],
            "notification_id": notification_id,
        }
        return self._add(
            notification_id,
            Fate(),
            source=SIMULATED,
            event_id=event["id"],
            event_type=event["event_type"],
            setting_id=event["setting_id"],
            origin="event",
            occurred_at=event["created_at"],
            body=compact(body).encode(),
        )

    def _add(self, notification_id: str, fate: Fate, **columns: Any) -> str:  # noqa: ANN401
        due_at = self.clock.epoch() + fate.hold_seconds
        self.store.insert(
            "notifications",
            id=notification_id,
            due_at=due_at,
            fault=fate.fault,
            **columns,
        )
        self.fresh.append((due_at, notification_id))
        return notification_id

    def _destinations(self, event_type: str) -> list[Entity]:
        return [
            setting
            for setting in self.store.all("notification_setting")
            if setting["active"]
            and setting["traffic_source"] != "simulation"
            and any(e["name"] == event_type for e in setting["subscribed_events"])
        ]

    def _as_sent(self, event_type: str, data: Entity) -> Entity:
        if not event_type.startswith("transaction."):
            return data
        digits = self.plan.random_for(data["updated_at"]).randrange(NANOSECONDS)
        return data | {"updated_at": with_nanoseconds(data["updated_at"], digits)}

    def _extra(
        self, extra: Extra, variant: str | None, event_id: str | None, ntf: str
    ) -> tuple[str | None, str | None, bytes]:
        at = rfc3339(self.clock.now())
        chance = self.plan.random_for(f"{extra} {self.store.next_number(extra, 1)}")
        if extra is Extra.MALFORMED:
            chosen = variant or chance.choice(sorted(hostile.MALFORMED))
            return None, chosen, hostile.MALFORMED[chosen](self.ids, at)
        if extra is Extra.STALE:
            return self._captured(event_id)
        sample = self._sample()
        chosen = "new_purchase"
        if extra is Extra.POISON:
            chosen = variant or chance.choice(sorted(hostile.POISON))
            sample = hostile.poisoned(chosen, sample)
        made_up = self.ids.new("evt")
        body = {
            "data": sample,
            "event_id": made_up,
            "event_type": hostile.TYPE,
            "occurred_at": at,
            "notification_id": ntf,
        }
        return made_up, chosen, compact(body).encode()

    def _captured(self, event_id: str | None) -> tuple[str | None, str | None, bytes]:
        row = self.store.rows(
            "SELECT event_id, body FROM notifications WHERE source = 'event'"
            " AND (?1 IS NULL OR event_id = ?1) ORDER BY id DESC LIMIT 1",
            (event_id,),
        )
        if not row:
            message = "there is no delivery to capture yet"
            raise LookupError(message)
        return row[0]["event_id"], "captured", bytes(row[0]["body"])

    def _sample(self) -> Entity:
        # A purchase that never was, of a real customer: it would give access if it
        # were taken for real.
        found = self.store.rows(
            "SELECT data FROM events WHERE event_type = ? ORDER BY ordinal DESC LIMIT 1",
            (hostile.TYPE,),
        )
        if not found:
            message = "there is no completed transaction to start from yet"
            raise LookupError(message)
        sample: Entity = json.loads(found[0]["data"])
        for line in sample["details"]["line_items"]:
            line["id"] = self.ids.new("txnitm")
        return sample | {"id": self.ids.new("txn")}
