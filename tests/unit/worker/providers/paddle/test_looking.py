"""How Paddle is asked for a checkout of ours: no more than can be it, in big pages."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from worker.providers.checkouts import Opened, Sought
from worker.providers.paddle.account import Account
from worker.providers.paddle.checkout import PaddleCheckouts

SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=2)
ITEMS = (("pri_a", 1), ("pri_b", 2))


def look(*sold: object, customer: str = "") -> tuple[Opened | None, dict[str, str]]:
    """Return what is found among these, and how it was asked for."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        meta = {"pagination": {"has_more": False}}
        return httpx.Response(200, json={"data": sold, "meta": meta})

    account = Account("http://paddle.test", "key")
    sought = Sought(ITEMS, lambda data: data == {"a": "b"}, SINCE, UNTIL, customer)
    with PaddleCheckouts(account, transport=httpx.MockTransport(answer)) as api:
        found = api.find_opened(sought)
    (request,) = asked
    return found, dict(request.url.params)


def transaction(*items: object, custom_data: object = None) -> dict[str, object]:
    checkout = {"url": "https://shop.example/pay"}
    told = {"id": "txn_1", "checkout": checkout, "items": items}
    return told | {"custom_data": {"a": "b"} if custom_data is None else custom_data}


def item(price: str, quantity: int) -> dict[str, object]:
    return {"price": {"id": price, "name": None}, "quantity": quantity}


@pytest.mark.parametrize("customer", ["", "ctm_1"])
def test_it_is_asked_for_between_two_moments(customer: str) -> None:
    _, asked = look(customer=customer)

    bound = {"customer_id": customer} if customer else {}
    assert asked == bound | {
        "origin": "api",
        "created_at[GTE]": "2026-03-01T12:00:00.000000Z",
        "created_at[LT]": "2026-03-01T14:00:00.000000Z",
        "order_by": "id[ASC]",
        "per_page": "30",
    }


def test_it_has_the_same_prices_in_any_order_and_what_it_carries() -> None:
    ours = transaction(item("pri_b", 2), item("pri_a", 1))

    found, _ = look(ours)

    assert found == Opened("txn_1", "https://shop.example/pay")


@pytest.mark.parametrize(
    "other",
    [
        transaction(item("pri_a", 1)),
        transaction(item("pri_a", 2), item("pri_b", 2)),
        transaction(item("pri_a", 1), item("pri_b", 2), item("pri_c", 1)),
        transaction(item("pri_a", 1), {"price": None, "quantity": 2}),
        transaction(item("pri_a", 1), item("pri_b", 2), custom_data={"a": "c"}),
        transaction(item("pri_a", 1), item("pri_b", 2), custom_data="text"),
    ],
    ids=["fewer", "quantity", "more", "no price", "data", "no data"],
)
def test_what_differs_is_another_one(other: dict[str, object]) -> None:
    found, _ = look(other)

    assert found is None
