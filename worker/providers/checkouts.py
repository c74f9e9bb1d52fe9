"""What opening checkouts at a provider must offer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

#: How a shop may name a checkout: by anything else nobody could ask for it.
REFERENCE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Buyer(StrEnum):
    """What a buyer is told where a checkout does not open: what to do, never why."""

    SOON = "The checkout is busy. Please try again in a minute."
    SHOP = "This cannot be bought right now. Please write to the shop."
    CODE = "This discount code cannot be used here. Please check it, or go on without."
    ADDRESS = "This e-mail address cannot be used. Please check it."
    DONE = "This order can no longer be changed. Please open a new checkout."


@dataclass(frozen=True, slots=True)
class Sale:
    """A checkout as the provider is asked for it."""

    #: Price and quantity.
    items: tuple[tuple[str, int], ...]
    #: What the transaction carries: the signed learner and the shop's reference.
    custom_data: Mapping[str, str]
    #: Empty: the buyer types an address.
    customer_id: str = ""
    discount_id: str = ""
    #: The page that opens the checkout; empty: the account's own.
    page: str = ""


@dataclass(frozen=True, slots=True)
class Sought:
    """A checkout that an earlier try may have left behind."""

    #: Price and quantity, in the order of prices.
    items: tuple[tuple[str, int], ...]
    #: Tells it by what the transaction carries from those of others.
    is_ours: Callable[[Mapping[str, object]], bool]
    #: It was opened between these, by the provider's clock.
    since: datetime
    until: datetime
    #: For whom; empty: it was opened for nobody.
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkout that can be paid."""

    transaction_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a checkout does not open, a sentence each."""

    developer: str
    buyer: str


class CheckoutApi(Protocol):
    """Opens checkouts; each call is one try, errors as in ``providers.errors``."""

    def __enter__(self) -> Self:
        """Use it for a while."""
        ...

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        ...

    def customer_of(self, email: str) -> str:
        """Return the customer with this address, made if there is none."""
        ...

    def discount_of(self, code: str) -> str:
        """Return the discount with this code; an ``ApiError`` where there is none."""
        ...

    def find_opened(self, sought: Sought) -> Opened | None:
        """Look for the oldest checkout that is the one; None: there is none."""
        ...

    def open(self, sale: Sale) -> Opened:
        """Open a checkout. Never repeat it blindly: there may be one after an error."""
        ...

    def problem_of(self, error: Exception) -> Problem:
        """Return what an error of these calls means; quotes nothing it was told."""
        ...
