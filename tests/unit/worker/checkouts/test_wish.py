"""What a shop may ask for, however its own ids and lists are written."""

import re
from typing import Any

import pytest

from worker.checkouts.wish import CheckoutError, Wish, wish_of
from worker.providers.checkouts import Buyer

ASKED = {"prices": ["pri_a"], "learner_ref": "user-42", "reference": "order-17"}


def wish(**changes: Any) -> Wish:
    return wish_of(**{**ASKED, **changes})


@pytest.mark.parametrize(
    "prices",
    [
        ["pri_b", "pri_a", "pri_b"],
        ("pri_a", "pri_b", "pri_b"),
        {"pri_b": 2, "pri_a": 1},
        [("pri_b", 1), ("pri_a", 1), ("pri_b", 1)],
        [["pri_b", 2], ["pri_a", 1]],
    ],
    ids=["list", "tuple", "mapping", "pairs", "json"],
)
def test_what_comes_twice_is_bought_twice_and_the_order_says_nothing(
    prices: object,
) -> None:
    asked = wish(prices=prices)

    assert asked.items == (("pri_a", 1), ("pri_b", 2))
    assert asked.wanted == wish(prices={"pri_a": 1, "pri_b": 2}).wanted


def test_numbers_by_which_a_shop_knows_its_users_and_orders_are_text() -> None:
    assert wish(learner_ref=42, reference=17) == wish(learner_ref="42", reference="17")


@pytest.mark.parametrize(
    "address", ["ada@example.com", "Ada+Shop@mail.example.com", "o'neil@ex-ample.com"]
)
def test_an_address_is_one(address: str) -> None:
    assert wish(email=address).address == address


@pytest.mark.parametrize(
    "typed",
    [
        "nobody",
        "@example.com",
        "ada@",
        "ada@example.com@example.com",
        "nobody@x.example,ada@example.com",
        "nobody,ada@example.com",
        "nobody@x.example;ada@example.com",
        "ada @example.com",
        " ada@example.com",
        "ada\u00a0@example.com",
        "ada@example.com\n",
        "ada@example.com\0",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        f"{'a' * 320}@example.com",
    ],
    ids=repr,
)
def test_what_could_be_several_or_none_is_no_address(typed: str) -> None:
    assert wish(email=typed).address is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learner_ref": None}, "learner_ref is text or a whole number."),
        ({"learner_ref": True}, "learner_ref is text or a whole number."),
        ({"reference": 1.5}, "reference is text or a whole number."),
        ({"reference": "order 17"}, "1 to 128 letters, digits and _ . : -"),
        ({"reference": "é"}, "1 to 128 letters, digits and _ . : -"),
        ({"reference": "x" * 129}, "1 to 128 letters, digits and _ . : -"),
        ({"email": 42}, "email is text, or left out."),
        ({"return_url": ["https://a.example/"]}, "return_url is text, or left out."),
        ({"discount_code": 10}, "discount_code is text, or left out."),
        ({"prices": "pri_a"}, "Prices are a list of ids"),
        ({"prices": None}, "Prices are a list of ids"),
        ({"prices": 1}, "Prices are a list of ids"),
        ({"prices": [None]}, "Prices are a list of ids"),
        ({"prices": {"pri_a": "2"}}, "a quantity: 1 or more, a whole number"),
        ({"prices": {"pri_a": 1.0}}, "a quantity: 1 or more, a whole number"),
        ({"prices": {"pri_a": True}}, "a quantity: 1 or more, a whole number"),
        ({"prices": [("pri_a", 2), ("pri_a", -1)]}, "a quantity: 1 or more"),
        ({"prices": {1: 1}}, "Prices are a list of ids"),
        ({"prices": ["pri_a", "pri_\0"]}, "The id of a price is one line of text."),
        ({"prices": [""]}, "The id of a price is one line of text."),
    ],
    ids=str,
)
def test_what_is_of_another_kind_is_told_in_a_sentence(
    change: dict[str, object], words: str
) -> None:
    with pytest.raises(CheckoutError, match=re.escape(words)) as raised:
        wish(**change)

    assert raised.value.buyer == Buyer.SHOP
