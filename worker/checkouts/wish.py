"""What a shop wants to sell, checked before anybody is asked."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from worker.errors import PermanentError, SettingsError, TransientError
from worker.learner_token import sign
from worker.providers.checkouts import REFERENCE, Buyer
from worker.settings import Settings

#: A buyer may leave the checkout open over a weekend and more.
TOKEN_DAYS = 30
LONGEST_ADDRESS = 320
LONGEST_CODE = 200
LONGEST_PAGE = 2000
MOST_PRICES = 100
LONGEST_PRICE = 200
#: As prices are asked for: ids, where one may come twice, or ids with quantities.
Prices = Mapping[str, int] | Sequence[str] | Sequence[tuple[str, int]]

#: No list of addresses, and no name beside one: a provider would find others by it.
_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")
_ITEMS = (
    "Prices are a list of ids, or ids each with a quantity: 1 or more, a whole number."
)


class CheckoutError(PermanentError):
    """A checkout that cannot be opened; the message is for the shop's developer."""

    def __init__(self, message: str, buyer: str = Buyer.SHOP) -> None:
        """Say why, and what the buyer is told."""
        super().__init__(message)
        self.buyer = buyer


class CheckoutRefusedError(CheckoutError):
    """One that its row tells of as well: the shop reads it in ``opened_checkouts``."""


class CheckoutWaitsError(TransientError):
    """It is not open yet: ask again under the same reference, or wait."""

    def __init__(self, message: str, buyer: str, wait: timedelta) -> None:
        """Say why, what the buyer is told, and how long to wait."""
        super().__init__(message, wait)
        self.buyer = buyer


class CheckoutBusyError(CheckoutWaitsError):
    """Somebody else opens it at this moment."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A checkout as a shop asks for it."""

    #: Price and quantity, in the order of ids: in another order it is the same.
    items: tuple[tuple[str, int], ...]
    #: The user id of who buys.
    learner_ref: str
    #: The shop's own name of the checkout; the same again is the same checkout.
    reference: str
    email: str | None = None
    #: The page that opens the checkout; None: the account's own.
    return_url: str | None = None
    discount_code: str | None = None

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            CheckoutError: The sentence names the argument.
        """
        if problem := self._problem():
            raise CheckoutError(problem)

    def _problem(self) -> str | None:
        for name in ("learner_ref", "reference"):
            if not isinstance(getattr(self, name), str):
                return f"{name} is text or a whole number."
        for name in ("email", "return_url", "discount_code"):
            if not isinstance(getattr(self, name), str | None):
                return f"{name} is text, or left out."
        if not 1 <= len(self.items) <= MOST_PRICES:
            return f"A checkout has 1 to {MOST_PRICES} prices."
        if not all(_is_line(price, LONGEST_PRICE) for price, _ in self.items):
            return "The id of a price is one line of text."
        return self._problem_of_text()

    def _problem_of_text(self) -> str | None:
        if not REFERENCE.fullmatch(self.reference):
            return "A reference has 1 to 128 letters, digits and _ . : -, and nothing else."
        if self.discount_code and not _is_line(self.discount_code, LONGEST_CODE):
            return f"A discount code has at most {LONGEST_CODE} characters on one line."
        if self.return_url and not _is_page(self.return_url):
            return "return_url is no address of a page: https://…"
        return None

    @property
    def address(self) -> str | None:
        """The e-mail address, unless it is none: buyers mistype theirs."""
        return self.email if self.email and _is_address(self.email) else None

    @property
    def wanted(self) -> dict[str, Any]:
        """What makes it this checkout and no other, as it is kept."""
        return {
            "items": [list(item) for item in self.items],
            "return_url": self.return_url,
            "discount_code": self.discount_code,
        }


def wish_of(
    prices: Prices, learner_ref: str | int, reference: str | int, **rest: str | None
) -> Wish:
    """Return a wish; numbers by which a shop knows its users and orders are text here.

    Raises:
        CheckoutError: As ``Wish``, or the prices are none.
    """
    return Wish(_counted(prices), _text_of(learner_ref), _text_of(reference), **rest)


def _counted(prices: object) -> tuple[tuple[str, int], ...]:
    if isinstance(prices, Mapping):
        given: list[object] = list(prices.items())
    elif isinstance(prices, Sequence) and not isinstance(prices, str | bytes):
        given = [(one, 1) if isinstance(one, str) else one for one in prices]
    else:
        raise CheckoutError(_ITEMS)
    counts: Counter[str] = Counter()
    for item in given:
        match item:
            case [str(price), int(number)] if number is not True and number > 0:
                counts[price] += number
            case _:
                raise CheckoutError(_ITEMS)
    return tuple(sorted(counts.items()))


def _text_of(value: str | int) -> str:
    # Else True would be somebody.
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else cast("str", value)


def custom_data_of(
    owner: str, reference: str, config: Settings, now: datetime
) -> dict[str, str]:
    """Return what the transaction carries, signed.

    Raises:
        SettingsError: There is nothing to sign with.
        CheckoutError: The user id is none.
    """
    secret, *_ = secrets_of(config)
    environment = str(config.paddle_environment)
    try:
        token = sign(owner, environment, secret, timedelta(days=TOKEN_DAYS), now)
    except ValueError as error:
        raise CheckoutError(str(error)) from None
    return {"learner": token, "reference": reference}


def secrets_of(config: Settings) -> list[str]:
    """Return what a transaction's learner may be signed with, the newest first.

    Raises:
        SettingsError: There is nothing to sign with.
    """
    if not config.learner_secrets:
        raise SettingsError("LEARNER_SECRETS is not set: nothing to sign with.")
    return [secret.get_secret_value() for secret in config.learner_secrets]


def _is_line(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable()


def _is_address(text: str) -> bool:
    return _is_line(text, LONGEST_ADDRESS) and bool(_ADDRESS.fullmatch(text))


def _is_page(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
    return is_web and _is_line(text, LONGEST_PAGE)
