"""A transaction through its states, as whole snapshots.

draft → ready → (payment fails: still ready) → paid → completed; an invoice or renewal
is billed instead, may become past_due, and ends paid or canceled
(https://developer.paddle.com/build/lifecycle/transaction-lifecycle). Each function takes
a snapshot and returns the next; nothing here stores or sends. ``items`` is what was
asked for, ``details.line_items`` what was computed and what adjustments refer to.
"""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from local_paddle.clock import rfc3339
from local_paddle.dashboard import CHECKOUT_PAGE
from local_paddle.ids import Ids
from local_paddle.item import Item
from local_paddle.money import (
    Sum,
    adjusted_totals_of,
    fee_of,
    payout_totals_of,
    totals_of,
)
from local_paddle.store import Entity

DECLINED = "declined"
CARD = {
    "type": "visa",
    "last4": "4242",
    "expiry_month": 1,
    "expiry_year": 2030,
    "cardholder_name": "A Learner",
}


def drafted(
    ids: Ids, items: list[Item], rate: Decimal, now: datetime, given: Entity
) -> Entity:
    """Return a new draft; ``given`` names origin, custom data and collection mode."""
    transaction_id = ids.new("txn")
    page = given.get("checkout_page") or CHECKOUT_PAGE
    url = f"{page}{'&' if '?' in page else '?'}_ptxn={transaction_id}"
    is_invoice = given.get("collection_mode") == "manual"
    currency = items[0].price["unit_price"]["currency_code"]
    at = rfc3339(now)
    return {
        "id": transaction_id,
        "status": "draft",
        "customer_id": None,
        "address_id": None,
        "business_id": given.get("business_id"),
        "custom_data": given.get("custom_data"),
        "currency_code": currency,
        "origin": given.get("origin", "web"),
        "subscription_id": None,
        "invoice_id": None,
        "invoice_number": None,
        "collection_mode": given.get("collection_mode", "automatic"),
        "discount_id": given.get("discount_id"),
        "billing_details": given.get("billing_details"),
        "billing_period": given.get("billing_period"),
        "items": [_asked(item) for item in items],
        "details": details_of(ids, items, rate, currency),
        "payments": [],
        "checkout": {"url": None if is_invoice else url},
        "created_at": at,
        "updated_at": at,
        "billed_at": None,
        "revised_at": None,
    }


def readied(
    transaction: Entity, customer_id: str, address_id: str, now: datetime
) -> Entity:
    """Return it with its buyer: all that is needed to pay."""
    return {
        **transaction,
        "status": "ready",
        "customer_id": customer_id,
        "address_id": address_id,
        "updated_at": rfc3339(now),
    }


def billed(
    ids: Ids, items: list[Item], rate: Decimal, now: datetime, given: Entity
) -> Entity:
    """Return a new transaction that is billed at once, as a subscription's are."""
    made = drafted(ids, items, rate, now, given)
    about = ("customer_id", "address_id", "subscription_id")
    made |= {name: given[name] for name in about}
    made |= {"status": "billed", "billed_at": rfc3339(now)}
    if credit := min(given.get("credit", 0), max(sum_in(made).total, 0)):
        totals = totals_of(
            sum_in(made), made["currency_code"], is_open=True, fee=None, credit=credit
        )
        made["details"]["totals"] = totals
    return made


def as_billed(transaction: Entity, now: datetime) -> Entity:
    """Return a ready one as an invoice; its number comes a moment later."""
    at = rfc3339(now)
    return {**transaction, "status": "billed", "billed_at": at, "updated_at": at}


def invoice_details(terms_days: int = 30) -> Entity:
    """Return the ``billing_details`` of an invoice."""
    return {
        "enable_checkout": False,
        "purchase_order_number": "",
        "additional_information": None,
        "payment_terms": {"interval": "day", "frequency": terms_days},
    }


def declined(
    transaction: Entity, ids: Ids, now: datetime, error_code: str = DECLINED
) -> Entity:
    """Return it with a declined attempt; status *and* ``updated_at`` stay.

    That is how Paddle does it: several snapshots share one ``updated_at``.
    """
    attempt = _payment(transaction, ids, now, "error") | {"error_code": error_code}
    return {**transaction, "payments": [attempt, *transaction["payments"]]}


def paid(transaction: Entity, ids: Ids, now: datetime) -> Entity:
    """Return it with the money captured; fees and invoice number are still to come."""
    at = rfc3339(now)
    payments = transaction["payments"]
    if int(transaction["details"]["totals"]["grand_total"]):
        captured = _payment(transaction, ids, now, "captured") | {"captured_at": at}
        payments = [captured, *payments]
    totals = transaction["details"]["totals"] | {"balance": "0"}
    return {
        **transaction,
        "status": "paid",
        "details": transaction["details"] | {"totals": totals},
        "payments": payments,
        "billed_at": transaction["billed_at"] or at,
        "updated_at": at,
    }


def completed(
    transaction: Entity, ids: Ids, invoice_number: str, now: datetime
) -> Entity:
    """Return it processed: fees, earnings, payout and invoice."""
    return {
        **settled(transaction, now),
        "status": "completed",
        **invoiced(transaction, ids, invoice_number),
    }


def invoiced(transaction: Entity, ids: Ids, invoice_number: str) -> Entity:
    """Return the ids of its invoice; what has some keeps them."""
    return {
        "invoice_id": transaction["invoice_id"] or ids.new("inv"),
        "invoice_number": transaction["invoice_number"] or invoice_number,
    }


def settled(transaction: Entity, now: datetime) -> Entity:
    """Return it with fees, earnings and payout; its status stays."""
    currency = transaction["currency_code"]
    amount = sum_in(transaction)
    credit = int(transaction["details"]["totals"]["credit"])
    fee = fee_of(amount.total - credit)
    details = transaction["details"] | {
        "totals": totals_of(amount, currency, is_open=False, fee=fee, credit=credit),
        "adjusted_totals": adjusted_totals_of(amount, currency, fee),
        "payout_totals": payout_totals_of(amount, currency, fee),
    }
    return {**transaction, "details": details, "updated_at": rfc3339(now)}


def closed(transaction: Entity, status: str, now: datetime) -> Entity:
    """Return it past due or canceled."""
    return {**transaction, "status": status, "updated_at": rfc3339(now)}


def sum_in(transaction: Entity) -> Sum:
    """Read a transaction's subtotal, tax and discount."""
    totals = transaction["details"]["totals"]
    return Sum(int(totals["subtotal"]), int(totals["tax"]), int(totals["discount"]))


def _asked(item: Item) -> Entity:
    return {
        "price": item.price,
        "quantity": item.quantity,
        "proration": item.proration,
    }


def details_of(ids: Ids, items: list[Item], rate: Decimal, currency: str) -> Entity:
    """Return what is due: lines, tax and totals."""
    amount = Sum()
    lines = []
    for item in items:
        unit, line = item.sums(rate)
        amount += line
        lines.append(_line(ids, item, str(rate), (unit, line)))
    used = {"tax_rate": str(rate), "totals": amount.as_totals()}
    return {
        "tax_rates_used": [used],
        "totals": totals_of(amount, currency, is_open=True, fee=None),
        "adjusted_totals": adjusted_totals_of(amount, currency, 0),
        "payout_totals": None,
        "adjusted_payout_totals": None,
        "line_items": lines,
    }


def _line(ids: Ids, item: Item, rate: str, sums: tuple[Sum, Sum]) -> Entity:
    unit, line = sums
    return {
        "id": ids.new("txnitm"),
        "price_id": item.price["id"],
        "quantity": item.quantity,
        "proration": item.proration,
        "tax_rate": rate,
        "unit_totals": unit.as_totals(),
        "totals": line.as_totals(),
        "product": item.product,
    }


def _payment(
    transaction: Entity, ids: Ids, now: datetime, status: str
) -> dict[str, Any]:
    method: dict[str, Any] = {"type": "card", "card": CARD}
    if transaction["collection_mode"] == "manual":
        method = {"type": "wire_transfer", "card": None}
    return {
        "payment_attempt_id": str(uuid.uuid4()),
        "stored_payment_method_id": str(uuid.uuid4()),
        "payment_method_id": ids.new("paymtd"),
        "amount": transaction["details"]["totals"]["grand_total"],
        "status": status,
        "error_code": None,
        "method_details": method,
        "created_at": rfc3339(now),
        "captured_at": None,
    }
