"""A body for every event type, as Paddle would send it; written to ``tests/data``.

``tests/write_events.py`` writes the files again; a test fails while they differ.
"""

import json
from pathlib import Path
from typing import Any

from tests.event_deals import adjustment, subscription, transaction
from tests.event_parts import (
    ADDRESS,
    CHANGED,
    CUSTOMER,
    OPENED,
    Data,
    address,
    business,
    customer,
    discount,
    ident,
    price,
    product,
)
from worker.providers.paddle.event_types import EVENT_TYPES, entity_of

FOLDER = Path(__file__).parent / "data" / "paddle" / "events"
IMPORTED = {"external_id": "7301", "imported_from": "paddle_classic"}
CATALOG = {
    "customer": customer,
    "address": address,
    "business": business,
    "product": product,
    "price": price,
    "discount": discount,
}
#: Entities that the ledger takes nothing from: what is the same in all their events.
KEPT: dict[str, Data] = {
    "discount_group": {
        "id": ident("dsg", "seasons"),
        "name": "Seasons",
        "status": "active",
        "created_at": OPENED,
        "updated_at": CHANGED,
        "import_meta": None,
    },
    "payment_method": {
        "id": ident("paymtd", "card"),
        "customer_id": CUSTOMER,
        "address_id": ADDRESS,
        "type": "card",
        "origin": "saved_during_purchase",
        "saved_at": OPENED,
        "updated_at": CHANGED,
    },
    "payout": {
        "id": ident("pay", "november"),
        "status": "unpaid",
        "amount": "101250",
        "currency_code": "EUR",
        "remittance_reference": "HONEY-11",
    },
    "report": {
        "id": ident("rep", "discounts"),
        "status": "pending",
        "rows": None,
        "expires_at": None,
        "updated_at": CHANGED,
        "created_at": OPENED,
        "type": "discounts",
        "filters": [{"name": "status", "operator": None, "value": ["active"]}],
    },
    "api_key": {
        "id": ident("apikey", "shop"),
        "name": "Shop",
        "description": None,
        "key": "pdl_live_apikey_01kcshop0000000000000000000_****",
        "status": "active",
        "permissions": ["transaction.read", "customer.read"],
        "expires_at": "2027-02-01T00:00:00Z",
        "last_used_at": None,
        "created_at": OPENED,
        "updated_at": CHANGED,
        "rotatable": True,
        "exposed_at": None,
    },
    "api_key_exposure": {
        "id": ident("apkexp", "shop"),
        "api_key_id": ident("apikey", "shop"),
        "risk_level": "high",
        "action_taken": "revoked",
        "source": "github",
        "reference": "https://example.com/honey/shop/blob/main/settings",
        "description": None,
        "created_at": CHANGED,
    },
    # Nothing is published about what is in these.
    "api_key_rotation": {"id": ident("apkrot", "shop")},
    "invoice": {"id": ident("inv", "november")},
    "client_token": {
        "id": ident("ctkn", "shop"),
        "status": "active",
        "token": "live_7d279f61a3499fed520f7cd8c08",
        "name": "Shop",
        "description": None,
        "created_at": OPENED,
        "updated_at": CHANGED,
        "revoked_at": None,
    },
}
#: What one type has that its entity's other types have not.
SPECIAL: dict[str, Data] = {
    "payment_method.deleted": {"deletion_reason": "replaced_by_newer_version"},
    "payout.paid": {"status": "paid"},
    "report.updated": {
        "status": "ready",
        "rows": 12,
        "expires_at": "2026-11-16T08:21:03Z",
    },
    "api_key.expired": {"status": "expired"},
    "api_key.revoked": {"status": "revoked"},
    "client_token.revoked": {"status": "revoked", "revoked_at": CHANGED},
}


def body_of(event_type: str) -> dict[str, Any]:
    """Return the body of a type; each has an id and a moment of its own."""
    number = list(EVENT_TYPES).index(event_type)
    return {
        "data": data_of(event_type),
        "event_id": ident("evt", f"{number:02}"),
        "event_type": event_type,
        "occurred_at": f"2026-11-02T09:{number // 60:02}:{number % 60:02}.250000Z",
        "notification_id": ident("ntf", f"{number:02}"),
    }


def data_of(event_type: str) -> Data:
    """Return what the event is about."""
    entity, last = entity_of(event_type), event_type.partition(".")[2]
    if entity == "transaction":
        return transaction(last)
    if entity == "subscription":
        return subscription(last)
    if entity == "adjustment":
        return adjustment(last)
    if entity in CATALOG:
        made = CATALOG[entity]()
        return made | ({"import_meta": IMPORTED} if last == "imported" else {})
    return KEPT[entity] | SPECIAL.get(event_type, {})


def text_of(event_type: str) -> str:
    """Return the file of a type."""
    return json.dumps(body_of(event_type), indent=1, ensure_ascii=False) + "\n"


def write() -> None:
    """Write all files, and remove those of types that are gone."""
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.json"):
        file.unlink()
    for event_type in EVENT_TYPES:
        (FOLDER / f"{event_type}.json").write_text(text_of(event_type))
