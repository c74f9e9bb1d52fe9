"""Reads customers, addresses and businesses."""

import msgspec

from models.clock import KEPT_RANKS
from models.kept_snapshots import AddressSnapshot, BusinessSnapshot
from models.people import normalized
from models.snapshots import CustomerSnapshot
from worker.errors import MalformedPayloadError
from worker.providers.paddle.kept_payload import AddressData, BusinessData
from worker.providers.paddle.payload import CustomerData
from worker.providers.paddle.reading import ClockOf, key_of, ranks_of
from worker.providers.paddle.values import optional_id_of, optional_text_of, text_of

LONGEST_EMAIL = 320


def customer_of(data: bytes, clock_of: ClockOf) -> CustomerSnapshot:
    """Read ``data`` of ``customer.*``."""
    raw = msgspec.json.decode(data, type=CustomerData)
    if not 0 < len(raw.email) <= LONGEST_EMAIL:
        raise MalformedPayloadError("data.email is empty or longer than 320 characters")
    email = text_of(raw.email, "data.email")
    return CustomerSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(KEPT_RANKS, raw.status), raw.updated_at),
        email=email,
        email_key=normalized(email),
        name=optional_text_of(raw.name, "data.name"),
        locale=optional_text_of(raw.locale, "data.locale"),
        status=text_of(raw.status, "data.status"),
    )


def address_of(data: bytes, clock_of: ClockOf) -> AddressSnapshot:
    """Read ``data`` of ``address.*``."""
    raw = msgspec.json.decode(data, type=AddressData)
    return AddressSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(KEPT_RANKS, raw.status), raw.updated_at),
        customer_id=optional_id_of(raw.customer_id, "data.customer_id"),
        country=optional_text_of(raw.country_code, "data.country_code"),
        region=optional_text_of(raw.region, "data.region"),
        postal_code=optional_text_of(raw.postal_code, "data.postal_code"),
        status=text_of(raw.status, "data.status"),
    )


def business_of(data: bytes, clock_of: ClockOf) -> BusinessSnapshot:
    """Read ``data`` of ``business.*``."""
    raw = msgspec.json.decode(data, type=BusinessData)
    return BusinessSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(KEPT_RANKS, raw.status), raw.updated_at),
        customer_id=optional_id_of(raw.customer_id, "data.customer_id"),
        name=optional_text_of(raw.name, "data.name"),
        company_number=optional_text_of(raw.company_number, "data.company_number"),
        tax_identifier=optional_text_of(raw.tax_identifier, "data.tax_identifier"),
        status=text_of(raw.status, "data.status"),
    )
