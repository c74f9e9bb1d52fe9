"""Refunds and disputes of a completed transaction.

https://developer.paddle.com/api-reference/adjustments/overview. A refund is made
``pending_approval`` and later approved or rejected; the transaction itself stays
completed. A dispute takes the money back at once, and so does its warning.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from local_paddle.clock import rfc3339
from local_paddle.ids import Ids
from local_paddle.money import PAYOUT_CURRENCY, Sum, adjusted_totals_of, paid_out
from local_paddle.store import Entity
from local_paddle.till import ShopError
from local_paddle.transaction import sum_in

DISPUTES = ("chargeback", "chargeback_warning")
REVERSALS = {
    "chargeback": "chargeback_reverse",
    "chargeback_warning": "chargeback_warning_reverse",
    "credit": "credit_reverse",
}


@dataclass(frozen=True)
class Line:
    """One line to give back; ``amount_minor`` None means all of it."""

    line_id: str
    amount_minor: int | None = None
    #: Give back its tax and nothing else.
    is_tax: bool = False


class AdjustmentError(ShopError):
    """A refund that Paddle would not take; the message says why."""


def adjusted(
    ids: Ids,
    transaction: Entity,
    lines: list[Line],
    now: datetime,
    given: Entity,
) -> Entity:
    """Return a new adjustment: pending for a refund, approved for anything else.

    ``given`` names the ``action`` and may name a ``reason``.

    Raises:
        AdjustmentError: A line or amount does not fit the transaction.

    """
    known = {line["id"]: line for line in transaction["details"]["line_items"]}
    items = [_item(ids, known, line) for line in lines]
    amount = sum((_sum_of(item) for item in items), Sum())
    is_whole = len(items) == len(known) and all(i["type"] == "full" for i in items)
    at = rfc3339(now)
    action = given["action"]
    reason = "requested by the buyer" if action == "refund" else "disputed"
    return {
        "id": ids.new("adj"),
        "action": action,
        "type": "full" if is_whole else "partial",
        "transaction_id": transaction["id"],
        "subscription_id": transaction["subscription_id"],
        "customer_id": transaction["customer_id"],
        "reason": given.get("reason") or reason,
        "credit_applied_to_balance": False if action.startswith("credit") else None,
        "currency_code": transaction["currency_code"],
        "status": "pending_approval" if action == "refund" else "approved",
        "items": items,
        "totals": _totals(amount, transaction["currency_code"]),
        "payout_totals": _totals(
            paid_out(amount, transaction["currency_code"]), PAYOUT_CURRENCY
        ),
        "tax_rates_used": _rates(transaction, amount),
        "created_at": at,
        "updated_at": at,
    }


def whole(transaction: Entity) -> list[Line]:
    """Return every line of a transaction, to be given back in full."""
    return [Line(line["id"]) for line in transaction["details"]["line_items"]]


def recalculated(transaction: Entity, adjustments: list[Entity]) -> Entity:
    """Return the transaction with its adjusted totals; nothing else of it changes.

    Only the API shows them: Paddle leaves status and ``updated_at`` as they are.
    """
    amount = sum_in(transaction)
    for adjustment in adjustments:
        if adjustment["status"] in {"approved", "reversed"}:
            taken = _sum_of(adjustment)
            is_back = adjustment["action"].endswith("_reverse")
            sign = 1 if is_back else -1
            amount += Sum(sign * taken.subtotal, sign * taken.tax)
    fee = int(transaction["details"]["totals"]["fee"] or 0)
    totals = adjusted_totals_of(amount, transaction["currency_code"], fee)
    return transaction | {
        "details": transaction["details"] | {"adjusted_totals": totals}
    }


def _item(ids: Ids, known: dict[str, Entity], line: Line) -> Entity:
    if line.line_id not in known:
        message = f"{line.line_id} is not a line of this transaction"
        raise AdjustmentError(message)
    totals = known[line.line_id]["totals"]
    # An adjustment knows no discount: what was not paid cannot come back.
    net = int(totals["subtotal"]) - int(totals["discount"])
    full = Sum(net, int(totals["tax"]))
    given = Sum(0, full.tax) if line.is_tax else _part_of(full, line.amount_minor)
    return {
        "id": ids.new("adjitm"),
        "item_id": line.line_id,
        "type": _type_of(line),
        "amount": None if line.amount_minor is None else str(line.amount_minor),
        "proration": None,
        "totals": _amounts(given),
    }


def _type_of(line: Line) -> str:
    if line.is_tax:
        return "tax"
    return "full" if line.amount_minor is None else "partial"


def _part_of(full: Sum, amount_minor: int | None) -> Sum:
    if amount_minor is None:
        return full
    if not 0 < amount_minor <= full.total:
        message = f"amount must lie between 1 and {full.total}"
        raise AdjustmentError(message)
    share = Decimal(full.tax * amount_minor) / full.total
    tax = int(share.to_integral_value(ROUND_HALF_UP))
    return Sum(amount_minor - tax, tax)


def _sum_of(item: Entity) -> Sum:
    return Sum(int(item["totals"]["subtotal"]), int(item["totals"]["tax"]))


def _amounts(amount: Sum) -> dict[str, str]:
    return {
        "subtotal": str(amount.subtotal),
        "tax": str(amount.tax),
        "total": str(amount.total),
    }


def _totals(amount: Sum, currency: str) -> Entity:
    return {
        **_amounts(amount),
        "fee": "0",
        "retained_fee": "0",
        "earnings": str(amount.subtotal),
        "currency_code": currency,
    }


def _rates(transaction: Entity, amount: Sum) -> list[Entity]:
    rate = transaction["details"]["line_items"][0]["tax_rate"]
    return [{"tax_rate": rate, "totals": _amounts(amount)}]
