"""Reads ``transaction.*``: what was bought, what it cost, how it was paid."""

from typing import Any

import msgspec

from models.clock import TRANSACTION_RANKS
from models.snapshots import LineSnapshot, PaymentSnapshot, TransactionSnapshot
from worker.errors import MalformedPayloadError
from worker.providers.paddle.payload import (
    LineItem,
    PaymentData,
    Price,
    TransactionData,
)
from worker.providers.paddle.payment_failures import failure_words
from worker.providers.paddle.reading import (
    ClockOf,
    amounts_of,
    course_of,
    key_of,
    optional_minor,
    period_of,
    ranks_of,
    reference_of,
    storable_of,
    unique,
)
from worker.providers.paddle.user_claim import claim_of
from worker.providers.paddle.values import (
    count_of,
    currency_of,
    id_of,
    minor_of,
    optional_id_of,
    optional_text_of,
    optional_time_of,
    text_of,
)

#: Statuses of a transaction whose buyer has paid.
MONEY_IN = frozenset({"paid", "completed"})


def transaction_of(data: bytes, clock_of: ClockOf) -> TransactionSnapshot:
    """Read ``data`` of ``transaction.*``."""
    raw = msgspec.json.decode(data, type=TransactionData)
    opened_at = optional_time_of(raw.created_at, "data.created_at")
    custom_data = storable_of(raw.custom_data)
    return TransactionSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(TRANSACTION_RANKS, raw.status), raw.updated_at),
        status=text_of(raw.status, "data.status"),
        origin=optional_text_of(raw.origin, "data.origin"),
        collection_mode=optional_text_of(raw.collection_mode, "data.collection_mode"),
        currency=currency_of(raw.currency_code, "data.currency_code"),
        invoice_number=optional_text_of(raw.invoice_number, "data.invoice_number"),
        custom_data=custom_data,
        reference=reference_of(custom_data),
        opened_at=opened_at,
        billed_at=optional_time_of(raw.billed_at, "data.billed_at"),
        lines=_lines_of(raw),
        payments=tuple(_payment_of(payment) for payment in raw.payments),
        **_ids_of(raw),
        **_money_of(raw),
        **period_of(raw.billing_period, "data.billing_period"),
        **claim_of(custom_data, opened_at),
    )


def _ids_of(raw: TransactionData) -> dict[str, Any]:
    return {
        name: optional_id_of(getattr(raw, name), f"data.{name}")
        for name in (
            "customer_id",
            "address_id",
            "business_id",
            "subscription_id",
            "discount_id",
            "invoice_id",
        )
    }


def _money_of(raw: TransactionData) -> dict[str, Any]:
    totals, field = raw.details.totals, "data.details.totals"
    # A credit for time not used can outweigh the rest.
    prorated = any(line.proration is not None for line in raw.details.line_items)
    amounts = amounts_of(totals, field, may_be_negative=prorated)
    # Missing in old events; an empty one is not missing.
    grand_total = totals.total if totals.grand_total is None else totals.grand_total
    return {
        **{f"{name}_minor": amount for name, amount in amounts.items()},
        "grand_total_minor": minor_of(
            grand_total, f"{field}.grand_total", may_be_negative=prorated
        ),
        **{
            f"{name}_minor": optional_minor(getattr(totals, name), f"{field}.{name}")
            for name in ("credit", "credit_to_balance", "fee", "earnings")
        },
    }


def _lines_of(raw: TransactionData) -> tuple[LineSnapshot, ...]:
    # The same price can stand twice in a transaction; what we take from it is the same.
    prices = {item.price.id: item.price for item in raw.items}
    lines = unique(raw.details.line_items, "data.details.line_items.id")
    if not lines and raw.status in MONEY_IN:
        # It would be neither access nor parked: paid, and nobody would know.
        raise MalformedPayloadError("data.details.line_items is empty")
    return tuple(_line_of(line, prices.get(line.price_id)) for line in lines)


def _line_of(line: LineItem, price: Price | None) -> LineSnapshot:
    field = "data.details.line_items"
    prorated = line.proration is not None
    amounts = amounts_of(line.totals, f"{field}.totals", may_be_negative=prorated)
    product = line.product
    return LineSnapshot(
        id=id_of(line.id, f"{field}.id"),
        price_id=id_of(line.price_id, f"{field}.price_id"),
        product_id=optional_id_of(
            product.id if product else None, f"{field}.product.id"
        ),
        quantity=count_of(line.quantity, f"{field}.quantity"),
        recurring=price is not None and price.billing_cycle is not None,
        prorated=prorated,
        proration_rate=optional_text_of(
            line.proration.rate if line.proration else None, f"{field}.proration.rate"
        ),
        tax_rate=optional_text_of(line.tax_rate, f"{field}.tax_rate"),
        subtotal_minor=amounts["subtotal"],
        discount_minor=amounts["discount"],
        tax_minor=amounts["tax"],
        total_minor=amounts["total"],
        course=course_of(
            price.custom_data if price else None,
            product.custom_data if product else None,
        ),
    )


def _payment_of(raw: PaymentData) -> PaymentSnapshot:
    method, field = raw.method_details, "data.payments"
    card = method.card if method else None
    error_code = optional_text_of(raw.error_code, f"{field}.error_code")
    return PaymentSnapshot(
        id=id_of(raw.payment_attempt_id, f"{field}.payment_attempt_id"),
        status=text_of(raw.status, f"{field}.status"),
        amount_minor=minor_of(raw.amount, f"{field}.amount"),
        error_code=error_code,
        method=optional_text_of(method.type if method else None, f"{field}.method"),
        card_brand=optional_text_of(card.type if card else None, f"{field}.card"),
        last4=optional_text_of(card.last4 if card else None, f"{field}.last4"),
        failure=failure_words(error_code) if error_code else None,
        attempted_at=optional_time_of(raw.created_at, f"{field}.created_at"),
        captured_at=optional_time_of(raw.captured_at, f"{field}.captured_at"),
    )
