"""What a person sets in Paddle's dashboard, and no call of the API can.

The default payment link and the approved domains decide where a checkout can open
(https://developer.paddle.com/build/transactions/default-payment-link), the permissions
what a key may do (https://developer.paddle.com/api-reference/about/permissions).
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from local_paddle.answer import ApiError, invalid
from local_paddle.store import Entity, Store

FACT = "dashboard"
CHECKOUT_PAGE = "https://courses.example/pay"
USUAL: Entity = {
    "default_payment_link": CHECKOUT_PAGE,
    "approved_domains": ["courses.example", "localhost", "127.0.0.1"],
    # Null: all of them.
    "permissions": None,
}
_PERMISSION = re.compile(r"[a-z_]+\.(read|write)")
#: Below ``/customers/{id}/``, and named differently from their path.
_NAMES = {
    "/addresses": "address",
    "/businesses": "business",
    "/events": "notification",
    "/notifications": "notification",
    "/notification-settings": "notification_setting",
    "/simulations": "notification_simulation",
}
#: What every key may ask.
_FREE = ("/event-types", "/simulation-types", "/ips", "/local/")


class Dashboard:
    """Reads and changes it; kept with the rest of the state."""

    def __init__(self, store: Store) -> None:
        """Keep it in this store."""
        self._store = store

    def shown(self) -> Entity:
        """Return all that is set."""
        return {**USUAL, **self._store.fact(FACT, {})}

    def change(self, given: Entity) -> Entity:
        """Set some of it.

        Raises:
            ValueError: There is no such thing to set, or a permission is misspelt.

        """
        if unknown := given.keys() - USUAL.keys():
            message = f"unknown: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        for name in given.get("permissions") or ():
            if not _PERMISSION.fullmatch(name):
                message = f"{name} is no permission"
                raise ValueError(message)
        self._store.remember(FACT, {**self.shown(), **given})
        return self.shown()

    def checkout_page(self, wanted: str | None) -> str:
        """Return the page on which a checkout opens.

        Raises:
            ApiError: There is none, or its domain is not approved.

        """
        set_ = self.shown()
        if wanted is None:
            if not set_["default_payment_link"]:
                raise _of_transactions(
                    "transaction_default_checkout_url_not_set",
                    "A Default Payment Link has not yet been defined within the"
                    " Paddle Dashboard for this account",
                )
            return str(set_["default_payment_link"])
        host = _host_of(wanted)
        if not _is_within(host, set_["approved_domains"]):
            raise _of_transactions(
                "transaction_checkout_url_domain_is_not_approved",
                f"The checkout url domain {host} is not approved",
            )
        return wanted

    def refusal(self, method: str, path: str) -> ApiError | None:
        """Return the error for a request that the key may not make."""
        permissions: list[str] | None = self.shown()["permissions"]
        if permissions is None or path.startswith(_FREE):
            return None
        if permission_of(method, path) in permissions:
            return None
        return ApiError(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            "You aren't permitted to perform this request",
        )


def permission_of(method: str, path: str) -> str:
    """Return the permission that a request needs."""
    parts = [f"/{part}" for part in path.strip("/").split("/")]
    named = next((_NAMES[part] for part in parts if part in _NAMES), None)
    entity = named or parts[0].removeprefix("/").removesuffix("s")
    return f"{entity}.{'read' if method in {'GET', 'HEAD'} else 'write'}"


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise invalid(("checkout.url", "must be an address"))
    return parts.hostname


def _is_within(host: str, domains: Sequence[str]) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in domains)


def _of_transactions(code: str, detail: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, code, detail, chapter="transactions")
