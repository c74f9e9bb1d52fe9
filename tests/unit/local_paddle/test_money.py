"""Totals in minor units, with and without decimals."""

from decimal import Decimal

import pytest

from local_paddle.money import Sum, fee_of, paid_out, payout_totals_of, sum_of


@pytest.mark.parametrize(
    ("mode", "rate", "expected"),
    [
        ("account_setting", "0.2", Sum(1000, 200)),
        ("external", "0.08875", Sum(1000, 89)),
        ("internal", "0.25", Sum(800, 200)),
        ("external", "0", Sum(1000, 0)),
    ],
)
def test_tax_is_added_or_contained(mode: str, rate: str, expected: Sum) -> None:
    assert sum_of(1000, mode, Decimal(rate)) == expected


def test_free_purchases_have_no_fee() -> None:
    assert fee_of(0) == 0
    assert fee_of(10_000) == 550


def test_yen_have_no_decimals_but_their_payout_has() -> None:
    # 1,000 yen at 0.007 dollars are 7 dollars: 700 cents.
    assert paid_out(Sum(1000), "JPY") == Sum(700)
    assert payout_totals_of(Sum(1000), "JPY", 0)["total"] == "700"
    assert paid_out(Sum(1000), "USD") == Sum(1000)
