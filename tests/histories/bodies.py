"""The least that an event must tell, for histories of thousands of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Body = dict[str, Any]
Data = dict[str, Any]
UNIT = 1000


@dataclass(frozen=True)
class Sold:
    """A price, and how many of it."""

    price_id: str
    quantity: int = 1
    recurring: bool = False

    @property
    def total(self) -> int:
        """What it costs."""
        return UNIT * self.quantity


def rfc(at: datetime | None) -> str | None:
    """Write a time as Paddle does."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def customer(number: int, email: str) -> Data:
    """Return a customer."""
    return {"id": f"ctm_{number}", "email": email, "status": "active"}


def transaction(
    id_: str, customer_id: str, sold: Sequence[Sold], at: datetime, user: str | None
) -> Data:
    """Return a transaction that was just opened."""
    total = sum(one.total for one in sold)
    return {
        "id": id_,
        "status": "ready",
        "customer_id": customer_id,
        "currency_code": "USD",
        "origin": "web",
        "collection_mode": "automatic",
        "custom_data": {"learner": user} if user else None,
        "items": [{"price": _price(one), "quantity": one.quantity} for one in sold],
        "details": {
            "totals": _totals(total),
            "line_items": [
                {
                    "id": f"{id_}_{number}",
                    "price_id": one.price_id,
                    "quantity": one.quantity,
                    "totals": _totals(one.total),
                }
                for number, one in enumerate(sold)
            ],
        },
        "payments": [],
        "created_at": rfc(at),
        "billed_at": None,
    }


def paid(data: Data, at: datetime) -> Data:
    """Return it paid."""
    payment = {
        "payment_attempt_id": f"{data['id']}_pay",
        "status": "captured",
        "amount": data["details"]["totals"]["total"],
        "created_at": rfc(at),
        "captured_at": rfc(at),
    }
    return {**data, "status": "paid", "billed_at": rfc(at), "payments": [payment]}


def adjustment(
    id_: str, bill: Data, verdict: tuple[str, str], share: int, at: datetime
) -> Data:
    """Return an adjustment of every line of a bill.

    Args:
        id_: Its id.
        bill: The transaction.
        verdict: Action and status.
        share: Of each line, in per cent.
        at: When it was opened.
    """
    action, status = verdict
    lines = bill["details"]["line_items"]
    parts = [int(line["totals"]["total"]) * share // 100 for line in lines]
    return {
        "id": id_,
        "action": action,
        "status": status,
        "transaction_id": bill["id"],
        "subscription_id": bill.get("subscription_id"),
        "customer_id": bill["customer_id"],
        "currency_code": "USD",
        "totals": _totals(sum(parts)),
        "items": [
            {
                "id": f"{id_}_{number}",
                "item_id": line["id"],
                "type": "full" if share == 100 else "partial",
                "totals": _totals(part),
            }
            for number, (line, part) in enumerate(zip(lines, parts, strict=True))
        ],
        "created_at": rfc(at),
    }


def subscription(id_: str, bill: Data, sold: Sequence[Sold], at: datetime) -> Data:
    """Return a subscription that begins."""
    return {
        "id": id_,
        "status": "active",
        "customer_id": bill["customer_id"],
        "currency_code": "USD",
        "collection_mode": bill["collection_mode"],
        "custom_data": bill["custom_data"],
        "items": items_of(sold),
        "created_at": rfc(at),
        "started_at": rfc(at),
        "current_billing_period": None,
        "scheduled_change": None,
        "paused_at": None,
        "canceled_at": None,
    }


def items_of(sold: Sequence[Sold]) -> list[Data]:
    """Return the items of a subscription."""
    return [
        {
            "status": "active",
            "quantity": one.quantity,
            "recurring": True,
            "price": {"id": one.price_id},
        }
        for one in sold
    ]


def period(starts_at: datetime, ends_at: datetime) -> Data:
    """Return a billing period."""
    return {"starts_at": rfc(starts_at), "ends_at": rfc(ends_at)}


def _price(one: Sold) -> Data:
    cycle = {"interval": "month", "frequency": 1}
    return {"id": one.price_id, "billing_cycle": cycle if one.recurring else None}


def _totals(total: int) -> dict[str, str]:
    written = str(total)
    return {"subtotal": written, "tax": "0", "total": written, "grand_total": written}
