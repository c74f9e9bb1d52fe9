"""What a shop wants to sell, checked before anybody is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from worker.errors import PermanentError, SettingsError, TransientError
from worker.learner_token import sign
from worker.providers.checkouts import Buyer
from worker.settings import Settings

#: A buyer may leave the checkout open over a weekend and more.
TOKEN_DAYS = 30
LONGEST_REFERENCE = 200
LONGEST_ADDRESS = 320
LONGEST_CODE = 200
LONGEST_PAGE = 2000
MOST_PRICES = 100


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

    #: Price and quantity.
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
        if not 1 <= len(self.items) <= MOST_PRICES:
            return f"A checkout has 1 to {MOST_PRICES} prices."
        if any(not price or quantity < 1 for price, quantity in self.items):
            return "Each price has an id, and a quantity of 1 or more."
        if not _is_line(self.reference, LONGEST_REFERENCE):
            return f"A reference has 1 to {LONGEST_REFERENCE} characters on one line."
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
    prices: Sequence[str] | Mapping[str, int],
    learner_ref: str,
    reference: str,
    **rest: str | None,
) -> Wish:
    """Return a wish; prices are ids, or ids with their quantities."""
    counted = prices if isinstance(prices, Mapping) else dict.fromkeys(prices, 1)
    return Wish(tuple(counted.items()), learner_ref, reference, **rest)


def custom_data_of(
    owner: str, reference: str, config: Settings, now: datetime
) -> dict[str, str]:
    """Return what the transaction carries, signed.

    Raises:
        SettingsError: There is nothing to sign with.
        CheckoutError: The user id is none.
    """
    if not config.learner_secrets:
        raise SettingsError("LEARNER_SECRETS is not set: nothing to sign with.")
    secret = config.learner_secrets[0].get_secret_value()
    environment = str(config.paddle_environment)
    try:
        token = sign(owner, environment, secret, timedelta(days=TOKEN_DAYS), now)
    except ValueError as error:
        raise CheckoutError(str(error)) from None
    return {"learner": token, "reference": reference}


def _is_line(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable()


def _is_address(text: str) -> bool:
    name, _, domain = text.partition("@")
    return bool(name and domain) and _is_line(text, LONGEST_ADDRESS) and " " not in text


def _is_page(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
    return is_web and _is_line(text, LONGEST_PAGE)
