"""Lists of what is sent: events, notifications, logs, destinations, simulations."""

import json
from sqlite3 import Row

from local_paddle.listing import ACTIVE, BY_ID, STATUSES, body, field, source
from local_paddle.page import Listing, containing, instant, one_of, truth
from local_paddle.store import Entity

NOTIFICATION_STATUSES = ("not_attempted", "needs_retry", "delivered", "failed")


def event_of(row: Row) -> Entity:
    """Write an event as the API lists it."""
    return {
        "event_id": row["id"],
        "event_type": row["event_type"],
        "occurred_at": row["occurred_at"],
        "data": json.loads(row["data"]),
    }


def notification_of(row: Row) -> Entity:
    """Write a notification as the API lists it."""
    return {
        "id": row["id"],
        "type": row["event_type"],
        "status": row["status"],
        "payload": json.loads(row["body"]),
        "occurred_at": row["occurred_at"],
        "delivered_at": row["delivered_at"],
        "replayed_at": row["replayed_at"],
        "origin": row["origin"],
        "last_attempt_at": row["last_attempt_at"],
        "retry_at": row["retry_at"],
        "times_attempted": row["times_attempted"],
        "notification_setting_id": row["setting_id"],
    }


def _log_of(row: Row) -> Entity:
    names = ("id", "response_code", "response_content_type", "response_body")
    return {name: row[name] for name in (*names, "attempted_at")}


SIMULATIONS = Listing(
    "ntfsim",
    source("simulation"),
    body,
    BY_ID
    | {
        "notification_setting_id": one_of(field("notification_setting_id")),
        "status": one_of(field("status"), STATUSES),
    },
    defaults=ACTIVE,
)
SIMULATION_RUNS = Listing("ntfsimrun", source("simulation_run"), body, BY_ID)
SIMULATION_EVENTS = Listing("ntfsimevt", source("simulation_event"), body, BY_ID)
SETTINGS = Listing(
    "ntfset",
    source("notification_setting"),
    body,
    {
        "active": truth(field("active")),
        "traffic_source": one_of(field("traffic_source")),
    },
    per_page=200,
)
EVENTS = Listing(
    "evt",
    "events WHERE true",
    event_of,
    {
        "event_type": one_of("event_type"),
        "filter": containing("entity_id", "data"),
        "from": instant("occurred_at", "GTE"),
        "to": instant("occurred_at", "LTE"),
    },
)
NOTIFICATIONS = Listing(
    "ntf",
    "notifications WHERE source = 'event'",
    notification_of,
    {
        "notification_setting_id": one_of("setting_id"),
        "status": one_of("status", NOTIFICATION_STATUSES),
        "search": containing("id", "event_type", "CAST(body AS TEXT)"),
        "filter": containing("CAST(body AS TEXT)"),
        "from": instant("occurred_at", "GTE"),
        "to": instant("occurred_at", "LTE"),
    },
)
LOGS = Listing("ntflog", "logs WHERE true", _log_of)
