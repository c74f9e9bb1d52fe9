"""Totals of a transaction, in minor units of its currency.

Paddle writes money as strings of integers in the lowest denomination; some currencies
have no decimals (https://developer.paddle.com/api-reference/currencies).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

ZERO_DECIMAL_CURRENCIES = frozenset({"CLP", "JPY", "KRW", "VND"})
PAYOUT_CURRENCY = "USD"
#: Paddle's checkout fee: 5 % and 50 minor units.
FEE_RATE = Decimal("0.05")
FEE_FIXED_MINOR = 50
#: Round numbers near the market's: one unit of the currency in US dollars.
EXCHANGE_RATES = {
    "USD": Decimal(1),
    "EUR": Decimal("1.1"),
    "GBP": Decimal("1.25"),
    "JPY": Decimal("0.007"),
    "KRW": Decimal("0.0007"),
}
#: Sales tax by country; others pay none.
TAX_RATES = {
    "AT": Decimal("0.2"),
    "DE": Decimal("0.19"),
    "FR": Decimal("0.2"),
    "GB": Decimal("0.2"),
    "JP": Decimal("0.1"),
    "KR": Decimal("0.1"),
    "NL": Decimal("0.21"),
    "US": Decimal("0.08875"),
}


@dataclass(frozen=True)
class Sum:
    """Subtotal, tax and discount of a line or of several."""

    subtotal: int = 0
    tax: int = 0
    discount: int = 0

    @property
    def net(self) -> int:
        """What is left of the subtotal after the discount."""
        return self.subtotal - self.discount

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return self.net + self.tax

    def __add__(self, other: Self) -> "Sum":
        """Add two sums."""
        return Sum(
            self.subtotal + other.subtotal,
            self.tax + other.tax,
            self.discount + other.discount,
        )

    def as_totals(self) -> dict[str, str]:
        """Write it as the ``totals`` of a line."""
        return {
            "subtotal": str(self.subtotal),
            "discount": str(self.discount),
            "tax": str(self.tax),
            "total": str(self.total),
        }


def decimals_of(currency: str) -> int:
    """Return how many decimals the currency has."""
    return 0 if currency in ZERO_DECIMAL_CURRENCIES else 2


def tax_rate_of(country: str) -> Decimal:
    """Return the tax rate that buyers of a country pay."""
    return TAX_RATES.get(country, Decimal(0))


def sum_of(
    amount_minor: int, tax_mode: str, rate: Decimal, discount_minor: int = 0
) -> Sum:
    """Split a price into subtotal and tax; ``internal`` prices contain the tax.

    A discount counts like the price, with the tax inside or without; tax is due on
    what it leaves.
    """
    if tax_mode == "internal":
        subtotal = rounded(amount_minor / (1 + rate))
        due = amount_minor - discount_minor
        net = rounded(due / (1 + rate))
        return Sum(subtotal, due - net, subtotal - net)
    tax = rounded((amount_minor - discount_minor) * rate)
    return Sum(amount_minor, tax, discount_minor)


def fee_of(total_minor: int) -> int:
    """Return Paddle's fee; free purchases cost none."""
    return rounded(total_minor * FEE_RATE) + FEE_FIXED_MINOR if total_minor > 0 else 0


def totals_of(
    amount: Sum, currency: str, *, is_open: bool, fee: int | None, credit: int = 0
) -> Any:  # noqa: ANN401
    """Write a transaction's ``details.totals``; fee and earnings come with completion.

    What lies below zero is no debt of ours: it goes to the buyer's credit balance.
    """
    due = max(amount.total, 0) - credit
    return {
        **amount.as_totals(),
        "credit": str(credit),
        "credit_to_balance": str(max(-amount.total, 0)),
        "balance": str(due if is_open else 0),
        "grand_total": str(due),
        "grand_total_tax": str(max(amount.tax, 0)),
        "fee": None if fee is None else str(fee),
        "earnings": None if fee is None else str(max(amount.net, 0) - fee),
        "currency_code": currency,
    }


def adjusted_totals_of(amount: Sum, currency: str, fee: int) -> dict[str, str]:
    """Write ``details.adjusted_totals``; its subtotal is without the discount."""
    return {
        "subtotal": str(amount.net),
        "tax": str(amount.tax),
        "total": str(amount.total),
        "grand_total": str(amount.total),
        "grand_total_tax": str(amount.tax),
        "fee": str(fee),
        "retained_fee": "0",
        "earnings": str(amount.net - fee) if fee else "0",
        "currency_code": currency,
    }


def payout_totals_of(amount: Sum, currency: str, fee: int) -> dict[str, str]:
    """Write ``details.payout_totals``, converted to the payout currency."""
    totals = totals_of(
        paid_out(amount, currency),
        PAYOUT_CURRENCY,
        is_open=False,
        fee=paid_out(Sum(fee), currency).subtotal,
    )
    rate = EXCHANGE_RATES.get(currency, Decimal(1))
    return {**totals, "exchange_rate": str(rate), "fee_rate": str(FEE_RATE)}


def paid_out(amount: Sum, currency: str) -> Sum:
    """Convert a sum to the payout currency."""
    scale = Decimal(10) ** (decimals_of(PAYOUT_CURRENCY) - decimals_of(currency))
    rate = EXCHANGE_RATES.get(currency, Decimal(1)) * scale
    return Sum(
        *(rounded(n * rate) for n in (amount.subtotal, amount.tax, amount.discount))
    )


def rounded(amount: Decimal) -> int:
    """Round to whole minor units, halves away from zero."""
    return int(amount.to_integral_value(ROUND_HALF_UP))
