"""What a provider has and tells, and where our ledger says otherwise."""

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from models.snapshot import Snapshot
from tests import same_as_provider
from tests.fake_api import FakeApi
from tests.histories.bodies import Body, Data, rfc
from tests.reconciling import OURS
from worker.differences import snapshot_of
from worker.providers.api import ApiList
from worker.providers.registry import PROVIDERS

#: As an event's type begins.
KINDS = ("customer", "transaction", "subscription", "adjustment")
#: How long the provider lists events.
LISTED_FOR = timedelta(days=90)


@dataclass
class Truth:
    """A provider's entities as they are, the events that made them so, and deliveries."""

    entities: dict[str, dict[str, Data]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    events: list[Body] = field(default_factory=list)
    #: By event: what became of its delivery.
    deliveries: dict[str, Data] = field(default_factory=dict)

    def know(self, body: Body) -> None:
        """Take up what an event tells; it is yet to be delivered."""
        kind, _, _ = body["event_type"].partition(".")
        data = dict(body["data"])
        if kind == "subscription":
            # Only the event of its making names the transaction.
            data.pop("transaction_id", None)
        self.entities[kind][data["id"]] = data
        self.events.append(body)
        self.deliveries[body["event_id"]] = {"status": "failed"}

    def delivered(self, bodies: Iterable[Body], at: datetime) -> None:
        """Note that deliveries were answered 200."""
        for body in bodies:
            noted = {"status": "delivered", "delivered_at": rfc(at)}
            self.deliveries[body["event_id"]] = noted

    def api(self, now: datetime) -> FakeApi:
        """Return what answers for the provider."""
        listed = [
            body
            for body in self.events
            if datetime.fromisoformat(body["occurred_at"]) >= now - LISTED_FOR
        ]
        lists: dict[ApiList, list[Mapping[str, Any]]] = {
            ApiList(f"{kind}s"): list(known.values())
            for kind, known in self.entities.items()
        }
        lists[ApiList.EVENTS] = list(listed)
        lists[ApiList.NOTIFICATIONS] = [self._notification(body) for body in listed]
        return FakeApi(lists, delivers_to=[OURS])

    def snapshots(self) -> Iterator[Snapshot]:
        """Return the entities as the pure rules take them."""
        for kind, known in self.entities.items():
            for data in known.values():
                event = PROVIDERS["paddle"].synthetic(kind, json.dumps(data).encode())
                yield snapshot_of("paddle", event)

    def differences(self, engine: Engine) -> dict[tuple[str, ...], Any]:
        """Return what our ledger says otherwise: as told, and as held."""
        objects = {
            f"{kind}s": [_whole(f"{kind}s", data) for data in known.values()]
            for kind, known in self.entities.items()
        }
        return same_as_provider.differences(engine, objects)

    def _notification(self, body: Body) -> Data:
        return {
            "id": f"ntf_{body['event_id']}",
            "notification_setting_id": OURS.id,
            "payload": body,
            **self.deliveries[body["event_id"]],
        }


def _whole(table: str, data: Data) -> Data:
    """Return an entity with every field that is compared: histories tell the least."""
    made = deepcopy(data)
    _fill(made, same_as_provider.FIELDS[table])
    for owner, _, where, fields in same_as_provider.PARTS.values():
        if owner == table:
            *above, name = where.split(".")
            holder = made[above[0]] if above else made
            for part in holder[name]:
                _fill(part, fields)
    return made


def _fill(thing: Data, fields: Mapping[str, str]) -> None:
    for path in fields.values():
        *above, name = path.split(".")
        holder: Any = thing
        for step in above:
            holder = holder.setdefault(step, None) if holder is not None else None
        if holder is not None:
            holder.setdefault(name, None)
