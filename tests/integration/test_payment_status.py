"""Where a checkout stands: every state, every change of it, and for whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tasks.record import record
from tests.factories import add_events, one
from tests.purchases import TRANSACTION, Body, published, renamed, transaction
from worker.payment_status import PaymentSession, find
from worker.settings import Settings

OWNER, REFERENCE = "user-42", "order-17"
NOW = datetime.now(UTC)
Payments = list[dict[str, Any]]


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A database that believes plain user ids."""
    configured(learner_ids_unsigned=True)
    return core


def moment(hours_ago: float) -> str:
    return (NOW - timedelta(hours=hours_ago)).isoformat()


def attempt(
    number: int, status: str, hours_ago: float = 0.5, error_code: str | None = None
) -> dict[str, Any]:
    return {
        "payment_attempt_id": f"attempt-{number}",
        "amount": "21666",
        "status": status,
        "error_code": error_code,
        "captured_at": moment(hours_ago) if status == "captured" else None,
        "created_at": moment(hours_ago),
        "method_details": {"type": "card", "card": {"type": "visa", "last4": "0002"}},
    }


def checkout(
    status: str = "ready",
    payments: Payments | None = None,
    *,
    opened: float = 1,
    changed: float = 0.25,
    **data: Any,
) -> Body:
    """An event of a checkout; hours ago."""
    body = transaction(
        "transaction.completed",
        status=status,
        payments=payments or [],
        created_at=moment(opened),
        updated_at=moment(changed),
        custom_data={"learner": OWNER, "reference": REFERENCE},
        **data,
    )
    return body | {
        "event_id": f"evt_{status}_{changed}",
        "occurred_at": moment(changed),
    }


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)


def found(engine: Engine, owner: str = OWNER, **named: str) -> PaymentSession | None:
    with engine.connect() as connection:
        return find(connection, owner, **(named or {"reference": REFERENCE}))


def session(engine: Engine) -> PaymentSession:
    known = found(engine)
    assert known is not None
    return known


DECLINED = attempt(1, "error", error_code="expired_card")
STATES: dict[str, tuple[Body, str, str | None]] = {
    "opened": (checkout("draft"), "pending", None),
    "details entered": (checkout("ready"), "pending", None),
    "attempt begun": (checkout(payments=[attempt(1, "created")]), "pending", None),
    "bank asks": (checkout(payments=[attempt(1, "action_required")]), "pending", None),
    "authorized": (checkout(payments=[attempt(1, "authorized")]), "processing", None),
    "waits for the bank": (
        checkout(payments=[attempt(1, "pending_no_action_required", 90)], opened=99),
        "processing",
        None,
    ),
    "captured, not yet paid": (
        checkout(payments=[attempt(1, "captured")]),
        "processing",
        None,
    ),
    "paid": (checkout("paid", [attempt(1, "captured")]), "processing", None),
    "completed": (checkout("completed", [attempt(1, "captured")]), "completed", None),
    "completed long ago": (
        checkout("completed", [attempt(1, "captured", 98)], opened=99, changed=97),
        "completed",
        None,
    ),
    "declined": (checkout(payments=[DECLINED]), "failed", "the card has expired"),
    "dropped": (
        checkout(payments=[attempt(1, "dropped")]),
        "failed",
        "no reason was told",
    ),
    "canceled": (checkout("canceled", [DECLINED]), "canceled", None),
    "forgotten": (checkout(opened=25), "expired", None),
    "declined long ago": (
        checkout(
            payments=[attempt(1, "error", 24.5, "declined")], opened=25, changed=24.5
        ),
        "expired",
        "declined by the bank, which gave no reason",
    ),
    "tried again late": (
        checkout(payments=[attempt(1, "error", 23, "expired_card")], opened=40),
        "failed",
        "the card has expired",
    ),
}


@pytest.mark.parametrize(("body", "state", "reason"), STATES.values(), ids=STATES)
def test_a_checkout_stands_as_its_newest_attempt_says(
    shop: Engine, body: Body, state: str, reason: str | None
) -> None:
    tell(shop, body)

    known = session(shop)

    assert (known.state, known.reason) == (state, reason)
    assert (known.error_code is None) == (reason in {None, "no reason was told"})


def test_a_decline_is_followed_by_success(shop: Engine) -> None:
    tell(shop, checkout(payments=[DECLINED], changed=0.5))
    assert session(shop).state == "failed"

    again = [attempt(2, "authorized", 0.3), DECLINED]
    tell(shop, checkout(payments=again, changed=0.3))
    assert session(shop).state == "processing"

    captured = [attempt(2, "captured", 0.3), DECLINED]
    tell(shop, checkout("completed", captured, changed=0.2))
    known = session(shop)
    assert (known.state, known.error_code, known.reason) == ("completed", None, None)


@pytest.mark.parametrize("step", [1, -1], ids=["newest first", "oldest first"])
def test_of_several_attempts_the_newest_decides(shop: Engine, step: int) -> None:
    attempts = [
        attempt(3, "error", 0.3, "not_enough_balance"),
        attempt(2, "error", 0.5, "expired_card"),
        attempt(1, "authorized", 0.7),
    ]
    tell(shop, checkout(payments=attempts[::step]))

    known = session(shop)

    assert (known.state, known.error_code) == ("failed", "not_enough_balance")


def test_what_has_expired_is_completed_by_a_late_payment(shop: Engine) -> None:
    tell(shop, checkout(opened=30, changed=29))
    known = session(shop)
    assert known.state == "expired"
    assert known.expires_at == known.changed_at == NOW - timedelta(hours=6)

    tell(shop, checkout("completed", [attempt(1, "captured", 0.1)], opened=30))
    assert session(shop).state == "completed"


def test_the_order_of_events_does_not_matter(shop: Engine) -> None:
    declined = checkout(payments=[DECLINED], changed=0.5)
    completed = checkout("completed", [attempt(2, "captured", 0.3), DECLINED])

    tell(shop, completed)
    tell(shop, declined)

    assert session(shop).state == "completed"


def test_a_checkout_is_found_by_either_name_and_with_its_owner_only(
    shop: Engine,
) -> None:
    tell(shop, checkout())

    assert found(shop) == found(shop, transaction_id=TRANSACTION) != None  # noqa: E711
    for owner in ("user-43", "", "%", OWNER.upper()):
        assert found(shop, owner) is None
        assert found(shop, owner, transaction_id=TRANSACTION) is None
    assert found(shop, reference="order-18") is None
    assert found(shop, reference="") is None


def test_a_checkout_without_an_owner_is_nobodys(shop: Engine) -> None:
    body = checkout()
    body["data"]["custom_data"] = {"reference": REFERENCE}
    tell(shop, body)

    assert one(shop, "SELECT reference FROM payment_status") == REFERENCE
    assert found(shop, "") is None
    assert found(shop, OWNER) is None


def test_opening_a_paid_reference_again_does_not_undo_it(shop: Engine) -> None:
    paid = checkout("completed", [attempt(1, "captured")], opened=2)
    opened_again = renamed(checkout(opened=0.1, changed=0.05), "2")
    tell(shop, paid, opened_again)

    known = session(shop)

    assert (known.transaction_id, known.state) == (TRANSACTION, "completed")


@pytest.mark.parametrize(
    "data",
    [{"origin": "subscription_recurring"}, {"collection_mode": "manual"}],
    ids=["renewal", "invoice"],
)
def test_only_what_was_opened_as_a_checkout_is_one(
    shop: Engine, data: dict[str, Any]
) -> None:
    tell(shop, checkout("billed", **data))

    assert one(shop, "SELECT count(*) FROM transactions") == 1
    assert one(shop, "SELECT count(*) FROM payment_status") == 0


def test_what_only_a_refund_has_told_of_is_no_checkout(shop: Engine) -> None:
    tell(shop, published("adjustment.created"))

    assert one(shop, "SELECT count(*) FROM payment_status") == 0
