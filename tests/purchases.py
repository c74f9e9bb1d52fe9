"""Purchases made of the bodies that Paddle publishes, and variations of them.

The published examples are seven moments of one purchase. Here it buys a course for
good: the one-off line is kept, the recurring ones are left out.
"""

import copy
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from models.snapshot import Snapshot
from worker.providers.contract import Ignored, StoredEvent
from worker.providers.paddle.provider import Paddle

WEBHOOKS = Path(__file__).parent / "data" / "paddle" / "webhooks"
ONE_OFF_PRICE = "pri_01gsz98e27ak2tyhexptwc58yk"
CUSTOMER = "ctm_01hv6y1jedq4p1n0yqn5ba3ky4"
TRANSACTION = "txn_01hv8wptq8987qeep44cyrewp9"
LINE = "txnitm_01hv8wt98jahpbm1t1v67vqnb6"
LINE_TOTAL = 21666
COURSE = "python-basics"
COMPLETED_AT = datetime(2024, 4, 12, 10, 18, 50, tzinfo=UTC)

Body = dict[str, Any]


@cache
def _text(name: str) -> str:
    return (WEBHOOKS / f"{name}.json").read_text()


def published(event_type: str) -> Body:
    """Return a fresh copy of a published body."""
    body: Body = json.loads(_text(event_type))
    return body


def all_published() -> list[str]:
    """Return the event types of which there is a body."""
    return sorted(path.stem for path in WEBHOOKS.glob("*.json"))


def transaction(event_type: str, course: str | None = COURSE, **data: Any) -> Body:
    """Return a published transaction event, cut to its one-off line.

    Args:
        event_type: As in ``transaction.completed``.
        course: What the seller names on the price; None: nothing.
        **data: Fields of ``data`` to replace.
    """
    body = published(event_type)
    content = body["data"]
    content["items"] = [i for i in content["items"] if not i["price"]["billing_cycle"]]
    details = content["details"]
    details["line_items"] = [
        {**line, "id": LINE}
        for line in details["line_items"]
        if line["price_id"] == ONE_OFF_PRICE
    ]
    details["totals"].update(details["line_items"][0]["totals"])
    details["totals"]["grand_total"] = details["totals"]["total"]
    content["subscription_id"] = None
    if course:
        content["items"][0]["price"]["custom_data"] = {"course": course}
    content.update(data)
    return body


def purchase() -> list[Body]:
    """Return the seven events of one purchase, in the order they were made."""
    paid = transaction("transaction.paid")
    updated = copy.deepcopy(paid)
    # Paddle tells the same state twice within a moment, under two types.
    updated |= {
        "event_id": "evt_01hv8x29kz0t854b9zt3jxyzzz",
        "event_type": "transaction.updated",
        "occurred_at": "2024-04-12T10:18:48.860000Z",
    }
    return [
        transaction("transaction.created"),
        published("customer.created"),
        transaction("transaction.ready"),
        transaction("transaction.payment_failed"),
        paid,
        updated,
        transaction("transaction.completed"),
    ]


def at(body: Body, moment: datetime, event_id: str | None = None) -> Body:
    """Return the event as if it had happened, and changed its entity, at a moment."""
    changed = copy.deepcopy(body)
    told = moment.isoformat().replace("+00:00", "Z")
    changed["occurred_at"] = changed["data"]["updated_at"] = told
    if event_id:
        changed["event_id"] = event_id
    return changed


def renamed(body: Body, suffix: str) -> Body:
    """Return the same event of another purchase by another customer."""
    text = json.dumps(body)
    event_id = body["event_id"]
    for name in (event_id, CUSTOMER, TRANSACTION, LINE):
        text = text.replace(name, f"{name[:-6]}{suffix:0>6}")
    changed: Body = json.loads(text)
    if "email" in changed["data"]:
        changed["data"]["email"] = f"learner{suffix}@example.com"
    return changed


def adjustment(
    action: str = "refund",
    status: str = "approved",
    total: int = LINE_TOTAL,
    *,
    number: int = 1,
    minutes: int = 10,
) -> Body:
    """Return an adjustment of the purchase's line, some minutes after completion."""
    body = published("adjustment.created")
    moment = COMPLETED_AT + timedelta(minutes=minutes)
    body = at(body, moment, f"evt_adj{number}_{status}")
    data = body["data"]
    data |= {
        "id": f"adj_{number}",
        "action": action,
        "status": status,
        "transaction_id": TRANSACTION,
        "customer_id": CUSTOMER,
        "subscription_id": None,
        "created_at": body["occurred_at"],
    }
    data["totals"]["total"] = str(total)
    data["items"][0] |= {"id": f"adjitm_{number}", "item_id": LINE}
    data["items"][0]["totals"]["total"] = str(total)
    return body


def encoded(body: Body) -> bytes:
    """Return the bytes that are delivered."""
    return json.dumps(body).encode()


def stored(body: Body, inbox_id: int = 1) -> StoredEvent:
    """Return an event as ``events.record`` reads it from the inbox."""
    return StoredEvent(
        inbox_id,
        "paddle",
        body["event_id"],
        body["event_type"],
        datetime.fromisoformat(body["occurred_at"]),
        encoded(body),
    )


def snapshots(bodies: Iterable[Body]) -> list[Snapshot]:
    """Return what bodies say; each must be understood."""
    read = [Paddle().read(stored(body)) for body in bodies]
    told = [one for one in read if not isinstance(one, Ignored)]
    assert len(told) == len(read)
    return told
