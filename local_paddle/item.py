"""What is on a transaction: prices, how many of each, and what share of them is due."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from local_paddle.money import Sum, rounded, sum_of
from local_paddle.period import Duration, Period, bounds_of, period_of
from local_paddle.store import Entity, Store
from local_paddle.till import ShopError

RATE_DECIMALS = Decimal("0.000001")


@dataclass(frozen=True)
class Item:
    """A price with its product, and how many of it."""

    price: Entity
    product: Entity
    quantity: int = 1
    #: What part of the price is due: 0 in a trial, below 0 for what is given back.
    share: Decimal = Decimal(1)
    proration: Entity | None = None
    discount_minor: int = 0

    @property
    def is_recurring(self) -> bool:
        """Whether it is sold by subscription."""
        return self.price["billing_cycle"] is not None

    @property
    def trial(self) -> Duration | None:
        """How long it is free at first."""
        period: Duration | None = self.price["trial_period"]
        return period if self.is_recurring else None

    @property
    def amount_minor(self) -> int:
        """What all of it costs before discount; tax is inside or not as the price says."""
        amount = int(self.price["unit_price"]["amount"]) * self.quantity
        return rounded(amount * self.share)

    def sums(self, rate: Decimal) -> tuple[Sum, Sum]:
        """Return the sum of one unit and of the whole line."""
        mode = self.price["tax_mode"]
        unit = rounded(int(self.price["unit_price"]["amount"]) * self.share)
        off = rounded(Decimal(self.discount_minor) / self.quantity)
        return (
            sum_of(unit, mode, rate, off),
            sum_of(self.amount_minor, mode, rate, self.discount_minor),
        )

    def in_trial(self) -> "Item":
        """Return it as it is billed at the start: nothing is due during a trial."""
        return replace(self, share=Decimal(0)) if self.trial else self

    def prorated(self, period: Period, now: datetime, sign: int = 1) -> "Item":
        """Return what is due, or given back, for the rest of a period."""
        start, end = bounds_of(period)
        rate = Decimal((end - now) / (end - start)).quantize(RATE_DECIMALS)
        proration = {"rate": str(rate), "billing_period": period_of(now, end)}
        return replace(self, share=rate * sign, proration=proration)


def items_of(store: Store, wanted: Sequence[tuple[str, int]]) -> list[Item]:
    """Look prices and their products up.

    Raises:
        ShopError: A price is unknown, or they differ in currency or billing cycle.

    """
    items = [_item(store, price_id, quantity) for price_id, quantity in wanted]
    if not items:
        message = "nothing to buy: name at least one price"
        raise ShopError(message)
    currencies = {item.price["unit_price"]["currency_code"] for item in items}
    if len(currencies) > 1:
        message = f"one checkout has one currency, not {', '.join(sorted(currencies))}"
        raise ShopError(message)
    cycles = [item.price["billing_cycle"] for item in items if item.is_recurring]
    if any(cycle != cycles[0] for cycle in cycles):
        message = "the prices of one subscription have one billing cycle"
        raise ShopError(message, "transaction_price_different_billing_cycle")
    return items


def _item(store: Store, price_id: str, quantity: int) -> Item:
    price = store.get("price", price_id)
    product = store.get("product", price["product_id"]) if price else None
    if price is None or product is None:
        message = f"no price {price_id}"
        raise ShopError(message, "transaction_price_not_found")
    return Item(price, product, quantity)
