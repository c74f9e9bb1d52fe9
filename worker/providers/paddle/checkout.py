"""Opens checkouts: transactions that our side makes, so that no browser alters them.

https://developer.paddle.com/api-reference/transactions/create-transaction. Paddle has
no idempotency keys: whoever posts here looks for what is there before doing so again.
"""

import re
from datetime import UTC, datetime

import httpx
import msgspec

from worker.providers.api import Gate
from worker.providers.checkouts import Opened, Problem, Sale, Sought
from worker.providers.errors import ApiDownError, ApiError, ApiRefusedError
from worker.providers.paddle.account import account_of
from worker.providers.paddle.answers import Identity, Link, read
from worker.providers.paddle.api import PaddleApi
from worker.providers.paddle.lists import EVERY_STATUS
from worker.providers.paddle.problems import problem_of
from worker.settings import Settings

_CUSTOMER = re.compile(r"\bctm_[a-z0-9]{26}\b")
_EXISTS = "customer_already_exists"
_NOT_APPROVED = "transaction_checkout_url_domain_is_not_approved"
_NO_DISCOUNT = "transaction_discount_not_found"


class _Customer(Identity):
    email: str | None = None


class _Discount(Identity):
    code: str | None = None


class _Item(msgspec.Struct):
    price: Identity | None = None
    quantity: int = 0


class _Sold(Identity):
    """What is read of a transaction."""

    # Whatever a browser wrote may stand in it.
    custom_data: object = None
    checkout: Link | None = None
    items: tuple[_Item, ...] = ()

    @property
    def carried(self) -> dict[str, object]:
        """What it carries."""
        return self.custom_data if isinstance(self.custom_data, dict) else {}

    def sells(self, items: tuple[tuple[str, int], ...]) -> bool:
        """Tell whether it is of these prices and quantities, and no others."""
        sold = ((one.price.id if one.price else "", one.quantity) for one in self.items)
        return sorted(sold) == list(items)


class PaddleCheckouts(PaddleApi):
    """Opens checkouts at Paddle."""

    def customer_of(self, email: str) -> str:
        """Return the customer with this address, made if there is none."""
        if found := self._customer(email):
            return found
        try:
            return self._sent("POST", "/customers", {"email": email}, Identity).id
        except ApiError as error:
            if error.code != _EXISTS:
                raise
            # Somebody was quicker; or wrote it in another case, which the list
            # tells apart and the refusal does not: that names the customer.
            found = self._customer(email) or self._named(error.detail, email)
        if found is None:
            raise ApiDownError("knows a customer that it does not list")
        return found

    def discount_of(self, code: str) -> str:
        """Return the active discount with this code, whatever its case."""
        # Buyers write codes as they like, and the list may tell cases apart.
        for written in dict.fromkeys((code, code.upper())):
            for page in self.pages("/discounts", {"code": written}):
                for one in (read(entity, _Discount) for entity in page):
                    if _is_same(one.code, code):
                        return one.id
        raise ApiError(httpx.codes.BAD_REQUEST, _NO_DISCOUNT)

    def find_opened(self, sought: Sought) -> Opened | None:
        """Look for the oldest checkout that is the one."""
        # A browser opens none with this origin, whatever it writes into custom_data.
        asked = {
            "origin": "api",
            "created_at[GTE]": _written(sought.since),
            "created_at[LT]": _written(sought.until),
        }
        if sought.customer_id:
            asked["customer_id"] = sought.customer_id
        for page in self.pages("/transactions", asked):
            for one in (read(entity, _Sold) for entity in page):
                if one.sells(sought.items) and sought.is_ours(one.carried):
                    return _opened(one)
        return None

    def open(self, sale: Sale) -> Opened:
        """Open a checkout; after an error there may be one all the same."""
        given = {
            "items": [{"price_id": p, "quantity": q} for p, q in sale.items],
            "custom_data": dict(sale.custom_data),
            "collection_mode": "automatic",
            "customer_id": sale.customer_id or None,
            "discount_id": sale.discount_id or None,
            "checkout": {"url": sale.page} if sale.page else None,
        }
        told = {name: value for name, value in given.items() if value is not None}
        try:
            return _opened(self._sent("POST", "/transactions", told, _Sold))
        except ApiRefusedError as error:
            if sale.page and error.code == _NOT_APPROVED:
                # This call names the page: others go on without it.
                raise ApiError(error.status, error.code) from None
            raise

    def problem_of(self, error: Exception) -> Problem:
        """Return what an error means, to the shop's developer and to the buyer."""
        return problem_of(error)

    def _customer(self, email: str) -> str | None:
        for page in self.pages("/customers", {"email": email, **EVERY_STATUS}):
            for one in (read(entity, _Customer) for entity in page):
                # Paddle takes what is asked for as a list: others may be in it.
                if _is_same(one.email, email):
                    return one.id
        return None

    def _named(self, sentence: str, email: str) -> str | None:
        # The address may stand in it too, and look like an id.
        for named in _CUSTOMER.findall(sentence):
            told = self.customer(named)
            if told and _is_same(read(told, _Customer).email, email):
                return str(named)
        return None


def checkouts_of(
    config: Settings, call_seconds: float, gate: Gate | None = None
) -> PaddleCheckouts:
    """Return what opens checkouts in our environment.

    Raises:
        SettingsError: There is no key for it.
    """
    return PaddleCheckouts(account_of(config, gate), call_seconds)


def _is_same(told: str | None, asked: str) -> bool:
    return told is not None and told.casefold() == asked.casefold()


def _written(moment: datetime) -> str:
    written = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return written.replace("+00:00", "Z")


def _opened(sold: _Sold) -> Opened:
    url = sold.checkout.url if sold.checkout else None
    if not url:
        raise ApiDownError("opened a checkout without an address")
    return Opened(sold.id, url)
