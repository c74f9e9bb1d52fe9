"""Paddle's API, as far as Paddlewheel and its tests use it.

https://developer.paddle.com/api-reference/overview. Reading is here; what is posted
and changed is in ``change.py``.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_paddle import listing
from local_paddle import traffic_listing as traffic
from local_paddle.answer import ApiError, invalid, not_found, success
from local_paddle.clock import instant_of_epoch
from local_paddle.event_type import event_types
from local_paddle.faults import Fate
from local_paddle.feed import Feed
from local_paddle.page import Condition, Listing, page_of
from local_paddle.store import Entity, Store

Endpoint = Callable[[Request], Awaitable[Response]]

#: How long the address of an invoice is good.
INVOICE_SECONDS = 3600
LOOPBACK_CIDRS = ["127.0.0.1/32"]
INCLUDES = {
    "transaction": {
        "address",
        "adjustments",
        "adjustments_totals",
        "available_payment_methods",
        "business",
        "customer",
        "discount",
    },
    "price": {"product"},
    "product": {"prices"},
}


class Reading:
    """The GET half of the API, and replays."""

    def __init__(self, feed: Feed) -> None:
        """Read through the feed's store."""
        self._feed = feed
        self._store = feed.store

    def routes(self) -> list[Route]:
        """Return the paths that this half answers."""
        one = self._one
        return [
            Route("/customers", self._list(listing.CUSTOMERS, "customer")),
            Route("/customers/{id}", one("customer")),
            Route("/customers/{id}/addresses", self._addresses),
            Route("/customers/{owner}/addresses/{id}", one("address")),
            Route("/customers/{id}/businesses", self._businesses),
            Route("/customers/{owner}/businesses/{id}", one("business")),
            Route("/discounts", self._list(listing.DISCOUNTS, "discount")),
            Route("/discounts/{id}", one("discount")),
            Route("/subscriptions", self._list(listing.SUBSCRIPTIONS, "subscription")),
            Route("/products", self._list(listing.PRODUCTS, "product")),
            Route("/products/{id}", one("product")),
            Route("/prices", self._list(listing.PRICES, "price")),
            Route("/prices/{id}", one("price")),
            Route("/transactions", self._list(listing.TRANSACTIONS, "transaction")),
            Route("/transactions/{id}", one("transaction")),
            Route("/transactions/{id}/invoice", self._invoice),
            Route("/adjustments", self._list(listing.ADJUSTMENTS, "adjustment")),
            Route("/events", self._list(traffic.EVENTS, "event")),
            Route("/event-types", self._event_types),
            Route("/ips", self._ips),
            Route("/notification-settings", self._list(traffic.SETTINGS, "setting")),
            Route("/notification-settings/{id}", one("notification_setting")),
            Route("/notifications", self._list(traffic.NOTIFICATIONS, "notification")),
            Route("/notifications/{id}", self._notification),
            Route("/notifications/{id}/logs", self._logs),
            Route("/notifications/{id}/replay", self._replay, methods=["POST"]),
        ]

    def _list(self, what: Listing, kind: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            return self._page(request, what, kind)

        return endpoint

    def _one(self, kind: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            entity = self._store.get(kind, request.path_params["id"])
            if entity is None:
                raise not_found(request.path_params["id"])
            return success(self._with_included(request, kind, entity))

        return endpoint

    async def _invoice(self, request: Request) -> Response:
        transaction_id = request.path_params["id"]
        bill = self._store.get("transaction", transaction_id)
        if bill is None:
            raise not_found(transaction_id)
        totals = bill["details"]["totals"]
        is_billed = bill["status"] in {"billed", "completed"}
        if not is_billed or totals["grand_total"] == "0":
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "transaction_invoice_not_available",
                f"{transaction_id} has no invoice",
                chapter="transactions",
            )
        expires = int(self._feed.clock.epoch()) + INVOICE_SECONDS
        address = (
            f"https://paddle.example/invoices/{transaction_id}.pdf?until={expires}"
        )
        return success({"url": address})

    def _page(
        self,
        request: Request,
        what: Listing,
        kind: str,
        within: Condition | None = None,
    ) -> Response:
        def shown(entity: Entity) -> Entity:
            return self._with_included(request, kind, entity)

        return paged(request, self._store, what, within, shown)

    async def _addresses(self, request: Request) -> Response:
        within = self._of_customer(request)
        return self._page(request, listing.ADDRESSES, "address", within)

    async def _businesses(self, request: Request) -> Response:
        within = self._of_customer(request)
        return self._page(request, listing.BUSINESSES, "business", within)

    def _of_customer(self, request: Request) -> Condition:
        customer_id = request.path_params["id"]
        if self._store.get("customer", customer_id) is None:
            raise not_found(customer_id)
        return "json_extract(body, '$.customer_id') = ?", [customer_id]

    async def _event_types(self, _: Request) -> Response:
        return success(event_types())

    async def _ips(self, _: Request) -> Response:
        return success({"ipv4_cidrs": LOOPBACK_CIDRS})

    async def _notification(self, request: Request) -> Response:
        row = notification_row(self._store, request.path_params["id"])
        return success(traffic.notification_of(row))

    async def _logs(self, request: Request) -> Response:
        row = notification_row(self._store, request.path_params["id"])
        within = ("notification_id = ?", [row["id"]])
        return self._page(request, traffic.LOGS, "log", within)

    async def _replay(self, request: Request) -> Response:
        row = notification_row(self._store, request.path_params["id"])
        error = _replay_refusal(row)
        if error:
            raise error
        with self._store.transaction():
            replayed = replay(self._feed, row)
        return success({"notification_id": replayed}, HTTPStatus.ACCEPTED)

    def _with_included(self, request: Request, kind: str, entity: Entity) -> Entity:
        text = request.query_params.get("include")
        if not text:
            return entity
        wanted = set(text.split(","))
        unknown = wanted - INCLUDES.get(kind, set())
        if unknown:
            raise invalid(("include", f"must not be {', '.join(sorted(unknown))}"))
        extra = {name: self._included(name, entity) for name in wanted}
        return entity | {name: v for name, v in extra.items() if v is not None}

    def _included(self, name: str, entity: Entity) -> Any:  # noqa: ANN401
        if name in {"customer", "address", "business", "discount", "product"}:
            return self._store.get(name, entity[f"{name}_id"] or "")
        if name == "adjustments":
            return self._store.having("adjustment", "transaction_id", entity["id"])
        if name == "prices":
            return self._store.having("price", "product_id", entity["id"])
        if name == "available_payment_methods":
            return ["card"]
        return None


def paged(
    request: Request,
    store: Store,
    what: Listing,
    within: Condition | None = None,
    shown: Callable[[Entity], Entity] = lambda entity: entity,
) -> Response:
    """Answer with a page of a list, each entity as it is ``shown``."""
    page = page_of(store, what, request.query_params.multi_items(), within)
    url = request.url
    if page.after is not None:
        url = url.include_query_params(after=page.after)
    pagination = {
        "per_page": page.per_page,
        "next": str(url),
        "has_more": page.has_more,
        "estimated_total": page.estimated_total,
    }
    return success([shown(e) for e in page.entities], pagination=pagination)


def replay(feed: Feed, row: Any) -> str:  # noqa: ANN401
    """Queue a notification's event once more and return the new notification's id.

    A replay is another notification of the *same* event.
    """
    now = feed.clock.epoch()
    replayed = feed.queue(row["event_id"], row["setting_id"], Fate(), origin="replay")
    feed.store.run(
        "UPDATE notifications SET replayed_at = ? WHERE id = ?",
        (instant_of_epoch(now), row["id"]),
    )
    return replayed


def notification_row(store: Store, notification_id: str) -> Any:  # noqa: ANN401
    """Return a notification's row.

    Raises:
        ApiError: ``not_found``.

    """
    found = store.rows(
        "SELECT * FROM notifications WHERE id = ? AND source = 'event'",
        (notification_id,),
    )
    if not found:
        raise not_found(notification_id)
    return found[0]


def _replay_refusal(row: Any) -> ApiError | None:  # noqa: ANN401
    code = None
    if row["origin"] != "event":
        code = "notification_replay_invalid_origin_type"
    elif row["status"] not in {"delivered", "failed"}:
        code = "notification_cannot_replay"
    if code is None:
        return None
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        code,
        f"{row['id']} cannot be replayed",
        chapter="notifications",
    )
