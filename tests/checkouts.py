"""Checkouts of today, as events: opened, declined, paid, and what comes later."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.purchases import TRANSACTION, Body, renamed, transaction

OWNER, REFERENCE = "user-42", "order-17"
HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "learner_ids_unsigned": True,
}
NOW = datetime.now(UTC)


def moment(hours_ago: float) -> str:
    """Write a time as the provider does."""
    return (NOW - timedelta(hours=hours_ago)).isoformat()


def attempt(number: int, status: str, hours_ago: float = 0.5) -> dict[str, Any]:
    """An attempt to pay; one that failed, because the card has expired."""
    return {
        "payment_attempt_id": f"attempt-{number}",
        "amount": "21666",
        "status": status,
        "error_code": "expired_card" if status == "error" else None,
        "captured_at": moment(hours_ago) if status == "captured" else None,
        "created_at": moment(hours_ago),
        "method_details": {"type": "card", "card": {"type": "visa", "last4": "0002"}},
    }


def checkout(
    status: str = "ready",
    *payments: dict[str, Any],
    opened: float = 1,
    changed: float = 0.25,
    suffix: str = "",
    **data: Any,
) -> Body:
    """Return an event of a checkout; all times are hours ago.

    Args:
        status: Of the transaction.
        *payments: Every attempt until then.
        opened: When it was opened.
        changed: When this happened.
        suffix: Of another checkout, in place of the published one.
        **data: Fields of ``data`` to replace.
    """
    billed = {"completed": changed, "paid": changed}.get(status)
    own = {
        "status": status,
        "payments": list(payments),
        "created_at": moment(opened),
        "updated_at": moment(changed),
        "billed_at": moment(billed) if billed is not None else None,
        "custom_data": {"learner": OWNER, "reference": REFERENCE},
    }
    body = transaction("transaction.completed", **{**own, **data})
    body |= {"event_id": f"evt_{status}_{changed}", "occurred_at": moment(changed)}
    return renamed(body, suffix) if suffix else body


DECLINED = attempt(1, "error", 0.6)
CAPTURED = attempt(2, "captured", 0.3)
#: A purchase with one declined attempt, as it is told.
STORY = (
    checkout("ready", changed=0.9),
    checkout("ready", DECLINED, changed=0.59),
    checkout("paid", DECLINED, CAPTURED, changed=0.29),
    checkout("completed", DECLINED, CAPTURED, changed=0.28),
)
ORDER = ("order.completed", TRANSACTION)
FAILURE = ("payment.failed", f"{TRANSACTION}/attempt-1")
