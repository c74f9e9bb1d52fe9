"""Reads ``adjustment.*``: refunds, credits, disputes and their reversals."""

import msgspec

from models.clock import ADJUSTMENT_RANKS
from models.snapshots import AdjustmentLineSnapshot, AdjustmentSnapshot
from worker.errors import MalformedPayloadError
from worker.providers.paddle.payload import AdjustmentData, AdjustmentItem
from worker.providers.paddle.reading import (
    ClockOf,
    key_of,
    optional_minor,
    ranks_of,
    unique,
)
from worker.providers.paddle.values import (
    currency_of,
    id_of,
    minor_of,
    optional_id_of,
    optional_text_of,
    optional_time_of,
    text_of,
)


def adjustment_of(data: bytes, clock_of: ClockOf) -> AdjustmentSnapshot:
    """Read ``data`` of ``adjustment.*``."""
    raw = msgspec.json.decode(data, type=AdjustmentData)
    if not raw.items:
        # Without them nobody can tell which course the money went back for.
        raise MalformedPayloadError("data.items is empty")
    totals, field = raw.totals, "data.totals"
    return AdjustmentSnapshot(
        key=key_of(raw.id),
        clock=clock_of(ranks_of(ADJUSTMENT_RANKS, raw.status), raw.updated_at),
        transaction_id=id_of(raw.transaction_id, "data.transaction_id"),
        subscription_id=optional_id_of(raw.subscription_id, "data.subscription_id"),
        customer_id=optional_id_of(raw.customer_id, "data.customer_id"),
        action=text_of(raw.action, "data.action"),
        kind=optional_text_of(raw.type, "data.type"),
        status=text_of(raw.status, "data.status"),
        reason=optional_text_of(raw.reason, "data.reason"),
        currency=currency_of(raw.currency_code, "data.currency_code"),
        subtotal_minor=optional_minor(totals.subtotal, f"{field}.subtotal"),
        tax_minor=optional_minor(totals.tax, f"{field}.tax"),
        total_minor=minor_of(totals.total, f"{field}.total"),
        fee_minor=optional_minor(totals.fee, f"{field}.fee"),
        earnings_minor=optional_minor(totals.earnings, f"{field}.earnings"),
        opened_at=optional_time_of(raw.created_at, "data.created_at"),
        lines=tuple(map(_line_of, unique(raw.items, "data.items.id"))),
    )


def _line_of(item: AdjustmentItem) -> AdjustmentLineSnapshot:
    return AdjustmentLineSnapshot(
        id=id_of(item.id, "data.items.id"),
        line_id=id_of(item.item_id, "data.items.item_id"),
        kind=text_of(item.type, "data.items.type"),
        total_minor=minor_of(item.totals.total, "data.items.totals.total"),
    )
