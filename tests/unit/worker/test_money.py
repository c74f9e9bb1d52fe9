"""Amounts, as people read them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.money import DECIMALS, add_up, money

BIGINT = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (48_000, "EUR", "480.00 EUR"),
        (1, "USD", "0.01 USD"),
        (0, "GBP", "0.00 GBP"),
        (-250, "EUR", "-2.50 EUR"),
        (5000, "JPY", "5000 JPY"),
        (5000, "KRW", "5000 KRW"),
        (5000, "CLP", "5000 CLP"),
        (5000, "VND", "5000 VND"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(
    minor: int, currency: str, shown: str
) -> None:
    assert money(minor, currency) == shown


@given(BIGINT, st.sampled_from(sorted(DECIMALS)))
def test_what_is_written_is_the_amount_exactly(minor: int, currency: str) -> None:
    shown, code = money(minor, currency).split(" ")

    assert code == currency
    assert Decimal(shown) * 10 ** DECIMALS[currency] == minor
    assert len(shown.partition(".")[2]) == DECIMALS[currency]


@pytest.mark.parametrize("currency", ["KWD", "XXX", "usd", ""])
def test_the_point_of_an_unknown_currency_is_not_guessed(currency: str) -> None:
    assert money(-21666, currency) == f"-21666 {currency} minor units"


def test_a_large_amount_is_written_exactly() -> None:
    assert money(2**63 - 1, "USD") == "92233720368547758.07 USD"


def test_amounts_are_added_up_per_currency() -> None:
    assert add_up([("EUR", 1), ("USD", 2), ("EUR", 3)]) == {"EUR": 4, "USD": 2}


def test_what_nobody_has_told_yet_is_left_out() -> None:
    assert add_up([(None, 1), ("EUR", None), ("EUR", 0)]) == {"EUR": 0}
