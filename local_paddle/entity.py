"""Customers, addresses, businesses, products and prices as Paddle writes them."""

from datetime import datetime
from typing import Any

from local_paddle.clock import rfc3339
from local_paddle.store import Entity

ACTIVE = "active"
MAX_QUANTITY = 100


def customer_of(customer_id: str, now: datetime, given: Entity) -> Entity:
    """Return a new customer with the given fields."""
    return _made(customer_id, now) | {
        "name": given.get("name"),
        "email": given["email"],
        "marketing_consent": False,
        "custom_data": given.get("custom_data"),
        "locale": given.get("locale", "en"),
    }


def address_of(
    address_id: str, customer_id: str, now: datetime, given: Entity
) -> Entity:
    """Return a new address of a customer."""
    fields = (
        "description",
        "first_line",
        "second_line",
        "city",
        "postal_code",
        "region",
    )
    return (
        _made(address_id, now)
        | {"customer_id": customer_id, "country_code": given["country_code"]}
        | {field: given.get(field) for field in fields}
        | {"custom_data": given.get("custom_data")}
    )


def business_of(
    business_id: str, customer_id: str, now: datetime, given: Entity
) -> Entity:
    """Return a new business of a customer."""
    return _made(business_id, now) | {
        "customer_id": customer_id,
        "name": given["name"],
        "company_number": given.get("company_number"),
        "tax_identifier": given.get("tax_identifier"),
        "contacts": given.get("contacts", []),
        "custom_data": given.get("custom_data"),
    }


def product_of(product_id: str, now: datetime, given: Entity) -> Entity:
    """Return a new product."""
    return _made(product_id, now) | {
        "name": given["name"],
        "description": given.get("description"),
        "type": given.get("type", "standard"),
        "tax_category": given.get("tax_category", "standard"),
        "image_url": given.get("image_url"),
        "custom_data": given.get("custom_data"),
    }


def price_of(price_id: str, now: datetime, given: Entity) -> Entity:
    """Return a new price of a product."""
    quantity = {"minimum": 1, "maximum": MAX_QUANTITY}
    return _made(price_id, now) | {
        "product_id": given["product_id"],
        "description": given["description"],
        "type": given.get("type", "standard"),
        "name": given.get("name"),
        "billing_cycle": given.get("billing_cycle"),
        "trial_period": given.get("trial_period"),
        "tax_mode": given.get("tax_mode", "account_setting"),
        "unit_price": given["unit_price"],
        "unit_price_overrides": given.get("unit_price_overrides", []),
        "quantity": given.get("quantity", quantity),
        "custom_data": given.get("custom_data"),
    }


def changed(entity: Entity, now: datetime, fields: dict[str, Any]) -> Entity:
    """Return the entity with other fields and a new ``updated_at``."""
    return {**entity, **fields, "updated_at": rfc3339(now)}


def _made(entity_id: str, now: datetime) -> Entity:
    at = rfc3339(now)
    return {
        "id": entity_id,
        "status": ACTIVE,
        "created_at": at,
        "updated_at": at,
        "import_meta": None,
    }
