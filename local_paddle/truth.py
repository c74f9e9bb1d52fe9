"""What the local Paddle knows: who should have what, and what went over the wire."""

import hashlib
from typing import Any

from local_paddle.clock import rfc3339
from local_paddle.entitlement import access_of, courses_of, reasons_of
from local_paddle.faults import Extra
from local_paddle.feed import REAL, SIMULATED
from local_paddle.store import Store
from local_paddle.subscription_facts import Viewpoint, subscriptions_of


def truth_of(store: Store, view: Viewpoint) -> dict[str, Any]:
    """Return all of it; the shape is in the functions below."""
    return {
        "now": rfc3339(view.now),
        "access": access_of(store, view),
        "courses": courses_of(store, view),
        "reasons": reasons_of(store, view),
        "customers": customers_of(store),
        "subscriptions": subscriptions_of(store, view),
        "adjustments": adjustments_of(store),
        "transactions": transactions_of(store),
        "events": events_of(store),
        "extras": extras_of(store),
        "counts": counts_of(store),
    }


def customers_of(store: Store) -> list[dict[str, Any]]:
    """Return every customer in short."""
    names = ("id", "email", "name", "status", "updated_at")
    return [{name: one[name] for name in names} for one in store.all("customer")]


def transactions_of(store: Store) -> list[dict[str, Any]]:
    """Return every transaction in short."""
    emails = {c["id"]: c["email"] for c in store.all("customer")}
    return [
        {
            "id": t["id"],
            "status": t["status"],
            "customer_id": t["customer_id"],
            "email": emails.get(t["customer_id"]),
            "currency_code": t["currency_code"],
            "total": t["details"]["totals"]["total"],
            "tax": t["details"]["totals"]["tax"],
            "fee": t["details"]["totals"]["fee"],
            "invoice_number": t["invoice_number"],
            "price_ids": [line["price_id"] for line in t["details"]["line_items"]],
            "origin": t["origin"],
            "subscription_id": t["subscription_id"],
            "billing_period": t["billing_period"],
            "billed_at": t["billed_at"],
            "updated_at": t["updated_at"],
        }
        for t in store.all("transaction")
    ]


def adjustments_of(store: Store) -> list[dict[str, Any]]:
    """Return every adjustment in short."""
    names = ("id", "action", "type", "status", "transaction_id", "subscription_id")
    return [
        {
            **{name: adjustment[name] for name in names},
            "total": adjustment["totals"]["total"],
            "created_at": adjustment["created_at"],
        }
        for adjustment in store.all("adjustment")
    ]


def events_of(store: Store) -> list[dict[str, Any]]:
    """Return every real event and how its deliveries went."""
    found = store.rows(
        "SELECT e.id, e.event_type, e.occurred_at, e.entity_id,"
        " count(d.n) AS deliveries, sum(d.outcome = 'answered_200') AS answered_200"
        " FROM events e LEFT JOIN notifications n"
        " ON n.event_id = e.id AND n.source = 'event'"
        " LEFT JOIN deliveries d ON d.notification_id = n.id"
        " GROUP BY e.ordinal ORDER BY e.ordinal"
    )
    return [
        {
            "event_id": row["id"],
            "event_type": row["event_type"],
            "occurred_at": row["occurred_at"],
            "entity_id": row["entity_id"],
            "deliveries": row["deliveries"],
            "answered_200": row["answered_200"] or 0,
        }
        for row in found
    ]


def extras_of(store: Store) -> list[dict[str, Any]]:
    """Return every delivery that was no event of ours, with what a receiver sees."""
    found = store.rows(
        "SELECT n.*, (SELECT count(*) FROM deliveries d WHERE d.notification_id = n.id"
        " AND d.outcome = 'answered_200') AS answered_200 FROM notifications n"
        " WHERE n.source NOT IN ('event', 'simulation') ORDER BY n.id"
    )
    return [
        {
            "kind": row["source"],
            "variant": row["variant"],
            "notification_id": row["id"],
            "event_id": row["event_id"],
            "sha256": hashlib.sha256(row["body"]).hexdigest(),
            "answered_200": row["answered_200"],
        }
        for row in found
    ]


def counts_of(store: Store) -> dict[str, int]:
    """Return the wire counts; ``deliveries`` is the sum of the three outcomes.

    Requests still in flight are in none of them.
    """
    ended = "d.outcome <> 'in_flight'"
    counts = {
        "events": store.value("SELECT count(*) FROM events"),
        "notifications": store.value("SELECT count(*) FROM notifications"),
        "exhausted": _notifications(store, "status = 'failed' AND source = 'event'"),
        "deliveries": _deliveries(store, ended),
        "in_flight": _deliveries(store, "d.outcome = 'in_flight'"),
        "answers_lost": _deliveries(store, "d.answer_lost = 1"),
        "cut": _deliveries(store, f"{ended} AND d.fault = 'drop'"),
        "corrupted": _deliveries(store, f"{ended} AND d.fault = 'corrupt'"),
        "doubled": _deliveries(store, f"{ended} AND d.fault = 'double'") // 2,
        "accepted": _accepted(store),
    }
    for outcome in ("answered_200", "refused", "unanswered"):
        counts[outcome] = _deliveries(store, f"d.outcome = '{outcome}'")
    for source in (REAL, SIMULATED, *Extra):
        name = {REAL: "real"}.get(source, str(source))
        of = f"n.source = '{source}'"
        counts[name] = _deliveries(store, f"{ended} AND {of}")
        counts[f"{name}_answered_200"] = _deliveries(
            store, f"d.outcome = 'answered_200' AND {of}"
        )
    return counts


def _accepted(store: Store) -> int:
    # What a receiver must have stored: each event id, and each body without an id, once.
    return int(
        store.value(
            "SELECT count(DISTINCT coalesce(n.event_id, n.id)) FROM deliveries d"
            " JOIN notifications n ON n.id = d.notification_id"
            " WHERE d.outcome = 'answered_200'"
        )
    )


def _deliveries(store: Store, condition: str) -> int:
    joined = "deliveries d JOIN notifications n ON n.id = d.notification_id"
    sql = f"SELECT count(*) FROM {joined} WHERE {condition}"  # noqa: S608
    return int(store.value(sql))


def _notifications(store: Store, condition: str) -> int:
    sql = f"SELECT count(*) FROM notifications WHERE {condition}"  # noqa: S608
    return int(store.value(sql))
