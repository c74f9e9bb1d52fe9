"""Reads products, prices and discounts."""

from typing import Any

import msgspec

from models.clock import KEPT_RANKS
from models.kept_snapshots import DiscountSnapshot, PriceSnapshot, ProductSnapshot
from worker.errors import MalformedPayloadError
from worker.providers.paddle.kept_payload import DiscountData, PriceData, ProductData
from worker.providers.paddle.payload import Cycle
from worker.providers.paddle.reading import (
    ClockOf,
    course_of,
    key_of,
    ranks_of,
    storable,
)
from worker.providers.paddle.values import (
    currency_of,
    discount_amount_of,
    minor_of,
    optional_count_of,
    optional_currency_of,
    optional_id_of,
    optional_text_of,
    optional_time_of,
    text_of,
)


def product_of(data: bytes, clock_of: ClockOf) -> ProductSnapshot:
    """Read ``data`` of ``product.*``."""
    raw = msgspec.json.decode(data, type=ProductData)
    return ProductSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(KEPT_RANKS, raw.status), _last_change(raw)),
        name=optional_text_of(raw.name, "data.name"),
        status=text_of(raw.status, "data.status"),
        course=course_of(raw.custom_data),
        custom_data=storable(raw.custom_data),
    )


def price_of(data: bytes, clock_of: ClockOf) -> PriceSnapshot:
    """Read ``data`` of ``price.*``."""
    raw = msgspec.json.decode(data, type=PriceData)
    unit = raw.unit_price
    return PriceSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(KEPT_RANKS, raw.status), _last_change(raw)),
        product_id=optional_id_of(raw.product_id, "data.product_id"),
        name=optional_text_of(raw.name, "data.name"),
        description=optional_text_of(raw.description, "data.description"),
        status=text_of(raw.status, "data.status"),
        amount_minor=minor_of(unit.amount, "data.unit_price.amount") if unit else None,
        currency=currency_of(unit.currency_code, "data.unit_price.currency_code")
        if unit
        else None,
        **_cycle_of(raw.billing_cycle, "cycle", "data.billing_cycle"),
        **_cycle_of(raw.trial_period, "trial", "data.trial_period"),
        course=course_of(raw.custom_data),
        custom_data=storable(raw.custom_data),
    )


def discount_of(data: bytes, clock_of: ClockOf) -> DiscountSnapshot:
    """Read ``data`` of ``discount.*``."""
    raw = msgspec.json.decode(data, type=DiscountData)
    return DiscountSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(KEPT_RANKS, raw.status), raw.updated_at),
        status=text_of(raw.status, "data.status"),
        description=optional_text_of(raw.description, "data.description"),
        code=optional_text_of(raw.code, "data.code"),
        kind=text_of(raw.type, "data.type"),
        amount=discount_amount_of(raw.amount, raw.type),
        currency=optional_currency_of(raw.currency_code, "data.currency_code"),
        expires_at=optional_time_of(raw.expires_at, "data.expires_at"),
    )


def _last_change(raw: ProductData | PriceData) -> str:
    moment = raw.created_at if raw.updated_at is None else raw.updated_at
    if moment is None:
        raise MalformedPayloadError("data.updated_at is missing")
    return moment


def _cycle_of(cycle: Cycle | None, name: str, field: str) -> dict[str, Any]:
    return {
        f"{name}_interval": optional_text_of(
            cycle.interval if cycle else None, f"{field}.interval"
        ),
        f"{name}_frequency": optional_count_of(
            cycle.frequency if cycle else None, f"{field}.frequency"
        ),
    }
