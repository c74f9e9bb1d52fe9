"""What payloads say of entities that bear no access: kept for the shop's figures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class AddressSnapshot(Snapshot):
    """Where a customer is taxed, whole."""

    customer_id: str | None
    country: str | None
    region: str | None
    postal_code: str | None
    status: str


@dataclass(frozen=True, slots=True)
class BusinessSnapshot(Snapshot):
    """The company in whose name a customer buys, whole."""

    customer_id: str | None
    name: str | None
    company_number: str | None
    tax_identifier: str | None
    status: str


@dataclass(frozen=True, slots=True)
class ProductSnapshot(Snapshot):
    """A product, whole; see ``models.assortment``."""

    name: str | None
    status: str
    course: str | None
    custom_data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PriceSnapshot(Snapshot):
    """A price, whole; see ``models.assortment``."""

    product_id: str | None
    name: str | None
    description: str | None
    status: str
    amount_minor: int | None
    currency: str | None
    cycle_interval: str | None
    cycle_frequency: int | None
    trial_interval: str | None
    trial_frequency: int | None
    course: str | None
    custom_data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DiscountSnapshot(Snapshot):
    """A discount, whole; see ``models.assortment``."""

    status: str
    description: str | None
    code: str | None
    kind: str
    amount: str
    currency: str | None
    expires_at: datetime | None
