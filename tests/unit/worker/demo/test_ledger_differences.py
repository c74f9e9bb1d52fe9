"""What Paddle has and what our rows say, held against each other field by field."""

from datetime import datetime
from typing import Any

import pytest

from worker.demo.ledger_differences import object_differences, theirs

BILLED, ENDS = "2027-03-01T12:00:00Z", "2027-03-31T12:00:00+00:00"
TRUTH: dict[str, Any] = {
    "customers": [
        {"id": "ctm_1", "email": "a@example.com", "name": "Ada", "status": "active"}
    ],
    "transactions": [
        {
            "id": "txn_1",
            "status": "completed",
            "customer_id": "ctm_1",
            "subscription_id": None,
            "currency_code": "USD",
            "total": "4900",
            "tax": "0",
            "billed_at": BILLED,
        }
    ],
    "subscriptions": [
        {
            "id": "sub_1",
            "status": "active",
            "current_billing_period": {"starts_at": BILLED, "ends_at": ENDS},
            "scheduled_change": {"action": "cancel", "effective_at": ENDS},
        }
    ],
    "adjustments": [
        {
            "id": "adj_1",
            "action": "refund",
            "status": "approved",
            "transaction_id": "txn_1",
            "subscription_id": None,
            "total": "4900",
        }
    ],
}


def ours() -> dict[str, dict[str, dict[str, Any]]]:
    billed, ends = datetime.fromisoformat(BILLED), datetime.fromisoformat(ENDS)
    transaction = {
        "status": "completed",
        "customer_id": "ctm_1",
        "subscription_id": None,
        "currency": "USD",
        "total_minor": 4900,
        "tax_minor": 0,
        "billed_at": billed,
    }
    subscription = {
        "status": "active",
        "period_starts_at": billed,
        "period_ends_at": ends,
        "scheduled_action": "cancel",
        "scheduled_at": ends,
    }
    adjustment = {
        "action": "refund",
        "status": "approved",
        "transaction_id": "txn_1",
        "subscription_id": None,
        "total_minor": 4900,
    }
    customer = {"email": "a@example.com", "name": "Ada", "status": "active"}
    return {
        "customers": {"ctm_1": customer},
        "transactions": {"txn_1": transaction},
        "subscriptions": {"sub_1": subscription},
        "adjustments": {"adj_1": adjustment},
    }


def test_what_is_the_same_on_both_sides_is_no_difference() -> None:
    assert list(object_differences(theirs(TRUTH), ours())) == []


@pytest.mark.parametrize(
    ("kind", "id_", "field"),
    [
        (kind, id_, f)
        for kind, rows in ours().items()
        for id_ in rows
        for f in rows[id_]
    ],
)
def test_a_field_that_differs_is_named(kind: str, id_: str, field: str) -> None:
    mine = ours()
    mine[kind][id_][field] = "other"
    (sentence,) = object_differences(theirs(TRUTH), mine)
    assert sentence.startswith(f"{kind} {id_}: {field} is other, and at Paddle ")


def test_what_one_side_does_not_have_is_named() -> None:
    mine = ours()
    mine["customers"]["ctm_2"] = mine["customers"].pop("ctm_1")
    assert list(object_differences(theirs(TRUTH), mine)) == [
        "customers ctm_1: we do not have it",
        "customers ctm_2: Paddle does not have it",
    ]
