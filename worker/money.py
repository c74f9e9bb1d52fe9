"""How amounts of money are added up, and written for people.

The one place that knows the decimals of a currency. Everything else counts minor units.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

#: Digits after the point, by ISO 4217, of the currencies that a provider of ours takes.
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(("CLP", "JPY", "KRW", "VND"), 0),
    **dict.fromkeys(
        ("ARS", "AUD", "BRL", "CAD", "CHF", "CNY", "COP", "CZK", "DKK", "EUR", "GBP",
         "HKD", "HUF", "ILS", "INR", "MXN", "NOK", "NZD", "PEN", "PLN", "RUB", "SEK",
         "SGD", "THB", "TRY", "TWD", "UAH", "USD", "ZAR"),
        2,
    ),
}  # fmt: skip


def add_up(amounts: Iterable[tuple[str | None, int | None]]) -> dict[str, int]:
    """Return the sums in minor units per currency.

    What has no currency or no amount, because no event has told it yet, is left out.
    """
    sums: dict[str, int] = {}
    for currency, minor in amounts:
        if currency is not None and minor is not None:
            sums[currency] = sums.get(currency, 0) + minor
    return sums


def money(amount_minor: int, currency: str) -> str:
    """Return an amount with its currency's decimals.

    Of a currency that is not known the minor units are told, and told to be that: a
    point at a guess would be wrong by a hundred or a thousand.

    Args:
        amount_minor: In the currency's minor unit.
        currency: ISO 4217 code, upper case.
    """
    decimals = DECIMALS.get(currency)
    if decimals is None:
        return f"{amount_minor} {currency} minor units"
    return f"{Decimal(amount_minor).scaleb(-decimals):.{decimals}f} {currency}"
