"""From the shop's call to the learner's access: every step but the delivery."""

from tasks.activate import activate
from tasks.record import record
from tests.factories import add_events, add_offer, one, rows
from tests.integration.worker.checkouts.conftest import Shop
from tests.opening import PRICE
from worker.checkouts.create_checkout import create_checkout


def deliver(shop: Shop) -> None:
    """Bring everything that the provider told since the last time."""
    last = one(shop.engine, "SELECT max(event_id) FROM inbox")
    asked = {"order_by": "id[ASC]", **({"after": last} if last else {})}
    told = shop.api.get("/events", params=asked).json()
    assert not told["meta"]["pagination"]["has_more"]
    add_events(shop.engine, told["data"])
    record([], 1)
    activate([], 1)


def test_a_checkout_that_is_paid_gives_access_to_whom_the_shop_named(
    shop: Shop,
) -> None:
    add_offer(shop.engine, PRICE, "basics")
    opened = create_checkout([PRICE], "user-42", None, None, "order-17")
    deliver(shop)

    stands = (
        "SELECT owner, reference, state FROM payment_status"
        f" WHERE transaction_id = '{opened.transaction_id}'"
    )
    share = "SELECT price_id, opened, paid FROM checkout_conversion"
    assert rows(shop.engine, stands) == [("user-42", "order-17", "pending")]
    assert rows(shop.engine, share) == [(PRICE, 1, 0)]
    assert one(shop.engine, "SELECT count(*) FROM course_access") == 0

    buyer = {"email": "ada@example.com", "name": "Ada", "country": "DE"}
    shop.control.post("pay", {"transaction_id": opened.transaction_id, **buyer})
    deliver(shop)

    assert rows(shop.engine, stands) == [("user-42", "order-17", "completed")]
    assert rows(shop.engine, share) == [(PRICE, 1, 1)]
    assert rows(
        shop.engine,
        "SELECT learner_ref, email, course_key, has_access FROM course_access",
    ) == [("user-42", "ada@example.com", "basics", True)]
    assert rows(
        shop.engine,
        "SELECT owner, reference, state, transaction_id FROM opened_checkouts",
    ) == [("user-42", "order-17", "opened", opened.transaction_id)]
