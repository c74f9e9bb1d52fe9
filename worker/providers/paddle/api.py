"""Asks Paddle's API: one try a call, bounded in time, errors sorted.

No call sleeps or tries again, because those who ask have rows that can wait. Facts:
https://developer.paddle.com/api-reference/overview (API version 1).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self, TypeVar
from urllib.parse import quote

import httpx

from worker.providers.api import Asked, Destination, Gate, ListPage
from worker.providers.errors import ApiDownError, ApiError
from worker.providers.paddle.account import Account, account_of
from worker.providers.paddle.answers import (
    NO_CODE,
    Identity,
    Link,
    NotificationSetting,
    One,
    Page,
    Payable,
    destination_of,
    read,
)
from worker.providers.paddle.asking import Asker
from worker.providers.paddle.lists import (
    EVERY_STATUS,
    most_of,
    page_of,
    parameters_of,
    path_of,
)
from worker.settings import Settings

_T = TypeVar("_T")

#: Of a whole call, where nobody asks for less.
CALL_SECONDS = 10.0
NOTHING_THERE = (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND)


@contextmanager
def paddles_own() -> Iterator[None]:
    """Take a no from Paddle alone.

    Raises:
        ApiDownError: Somebody on the way says no, who knows of nothing there. Whether
            Paddle heard of it is unknown.
    """
    try:
        yield
    except ApiError as error:
        if error.code == NO_CODE:
            raise ApiDownError(str(error)) from None
        raise


class PaddleApi:
    """Paddle's API, with connections that are kept until ``close``."""

    def __init__(
        self,
        account: Account,
        call_seconds: float = CALL_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is opened yet. See ``Asker``."""
        self._asker = Asker(account, call_seconds, transport)
        self._secrets = account.secrets

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._asker.close()

    def customer(self, customer_id: str) -> bytes | None:
        """Return a customer as Paddle has it now, as JSON; None: there is none.

        Raises:
            ApiRefusedError, ApiBusyError, ApiDownError, ApiError: No answer to that.
        """
        try:
            content = self._asker.get(f"/customers/{quote(customer_id, safe='')}", {})
        except ApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            if error.code == NO_CODE:
                # Somebody on the way says so, who knows of no customers.
                raise ApiDownError(str(error)) from None
            return None
        found = read(content, One).data
        if read(bytes(found), Identity).id != customer_id:
            raise ApiDownError("answered with another customer")
        return bytes(found)

    def invoice_url(self, transaction_id: str) -> str:
        """Return where a transaction's invoice is, for one hour; empty: it has none.

        Raises:
            ApiRefusedError, ApiBusyError, ApiDownError, ApiError: It was not to be had.
        """
        path = f"/transactions/{quote(transaction_id, safe='')}/invoice"
        try:
            content = self._asker.get(path, {})
        except ApiError as error:
            # Zero in total, not completed, or of a simulation, which has told of what is
            # not there. Which codes say so is not documented.
            if error.status not in NOTHING_THERE or error.code == NO_CODE:
                raise
            return ""
        url = read(bytes(read(content, One).data), Link).url
        if not url:
            raise ApiDownError("answered without an address")
        return url

    def checkout_url(self, transaction_id: str) -> str:
        """Return where a transaction can be paid; raises as ``invoice_url``."""
        path = f"/transactions/{quote(transaction_id, safe='')}"
        found = read(bytes(read(self._asker.get(path, {}), One).data), Payable)
        return (found.checkout.url if found.checkout else None) or ""

    def prices(self) -> Iterator[list[bytes]]:
        """Return all prices, page by page, archived ones too; raises as ``pages``."""
        return self.pages("/prices", EVERY_STATUS)

    def products(self) -> Iterator[list[bytes]]:
        """Return all products, page by page, archived ones too; raises as ``pages``."""
        return self.pages("/products", EVERY_STATUS)

    def discounts(self) -> Iterator[list[bytes]]:
        """Return all discounts, page by page, archived ones too; raises as ``pages``."""
        return self.pages("/discounts", EVERY_STATUS)

    def pages(self, path: str, parameters: Mapping[str, str]) -> Iterator[list[bytes]]:
        """Return a list to its end, page by page, each entity as JSON.

        Raises:
            ApiRefusedError, ApiBusyError, ApiDownError, ApiError: A page was not
                to be had, or a cursor came again, so that the list would not end.
        """
        seen: set[str] = set()
        most = str(most_of(path))
        asked = {"order_by": "id[ASC]", "per_page": most, **parameters}
        while True:
            with paddles_own():
                page = read(self._asker.get(path, asked), Page)
            yield [bytes(entity) for entity in page.data]
            if not page.meta.pagination.has_more:
                return
            cursor = page.meta.pagination.cursor
            if cursor is None or cursor in seen:
                raise ApiDownError(f"the pages of {path} do not end")
            seen.add(cursor)
            asked["after"] = cursor

    def page(self, asked: Asked) -> ListPage:
        """Return one page of a list.

        Raises:
            ApiRefusedError, ApiBusyError, ApiDownError, ApiError: It was not to be had,
                or does not go on where it was asked to.
        """
        with paddles_own():
            content = self._asker.get(path_of(asked), parameters_of(asked))
        return page_of(asked, content)

    def destinations(self) -> list[Destination]:
        """Return the notification settings; raises as ``page``."""
        return [
            destination_of(read(entity, NotificationSetting), self._secrets)
            for page in self.pages("/notification-settings", {})
            for entity in page
        ]

    def _sent(
        self, method: str, path: str, given: Mapping[str, object], kind: type[_T]
    ) -> _T:
        """Post or change something and return the answer; see ``Asker.send``."""
        with paddles_own():
            content = self._asker.send(method, path, given)
        return read(bytes(read(content, One).data), kind)


def api_of(
    config: Settings, call_seconds: float = CALL_SECONDS, gate: Gate | None = None
) -> PaddleApi:
    """Return the API of our environment.

    Raises:
        SettingsError: There is no key for it.
    """
    return PaddleApi(account_of(config, gate), call_seconds)
