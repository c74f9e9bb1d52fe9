"""Samples of what nothing in the local Paddle does: payouts, reports, keys, imports."""

from datetime import datetime, timedelta

from local_paddle.clock import rfc3339
from local_paddle.discount import discount_of, told
from local_paddle.entity import (
    address_of,
    business_of,
    customer_of,
    price_of,
    product_of,
)
from local_paddle.ids import Ids
from local_paddle.store import Entity

IMPORTED = {"import_meta": {"external_id": "9b95", "imported_from": "paddle_classic"}}
VALID_FOR = timedelta(days=90)


def samples(ids: Ids, now: datetime) -> dict[str, Entity]:
    """Return data for event types that no scenario tells."""
    return {
        **_catalog(ids, now),
        **_people(ids, now),
        **_payment_methods(ids, now),
        **_keys(ids, now),
        **_money(ids, now),
    }


def _states(kind: str, entity: Entity) -> dict[str, Entity]:
    return {
        f"{kind}.created": entity,
        f"{kind}.updated": entity,
        f"{kind}.imported": entity | IMPORTED,
    }


def _catalog(ids: Ids, now: datetime) -> dict[str, Entity]:
    product = product_of(ids.new("pro"), now, {"name": "A course"})
    cost = {"amount": "4900", "currency_code": "USD"}
    given = {"product_id": product["id"], "description": "Once", "unit_price": cost}
    price = price_of(ids.new("pri"), now, given)
    off = {"description": "Ten off", "type": "percentage", "amount": "10"}
    discount = told(discount_of(ids.new("dsc"), "TENOFF", now, off))
    return {
        **_states("product", product),
        **_states("price", price),
        **_states("discount", discount),
    }


def _people(ids: Ids, now: datetime) -> dict[str, Entity]:
    customer = customer_of(ids.new("ctm"), now, {"email": "simulated@example.com"})
    address = address_of(ids.new("add"), customer["id"], now, {"country_code": "US"})
    business = business_of(ids.new("biz"), customer["id"], now, {"name": "A school"})
    return {
        **_states("customer", customer),
        **_states("address", address),
        **_states("business", business),
    }


def _payment_methods(ids: Ids, now: datetime) -> dict[str, Entity]:
    at = rfc3339(now)
    saved = {
        "id": ids.new("paymtd"),
        "customer_id": ids.new("ctm"),
        "address_id": ids.new("add"),
        "type": "card",
        "origin": "saved_during_purchase",
        "saved_at": at,
        "updated_at": at,
    }
    deleted = saved | {"deletion_reason": "api"}
    return {"payment_method.saved": saved, "payment_method.deleted": deleted}


def _keys(ids: Ids, now: datetime) -> dict[str, Entity]:
    key_id = ids.new("apikey")
    key = {
        "id": key_id,
        "name": "Courses",
        "description": None,
        "key": f"pdl_sdbx_{key_id[:17]}****",
        "status": "active",
        "permissions": ["transaction.read"],
        "expires_at": rfc3339(now + VALID_FOR),
        "last_used_at": None,
        "created_at": rfc3339(now),
        "updated_at": rfc3339(now),
    }
    states = {"expired": "expired", "revoked": "revoked"}
    kinds = ("created", "updated", "expiring", "expired", "revoked")
    return {f"api_key.{k}": key | {"status": states.get(k, "active")} for k in kinds}


def _money(ids: Ids, now: datetime) -> dict[str, Entity]:
    at = rfc3339(now)
    payout = {"id": ids.new("payout"), "amount": "10000", "currency_code": "USD"}
    report: Entity = {
        "id": ids.new("rep"),
        "type": "transactions",
        "status": "pending",
        "rows": None,
        "filters": [],
        "expires_at": None,
        "created_at": at,
        "updated_at": at,
    }
    ready = report | {"status": "ready", "rows": 1, "expires_at": at}
    return {
        "payout.created": payout | {"status": "unpaid"},
        "payout.paid": payout | {"status": "paid"},
        "report.created": report,
        "report.updated": ready,
    }
