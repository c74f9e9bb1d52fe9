"""What is posted to Paddle's API and changed through it, with the events that follow."""

from datetime import datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_paddle import form, forms
from local_paddle import transaction as snapshot
from local_paddle.answer import ApiError, invalid, success
from local_paddle.checkout import Checkout
from local_paddle.dashboard import Dashboard
from local_paddle.destination import check_setting, setting_of
from local_paddle.discount import first_bill, found
from local_paddle.entity import (
    address_of,
    business_of,
    customer_of,
    price_of,
    product_of,
)
from local_paddle.event_type import subscribed_to
from local_paddle.feed import Feed
from local_paddle.item import Item
from local_paddle.money import tax_rate_of
from local_paddle.store import Entity
from local_paddle.till import USUAL_CODE, ShopError
from local_paddle.writing import Writing, body_of


class Changing(Writing):
    """The POST and PATCH half of the API, without subscriptions and adjustments."""

    def __init__(self, feed: Feed, checkout: Checkout) -> None:
        """Change the feed's store and tell of it."""
        super().__init__(feed)
        self._checkout = checkout
        self._dashboard = Dashboard(feed.store)

    def routes(self) -> list[Route]:
        """Return the paths that this half answers."""
        post, patch = ["POST"], ["PATCH"]
        return [
            Route("/customers", self._customer, methods=post),
            Route("/customers/{id}", self._change_customer, methods=patch),
            Route("/customers/{id}/addresses", self._address, methods=post),
            Route(
                "/customers/{owner}/addresses/{id}",
                self._change_address,
                methods=patch,
            ),
            Route("/products", self._product, methods=post),
            Route("/products/{id}", self._change_product, methods=patch),
            Route("/prices", self._price, methods=post),
            Route("/prices/{id}", self._change_price, methods=patch),
            Route("/transactions", self._transaction, methods=post),
            Route("/customers/{id}/businesses", self._business, methods=post),
            Route(
                "/customers/{owner}/businesses/{id}",
                self._change_business,
                methods=patch,
            ),
            Route("/notification-settings", self._setting, methods=post),
            Route("/notification-settings/{id}", self._change_setting, methods=patch),
            Route(
                "/notification-settings/{id}",
                self._forget_setting,
                methods=["DELETE"],
            ),
        ]

    async def _customer(self, request: Request) -> Response:
        given = form.read(forms.CUSTOMER, await body_of(request))
        self._check_email(given["email"])
        customer = customer_of(self._feed.ids.new("ctm"), self._now(), given)
        return self._told("customer.created", "customer", customer)

    async def _change_customer(self, request: Request) -> Response:
        customer, given = await self._change(request, "customer", forms.CUSTOMER_CHANGE)
        if "email" in given:
            self._check_email(given["email"], customer["id"])
        return self._retold("customer", customer, given)

    async def _address(self, request: Request) -> Response:
        given = form.read(forms.ADDRESS, await body_of(request))
        customer = self._find("customer", request.path_params["id"])
        new_id = self._feed.ids.new("add")
        address = address_of(new_id, customer["id"], self._now(), given)
        return self._told("address.created", "address", address)

    async def _change_address(self, request: Request) -> Response:
        address, given = await self._change(request, "address", forms.ADDRESS_CHANGE)
        return self._retold("address", address, given)

    async def _business(self, request: Request) -> Response:
        given = form.read(forms.BUSINESS, await body_of(request))
        customer = self._find("customer", request.path_params["id"])
        new_id = self._feed.ids.new("biz")
        business = business_of(new_id, customer["id"], self._now(), given)
        return self._told("business.created", "business", business)

    async def _change_business(self, request: Request) -> Response:
        business, given = await self._change(request, "business", forms.BUSINESS_CHANGE)
        return self._retold("business", business, given)

    async def _product(self, request: Request) -> Response:
        given = form.read(forms.PRODUCT, await body_of(request))
        product = product_of(self._feed.ids.new("pro"), self._now(), given)
        return self._told("product.created", "product", product)

    async def _change_product(self, request: Request) -> Response:
        product, given = await self._change(request, "product", forms.PRODUCT_CHANGE)
        return self._retold("product", product, given)

    async def _price(self, request: Request) -> Response:
        given = form.read(forms.PRICE, await body_of(request))
        if self._store.get("product", given["product_id"]) is None:
            raise invalid(("product_id", f"no product {given['product_id']}"))
        price = price_of(self._feed.ids.new("pri"), self._now(), given)
        return self._told("price.created", "price", price)

    async def _change_price(self, request: Request) -> Response:
        price, given = await self._change(request, "price", forms.PRICE_CHANGE)
        return self._retold("price", price, given)

    async def _transaction(self, request: Request) -> Response:
        given = form.read(forms.TRANSACTION, await body_of(request))
        address = self._buyers_address(given)
        made = self._drafted(given, address, self._now())
        if address:
            made = snapshot.readied(
                made, given["customer_id"], address["id"], self._now()
            )
        elif given.get("customer_id"):
            made["customer_id"] = given["customer_id"]
        with self._store.transaction():
            answer = self._told("transaction.created", "transaction", made)
            if made["status"] == "ready":
                self._feed.emit("transaction.ready", made, self._now())
        return answer

    def _drafted(self, given: Entity, address: Entity | None, now: datetime) -> Entity:
        wanted = [(item["price_id"], item["quantity"]) for item in given["items"]]
        try:
            items = self._checkout.items(wanted)
        except ShopError as error:
            if error.code != USUAL_CODE:
                raise
            raise invalid(("items", str(error))) from None
        _check_on_sale(items)
        discount = found(self._store, given.get("discount_id"), now)
        rate = tax_rate_of(address["country_code"] if address else "")
        fields = given | {"origin": "api"}
        if given.get("collection_mode") != "manual":
            page = (given.get("checkout") or {}).get("url")
            fields["checkout_page"] = self._dashboard.checkout_page(page)
        if details := given.get("billing_details"):
            fields["billing_details"] = snapshot.invoice_details() | details
        due = first_bill(items, discount)
        return snapshot.drafted(self._feed.ids, due, rate, now, fields)

    def _buyers_address(self, given: Entity) -> Entity | None:
        """Return the address, if all that is named belongs to one customer."""
        customer_id = given.get("customer_id")
        if customer_id and self._store.get("customer", customer_id) is None:
            raise invalid(("customer_id", f"no customer {customer_id}"))
        mine: dict[str, Entity | None] = {}
        for kind in ("address", "business"):
            field, entity_id = f"{kind}_id", given.get(f"{kind}_id")
            if entity_id and not customer_id:
                raise invalid((field, "requires customer_id"))
            entity = self._store.get(kind, entity_id) if entity_id else None
            if entity_id and (entity is None or entity["customer_id"] != customer_id):
                raise invalid((field, f"no {kind} {entity_id} of this customer"))
            mine[kind] = entity
        return mine["address"]

    async def _setting(self, request: Request) -> Response:
        given = _with_events(form.read(forms.SETTING, await body_of(request)))
        check_setting(self._store, given, None)
        setting = setting_of(self._feed.ids, given)
        self._store.put("notification_setting", setting)
        return success(setting, HTTPStatus.CREATED)

    async def _change_setting(self, request: Request) -> Response:
        kind = "notification_setting"
        setting, given = await self._change(request, kind, forms.SETTING_CHANGE)
        setting |= _with_events(given)
        check_setting(self._store, setting, setting["id"])
        self._store.put(kind, setting)
        return success(setting)

    async def _forget_setting(self, request: Request) -> Response:
        kind = "notification_setting"
        setting = self._find(kind, request.path_params["id"])
        with self._store.transaction():
            self._store.drop(kind, setting["id"])
            # What waits would wait for ever: nobody is left to take it.
            self._store.run(
                "UPDATE notifications SET status = 'failed', due_at = NULL,"
                " retry_at = NULL WHERE setting_id = ? AND due_at IS NOT NULL",
                (setting["id"],),
            )
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _check_email(self, email: str, own_id: str | None = None) -> None:
        known = self._store.customer_of(email)
        if known and known["id"] != own_id:
            raise ApiError(
                HTTPStatus.CONFLICT,
                "customer_already_exists",
                f"customer email conflicts with customer of id {known['id']}",
                chapter="customers",
            )


def _with_events(given: Entity) -> Entity:
    if "subscribed_events" not in given:
        return given
    try:
        return given | {"subscribed_events": subscribed_to(given["subscribed_events"])}
    except KeyError as error:
        raise invalid(("subscribed_events", f"no event type {error}")) from None


def _check_on_sale(items: list[Item]) -> None:
    for item in items:
        for entity in (item.price, item.product):
            if entity["status"] != "active":
                detail = f"{entity['id']} is archived"
                raise ApiError(HTTPStatus.BAD_REQUEST, "entity_archived", detail)
