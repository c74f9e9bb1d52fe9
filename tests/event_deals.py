"""Transactions, subscriptions and adjustments of the small course shop."""

from tests.event_parts import (
    ADDRESS,
    BUSINESS,
    CHANGED,
    CUSTOMER,
    DISCOUNT,
    INVOICED,
    JAPANESE,
    MONTH,
    MONTHLY,
    ONE_OFF,
    OPENED,
    PERIOD,
    PURCHASE,
    SUBSCRIPTION,
    YEN,
    Data,
    ident,
    payment,
    price,
    product,
    totals,
)

LINE = ident("txnitm", "purchase")
TOTAL, DISCOUNTED = 10500, 1200
#: Status of the transaction that a type tells of, where it is not the type's own name.
STATUSES = {
    "created": "draft",
    "payment_failed": "ready",
    "revised": "completed",
    "updated": "paid",
}
#: Sent to a business, to be paid by bank.
MANUAL = ("billed", "canceled", "past_due")
#: What a type of subscription event tells, where it is not the type's own name.
TOLD = {"created": "trialing", "activated": "active", "resumed": "active",
        "imported": "active", "updated": "active"}  # fmt: skip


def transaction(last: str) -> Data:
    """One purchase, step by step; an invoice; and, revised, a purchase in yen."""
    status = STATUSES.get(last, last)
    manual, yen = last in MANUAL, last == "revised"
    amount, currency = (15800, "JPY") if yen else (TOTAL, "EUR")
    bought = price(YEN, amount, currency) if yen else price(ONE_OFF)
    done = status in ("paid", "completed")
    return {
        "id": JAPANESE if yen else INVOICED if manual else PURCHASE,
        "status": status,
        "customer_id": None if status == "draft" else CUSTOMER,
        "address_id": None if status == "draft" else ADDRESS,
        "business_id": BUSINESS if manual else None,
        "custom_data": {"source": "spring letter"},
        "currency_code": currency,
        "origin": "api" if manual else "web",
        "subscription_id": None,
        "invoice_id": ident("inv", "purchase") if done or manual else None,
        "invoice_number": "325-10567" if status == "completed" else None,
        "collection_mode": "manual" if manual else "automatic",
        "discount_id": None if yen else DISCOUNT,
        "billing_details": _billing_details() if manual else None,
        "billing_period": None,
        "items": [{"price": bought, "quantity": 1, "proration": None}],
        "details": _details(amount, currency, bought, is_settled=status == "completed"),
        "payments": _payments(last, amount, is_paid=done),
        "checkout": {"url": f"https://example.com/pay?_ptxn={PURCHASE}"},
        "created_at": OPENED,
        "updated_at": CHANGED,
        "billed_at": PERIOD["starts_at"] if done or manual else None,
        "revised_at": CHANGED if yen else None,
    }


def _payments(last: str, amount: int, *, is_paid: bool) -> list[Data]:
    failed = payment("error", amount, "1")
    if last == "payment_failed":
        return [failed]
    return [payment("captured", amount, "2"), failed] if is_paid else []


def _details(amount: int, currency: str, bought: Data, *, is_settled: bool) -> Data:
    discounted = 0 if currency == "JPY" else DISCOUNTED
    sums = totals(amount, discounted)
    fee = amount // 20 + 50
    settled = {
        "fee": str(fee) if is_settled else None,
        "earnings": str(amount - int(sums["tax"]) - fee) if is_settled else None,
    }
    whole = sums | {
        "credit": "0",
        "credit_to_balance": "0",
        "balance": "0" if is_settled else str(amount),
        "grand_total": str(amount),
        "grand_total_tax": sums["tax"],
        **settled,
        "currency_code": currency,
    }
    kept = ("subtotal", "tax", "total", "grand_total", "grand_total_tax")
    adjusted = {name: whole[name] for name in kept} | settled
    payout = whole | {"currency_code": "EUR", "exchange_rate": "1", "fee_rate": "0.05"}
    line = {
        "id": LINE,
        "price_id": bought["id"],
        "quantity": 1,
        "proration": None,
        "tax_rate": "0.25",
        "unit_totals": sums,
        "totals": sums,
        "product": product(),
    }
    return {
        "tax_rates_used": [{"tax_rate": "0.25", "totals": sums}],
        "totals": whole,
        "adjusted_totals": adjusted
        | {"retained_fee": "0" if is_settled else None, "currency_code": currency},
        "payout_totals": payout if is_settled else None,
        "adjusted_payout_totals": _adjusted_payout(sums, fee) if is_settled else None,
        "line_items": [line],
    }


def _adjusted_payout(sums: Data, fee: int) -> Data:
    earnings = int(sums["total"]) - int(sums["tax"]) - fee
    return {
        "subtotal": sums["subtotal"],
        "tax": sums["tax"],
        "total": sums["total"],
        "fee": str(fee),
        "retained_fee": "0",
        "chargeback_fee": {"amount": "0", "original": None},
        "exchange_rate": "1",
        "earnings": str(earnings),
        "currency_code": "EUR",
    }


def _billing_details() -> Data:
    return {
        "enable_checkout": True,
        "purchase_order_number": "PO-17",
        "additional_information": None,
        "payment_terms": {"interval": "day", "frequency": 14},
    }


def subscription(last: str) -> Data:
    """The course by the month, from its trial to its end."""
    status = TOLD.get(last, last)
    trialing, over = status == "trialing", status in ("paused", "canceled")
    data = {
        "id": SUBSCRIPTION,
        "status": status,
        "customer_id": CUSTOMER,
        "address_id": ADDRESS,
        "business_id": None,
        "currency_code": "EUR",
        "created_at": OPENED,
        "updated_at": CHANGED,
        "started_at": PERIOD["starts_at"],
        "first_billed_at": None if trialing else PERIOD["starts_at"],
        "next_billed_at": None if over else PERIOD["ends_at"],
        "paused_at": CHANGED if status == "paused" else None,
        "canceled_at": CHANGED if status == "canceled" else None,
        "discount": None,
        "collection_mode": "automatic",
        "billing_details": None,
        "current_billing_period": None if over else PERIOD,
        "billing_cycle": MONTH,
        "scheduled_change": _scheduled() if last == "updated" else None,
        "items": [_item("inactive" if over else status, trialing=trialing)],
        "custom_data": {"source": "spring letter"},
        "import_meta": None,
        "consent_requirements": [],
    }
    if last == "imported":
        data["import_meta"] = {
            "external_id": "9917",
            "imported_from": "paddle_classic",
        }
    if last == "created":
        data["transaction_id"] = ident("txn", "trial")
    return data


def _scheduled() -> Data:
    return {
        "action": "cancel",
        "effective_at": PERIOD["ends_at"],
        "resume_at": None,
    }


def _item(status: str, *, trialing: bool) -> Data:
    over = status == "inactive"
    return {
        "status": "active" if status == "past_due" else status,
        "quantity": 1,
        "recurring": True,
        "created_at": OPENED,
        "updated_at": CHANGED,
        "previously_billed_at": None if trialing else PERIOD["starts_at"],
        "next_billed_at": None if over else PERIOD["ends_at"],
        "trial_dates": PERIOD if trialing else None,
        "price": price(MONTHLY, 1900),
        "product": product(),
    }


def adjustment(last: str) -> Data:
    """The purchase paid back: asked for, then approved."""
    sums = totals(TOTAL)
    back = {name: sums[name] for name in ("subtotal", "tax", "total")}
    fees = {"fee": "575", "retained_fee": "575", "earnings": "8400"}
    item = {
        "id": ident("adjitm", "purchase"),
        "item_id": LINE,
        "type": "full",
        "amount": None,
        "proration": None,
        "totals": back,
    }
    return {
        "id": ident("adj", "purchase"),
        "action": "refund",
        "type": "full",
        "transaction_id": PURCHASE,
        "subscription_id": None,
        "customer_id": CUSTOMER,
        "reason": "bought twice",
        "credit_applied_to_balance": None,
        "currency_code": "EUR",
        "status": "pending_approval" if last == "created" else "approved",
        "items": [item],
        "totals": back | fees | {"currency_code": "EUR"},
        "payout_totals": back
        | fees
        | {
            "chargeback_fee": {"amount": "0", "original": None},
            "currency_code": "EUR",
        },
        "tax_rates_used": [{"tax_rate": "0.25", "totals": back}],
        "created_at": OPENED,
        "updated_at": CHANGED,
    }
