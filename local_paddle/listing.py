"""Which lists there are and what they can be filtered by, as Paddle documents them.

https://developer.paddle.com/api-reference, one page per list. Limits of a page: 50 and
200, transactions 30 and 30, adjustments 10 and 50, notification settings 200 and 200.
"""

import json
from sqlite3 import Row

from local_paddle.page import (
    Listing,
    containing,
    in_list,
    instant,
    one_of,
    or_null,
    truth,
)
from local_paddle.store import Entity
from local_paddle.subscription import with_links

STATUSES = ("active", "archived")
TRANSACTION_STATUSES = (
    "draft",
    "ready",
    "billed",
    "paid",
    "completed",
    "canceled",
    "past_due",
)
SUBSCRIPTION_STATUSES = ("active", "canceled", "past_due", "paused", "trialing")
COLLECTION_MODES = ("automatic", "manual")
ADJUSTMENT_STATUSES = ("pending_approval", "approved", "rejected", "reversed")


def body(row: Row) -> Entity:
    """Read an entity."""
    entity: Entity = json.loads(row["body"])
    return entity


def field(name: str) -> str:
    """Return the SQL of a field of an entity."""
    return f"json_extract(body, '$.{name}')"


def source(kind: str) -> str:
    """Return where the entities of a kind are found."""
    return f"entities WHERE kind = '{kind}'"


def _sortable(*names: str) -> dict[str, str]:
    # Never null: rows without a value would be lost between two pages.
    return {"id": "id"} | {n: f"coalesce(instant({field(n)}), 0)" for n in names}


ACTIVE = {"status": "active"}
BY_ID = {"id": one_of("id")}
_CATALOG = BY_ID | {
    "status": one_of(field("status"), STATUSES),
    "type": one_of(field("type"), ("standard", "custom")),
}

CUSTOMERS = Listing(
    "ctm",
    source("customer"),
    body,
    BY_ID
    | {
        "email": one_of(field("email")),
        "status": one_of(field("status"), STATUSES),
        "search": containing("id", field("name"), field("email")),
    },
    defaults=ACTIVE,
)
ADDRESSES = Listing(
    "add",
    source("address"),
    body,
    BY_ID
    | {
        "status": one_of(field("status"), STATUSES),
        "search": containing("id", field("description"), field("city")),
    },
    defaults=ACTIVE,
)
PRODUCTS = Listing(
    "pro",
    source("product"),
    body,
    _CATALOG | {"tax_category": one_of(field("tax_category"))},
    defaults=ACTIVE,
)
PRICES = Listing(
    "pri",
    source("price"),
    body,
    _CATALOG
    | {
        "product_id": one_of(field("product_id")),
        "recurring": truth(f"{field('billing_cycle')} IS NOT NULL"),
    },
    defaults=ACTIVE,
)
BUSINESSES = Listing(
    "biz",
    source("business"),
    body,
    BY_ID
    | {
        "status": one_of(field("status"), STATUSES),
        "search": containing("id", field("name"), field("tax_identifier")),
    },
    defaults=ACTIVE,
)
DISCOUNTS = Listing(
    "dsc",
    source("discount"),
    body,
    BY_ID
    | {
        "code": one_of(field("code")),
        "mode": one_of(field("mode"), ("standard", "custom")),
        "status": one_of(field("status"), (*STATUSES, "expired", "used")),
    },
    defaults=ACTIVE,
)
SUBSCRIPTIONS = Listing(
    "sub",
    source("subscription"),
    lambda row: with_links(body(row)),
    BY_ID
    | {
        "address_id": one_of(field("address_id")),
        "collection_mode": one_of(field("collection_mode"), COLLECTION_MODES),
        "customer_id": one_of(field("customer_id")),
        "next_billed_at": instant(field("next_billed_at")),
        "price_id": in_list(field("items"), "$.price.id"),
        "scheduled_change_action": one_of(field("scheduled_change.action")),
        "status": one_of(field("status"), SUBSCRIPTION_STATUSES),
    },
)
TRANSACTIONS = Listing(
    "txn",
    source("transaction"),
    body,
    BY_ID
    | {
        "customer_id": one_of(field("customer_id")),
        "status": one_of(field("status"), TRANSACTION_STATUSES),
        "subscription_id": or_null(field("subscription_id")),
        "invoice_number": one_of(field("invoice_number")),
        "origin": one_of(field("origin")),
        "collection_mode": one_of(field("collection_mode"), COLLECTION_MODES),
        "billed_at": instant(field("billed_at")),
        "created_at": instant(field("created_at")),
        "updated_at": instant(field("updated_at")),
    },
    orders=_sortable("billed_at", "created_at", "updated_at"),
    per_page=30,
    most_per_page=30,
)
ADJUSTMENTS = Listing(
    "adj",
    source("adjustment"),
    body,
    BY_ID
    | {
        "action": one_of(field("action")),
        "customer_id": one_of(field("customer_id")),
        "status": one_of(field("status"), ADJUSTMENT_STATUSES),
        "subscription_id": or_null(field("subscription_id")),
        "transaction_id": one_of(field("transaction_id")),
    },
    per_page=10,
    most_per_page=50,
)
