"""Simulated events: shaped like real ones, signed like real ones, about nothing real.

https://developer.paddle.com/webhooks/test-webhooks/simulator/overview. Their ids begin
with ``ntfsimevt_`` and ``ntfsimntf_``, they go only to destinations that take
simulations, and neither ``GET /events`` nor ``GET /notifications`` shows them.
"""

from typing import Any

from local_paddle.clock import rfc3339
from local_paddle.event_type import event_types
from local_paddle.feed import Feed
from local_paddle.rehearsal import Rehearsal
from local_paddle.store import Entity, Store
from local_paddle.till import ShopError

KIND = "simulation"
RUN = "simulation_run"
EVENT = "simulation_event"
TAKERS = ("simulation", "all")
#: What a scenario tells with its usual options.
SCENARIOS = {
    "subscription_creation": "A checkout starts a subscription",
    "subscription_renewal": "A subscription renews",
    "subscription_pause": "A subscription is paused",
    "subscription_resume": "A paused subscription is resumed",
    "subscription_cancellation": "A subscription is canceled",
}
_STATUSES = {"delivered": "success", "failed": "failed"}


class Simulations:
    """Makes and runs them."""

    def __init__(self, feed: Feed) -> None:
        """Send through this feed."""
        self._feed = feed
        self._store = feed.store

    def create(self, given: Entity) -> Entity:
        """Return a new simulation.

        Raises:
            ShopError: An unknown type, or a destination that takes none.

        """
        if given["type"] not in SCENARIOS and given["type"] not in _single_types():
            message = f"there is no simulation {given['type']}"
            raise ShopError(message, "invalid_field")
        self._taker(given["notification_setting_id"])
        at = rfc3339(self._feed.clock.now())
        is_scenario = given["type"] in SCENARIOS
        made = {
            "id": self._feed.ids.new("ntfsim"),
            "notification_setting_id": given["notification_setting_id"],
            "name": given["name"],
            "type": given["type"],
            "status": "active",
            "last_run_at": None,
            "created_at": at,
            "updated_at": at,
        }
        field = "config" if is_scenario else "payload"
        self._store.put(KIND, {**made, field: given.get(field)})
        return {**made, field: given.get(field)}

    def run(self, simulation: Entity) -> Entity:
        """Send what a simulation tells; return the run.

        Raises:
            ShopError: Its configuration does not fit what is there.

        """
        setting = self._taker(simulation["notification_setting_id"])
        told = self._told(simulation)
        at = rfc3339(self._feed.clock.now())
        run = {
            "id": self._feed.ids.new("ntfsimrun"),
            "status": "pending",
            "type": simulation["type"],
            "created_at": at,
            "updated_at": at,
        }
        with self._store.transaction():
            self._store.put(RUN, run | {"simulation_id": simulation["id"]})
            self._store.put(KIND, {**simulation, "last_run_at": at})
            for event_type, data in told:
                self._send(run["id"], setting["id"], event_type, data)
        return run

    def replay(self, event: Entity) -> str:
        """Send an event of a run once more, as an event of its own; return its id."""
        with self._store.transaction():
            run_id, data = event["run_id"], event["payload"]
            return self._send(run_id, event["setting_id"], event["event_type"], data)

    def _told(self, simulation: Entity) -> list[tuple[str, Entity]]:
        rehearsal = Rehearsal(self._feed)
        event_type = simulation["type"]
        if event_type in SCENARIOS:
            return rehearsal.scenario(event_type, simulation.get("config"))
        payload = simulation.get("payload")
        return [(event_type, payload or rehearsal.sample(event_type))]

    def _send(self, run_id: str, setting_id: str, event_type: str, data: Entity) -> str:
        at = rfc3339(self._feed.clock.now())
        event_id = self._feed.ids.new("ntfsimevt")
        event = {
            "id": event_id,
            "run_id": run_id,
            "setting_id": setting_id,
            "event_type": event_type,
            "payload": data,
            "created_at": at,
            "updated_at": at,
        }
        event["notification_id"] = self._feed.simulate(event)
        self._store.put(EVENT, event)
        return event_id

    def _taker(self, setting_id: str) -> Entity:
        setting = self._store.get("notification_setting", setting_id)
        if setting is None or setting["traffic_source"] not in TAKERS:
            message = f"{setting_id} takes no simulations: set its traffic_source"
            raise ShopError(message, "invalid_field")
        return setting


def run_of(store: Store, row: Entity) -> Entity:
    """Return a run as the API shows it: completed once everything was tried."""
    events = store.having(EVENT, "run_id", row["id"])
    is_open = any(event_of(store, e)["status"] == "pending" for e in events)
    names = ("id", "type", "created_at", "updated_at")
    status = "pending" if is_open else "completed"
    return {"status": status, **{name: row[name] for name in names}}


def event_of(store: Store, row: Entity) -> Entity:
    """Return an event of a run as the API shows it, with request and response."""
    names = ("id", "event_type", "payload", "created_at", "updated_at")
    sent = store.rows(
        "SELECT n.body, n.status, l.response_code, l.response_body FROM notifications n"
        " LEFT JOIN logs l ON l.notification_id = n.id WHERE n.id = ?",
        (row["notification_id"],),
    )[0]
    code = sent["response_code"]
    response = {"body": sent["response_body"], "status_code": code} if code else None
    return {
        **{name: row[name] for name in names},
        "status": _STATUSES.get(sent["status"], "pending"),
        "request": {"body": sent["body"].decode()},
        "response": response,
    }


def types_of(feed: Feed) -> list[Entity]:
    """Return what can be simulated, and what each tells."""
    rehearsal = Rehearsal(feed)
    scenarios = [
        _type(name, text, "scenario", [e for e, _ in rehearsal.scenario(name, None)])
        for name, text in SCENARIOS.items()
    ]
    singles = [
        _type(name, text, "single_event", [name])
        for name, text in _single_types().items()
    ]
    return [*scenarios, *singles]


def _type(name: str, text: str, kind: str, events: list[str]) -> Entity:
    group = name.partition("." if kind == "single_event" else "_")[0]
    return {
        "name": name,
        "label": name,
        "description": text,
        "group": group.capitalize(),
        "type": kind,
        "events": events,
    }


def _single_types() -> dict[str, Any]:
    return {e["name"]: e["description"] for e in event_types()}
