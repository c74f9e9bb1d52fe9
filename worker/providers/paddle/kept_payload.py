"""The parts of addresses, businesses and the assortment that we need; see ``payload.py``."""

from typing import Any

from msgspec import Struct

from worker.providers.paddle.payload import Cycle
from worker.providers.paddle.subscription_payload import UnitPrice


class AddressData(Struct):
    """``data`` of ``address.*``."""

    id: str
    updated_at: str
    status: str = "active"
    customer_id: str | None = None
    country_code: str | None = None
    region: str | None = None
    postal_code: str | None = None


class BusinessData(Struct):
    """``data`` of ``business.*``."""

    id: str
    updated_at: str
    status: str = "active"
    customer_id: str | None = None
    name: str | None = None
    company_number: str | None = None
    tax_identifier: str | None = None


class ProductData(Struct):
    """``data`` of ``product.*``; ``updated_at`` can be missing where it was imported."""

    id: str
    status: str = "active"
    created_at: str | None = None
    updated_at: str | None = None
    name: str | None = None
    custom_data: dict[str, Any] | None = None


class PriceData(Struct):
    """``data`` of ``price.*``; its times can be missing."""

    id: str
    status: str = "active"
    created_at: str | None = None
    updated_at: str | None = None
    product_id: str | None = None
    name: str | None = None
    description: str | None = None
    unit_price: UnitPrice | None = None
    billing_cycle: Cycle | None = None
    trial_period: Cycle | None = None
    custom_data: dict[str, Any] | None = None


class DiscountData(Struct):
    """``data`` of ``discount.*``."""

    id: str
    updated_at: str
    type: str
    amount: str
    status: str = "active"
    description: str | None = None
    code: str | None = None
    currency_code: str | None = None
    expires_at: str | None = None
