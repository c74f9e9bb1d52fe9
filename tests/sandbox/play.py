"""The requests that both sides are asked, and the end of all that they made.

Everything is named after the run and archived or deleted again, the last first, even if
something fails on the way. Paddle deletes neither catalog, customers nor transactions:
a draft and a ready transaction, without money, stay.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from tests.sandbox.account import Account, Answer, CannotGoOnError

Entity = Mapping[str, Any]
#: Of the right form, and nobody's.
NOBODY = "0" * 26
WRONG_KEY = f"pdl_sdbx_apikey_{'a' * 26}_{'B' * 22}_cDe"
ONCE = {"amount": "2500", "currency_code": "USD"}
MONTH = {"interval": "month", "frequency": 1}
DESTINATION = "https://example.com/webhooks/paddle"
#: Of a type that nothing here causes: nothing is ever delivered.
SUBSCRIBED = ["payout.paid"]


def play(account: Account, run: str) -> list[Answer]:
    """Ask everything of an account and return the answers.

    What cannot be made ends the play early; its answer is among those returned.
    """
    with suppress(CannotGoOnError), ExitStack() as made:
        Play(account, run, made).all()
    return account.answers


class Play:
    """One run on one account."""

    def __init__(self, account: Account, run: str, made: ExitStack) -> None:
        """Play on an account; what is made goes when the stack is unwound."""
        self._account = account
        self._run = run
        self._made = made

    def all(self) -> None:
        """Ask for everything, from keys to transactions."""
        self._keys()
        self._traffic()
        self._destination()
        product = self._product()
        price = self._prices(product)
        discount = self._discount()
        buyer = self._buyer()
        address = self._address(buyer)
        self._transactions(price, buyer, address, discount)
        self._subscriptions()
        self._get("the last event", "/events?per_page=1", _last_event)

    def _keys(self) -> None:
        for name, header in (
            ("no key", ""),
            ("no scheme", WRONG_KEY),
            ("a key of nobody", f"Bearer {WRONG_KEY}"),
        ):
            self._account.ask(name, "GET", "/products", authorization=header)
        self._get("an address that is not there", "/nowhere")

    def _traffic(self) -> None:
        self._get("event types", "/event-types", _by_name)
        self._get("simulation types", "/simulation-types", _by_name)
        self._get("addresses that deliver", "/ips", _first_address)
        self._get("an odd type of event", "/events?event_type=odd", _paging)
        self._get("events after nothing", f"/events?after=evt_{NOBODY}", _paging)
        self._get("a notification that is not there", f"/notifications/ntf_{NOBODY}")

    def _destination(self) -> None:
        path = "/notification-settings"
        wanted = {
            "description": f"Check {self._run}",
            "destination": DESTINATION,
            "type": "url",
            "subscribed_events": SUBSCRIBED,
        }
        self._try("a destination for odd events", path, {
            **wanted,
            "subscribed_events": ["odd.event"],
        })  # fmt: skip
        made = self._make("a destination", path, wanted)
        mine = f"{path}/{made['id']}"
        self._get("the destination", mine)
        self._get("destinations", path, _paging)
        self._patch("the destination, asleep", mine, {"active": False})
        within = f"notification_setting_id={made['id']}"
        self._get("its notifications", f"/notifications?{within}")
        self._get("too large a page of them", f"/notifications?{within}&per_page=999")

    def _product(self) -> Entity:
        path = "/products"
        wanted = {
            "name": f"Check {self._run}",
            "tax_category": "standard",
            "custom_data": {"one": "1"},
        }
        self._try("a product without a name", path, {"tax_category": "standard"})
        self._try("a product with an odd field", path, {**wanted, "odd": 1})
        self._try("a product of an odd kind", path, {**wanted, "tax_category": "odd"})
        self._try("a body that is no JSON", path, b'{"name":')
        made = self._make("a product", path, wanted)
        self._get("the product", f"{path}/{made['id']}")
        self._get("products by id", f"{path}?id={made['id']}")
        self._get("a product that is not there", f"{path}/pro_{NOBODY}")
        self._get("a product with an odd id", f"{path}/odd")
        more = {"custom_data": {"two": "2"}}
        self._patch("other custom data", f"{path}/{made['id']}", more)
        return made

    def _prices(self, product: Entity) -> Entity:
        path = "/prices"
        wanted = {
            "description": f"Check {self._run}",
            "product_id": product["id"],
            "unit_price": ONCE,
        }
        amount = {"unit_price": {**ONCE, "amount": "10.5"}}
        self._try("a price with a fraction", path, {**wanted, **amount})
        nobody = {"product_id": f"pro_{NOBODY}"}
        self._try("a price of no product", path, {**wanted, **nobody})
        made = self._make("a price", path, {**wanted, "name": "By the piece"})
        cycle = {"billing_cycle": MONTH, "trial_period": MONTH}
        self._make("a price by the month", path, {**wanted, **cycle})
        self._patch("a dearer price", f"{path}/{made['id']}", {
            "unit_price": {**ONCE, "amount": "2600"},
        })  # fmt: skip
        self._get("the price", f"{path}/{made['id']}?include=product")
        self._price_lists(f"{path}?product_id={product['id']}")
        return made

    def _price_lists(self, path: str) -> None:
        first = self._get("a page", f"{path}&per_page=1&order_by=id[ASC]")
        if first.is_success and first.body["data"]:
            after = first.body["data"][0]["id"]
            rest = f"{path}&per_page=1&order_by=id[ASC]&after={after}"
            self._get("the page after it", rest)
        for name, query in (
            ("a whole list", ""),
            ("recurring ones", "&recurring=true"),
            ("too large a page", "&per_page=999"),
            ("too small a page", "&per_page=0"),
            ("an odd order", "&order_by=odd[ASC]"),
            ("an odd filter", "&odd=1"),
            ("an odd status", "&status=odd"),
            ("an odd cursor", "&after=odd"),
            ("an odd include", "&include=odd"),
        ):
            self._get(name, path + query)

    def _discount(self) -> Entity:
        path = "/discounts"
        wanted = {
            "description": f"Check {self._run}",
            "type": "percentage",
            "amount": "10",
            "enabled_for_checkout": True,
            "code": self._run.upper(),
        }
        flat = {"type": "flat", "amount": "500", "code": f"{self._run}F".upper()}
        self._try("a flat discount in no currency", path, {**wanted, **flat})
        self._try("a discount of too much", path, {**wanted, "amount": "101"})
        made = self._make("a discount", path, wanted)
        self._try("a discount with the same code", path, wanted)
        self._get("discounts by code", f"{path}?code={self._run.upper()}")
        return made

    def _buyer(self) -> Entity:
        path = "/customers"
        email = f"check-{self._run}@example.com"
        self._try("a customer without e-mail", path, {"name": "Check"})
        self._try("a customer with an odd e-mail", path, {"email": "odd"})
        made = self._make("a customer", path, {"email": email})
        self._try("the same customer again", path, {"email": email})
        self._get("customers by e-mail", f"{path}?email={email}")
        named = {"name": f"Check {self._run}", "custom_data": {"one": "1"}}
        self._patch("a name", f"{path}/{made['id']}", named)
        return made

    def _address(self, buyer: Entity) -> Entity:
        path = f"/customers/{buyer['id']}/addresses"
        self._try("an address in no country", path, {"city": "London"})
        wanted = {"country_code": "GB", "postal_code": "SW1A 1AA"}
        made = self._make("an address", path, wanted)
        self._get("addresses", path)
        return made

    def _transactions(
        self, price: Entity, buyer: Entity, address: Entity, discount: Entity
    ) -> None:
        path = "/transactions"
        items = [{"price_id": price["id"], "quantity": 2}]
        self._try("a transaction of nothing", path, {"items": []})
        nobody = [{"price_id": f"pri_{NOBODY}", "quantity": 1}]
        self._try("a transaction of no price", path, {"items": nobody})
        self._make("a draft", path, {"items": items})
        ready = self._make("a ready transaction", path, {
            "items": items,
            "customer_id": buyer["id"],
            "address_id": address["id"],
            "discount_id": discount["id"],
            "custom_data": {"one": "1"},
        })  # fmt: skip
        joined = "include=customer,address,discount,adjustments"
        self._get("the transaction", f"{path}/{ready['id']}?{joined}")
        self._get("transactions of a buyer", f"{path}?customer_id={buyer['id']}")
        self._get("transactions, too many", f"{path}?id={ready['id']}&per_page=200")
        self._get("transactions since when", f"{path}?updated_at[GT]=yesterday")
        self._get("adjustments", f"/adjustments?transaction_id={ready['id']}")
        wish = {"action": "refund", "type": "full", "reason": "check"}
        self._try("a refund of what is not paid", "/adjustments", {
            **wish,
            "transaction_id": ready["id"],
        })  # fmt: skip

    def _subscriptions(self) -> None:
        path = f"/subscriptions/sub_{NOBODY}"
        self._get("a subscription that is not there", path)
        self._try("the end of what is not there", f"{path}/cancel", {})

    def _get(
        self, step: str, path: str, view: Callable[[Any], Any] = lambda body: body
    ) -> Answer:
        return self._account.ask(step, "GET", path, view=view)

    def _patch(self, step: str, path: str, content: Entity) -> None:
        self._account.ask(step, "PATCH", path, content)

    def _make(self, step: str, path: str, content: Entity) -> Entity:
        answer = self._try(step, path, content)
        if not answer.is_success:
            raise CannotGoOnError(step)
        found: Entity = answer.body["data"]
        return found

    def _try(self, step: str, path: str, content: object) -> Answer:
        answer = self._account.ask(step, "POST", path, content)
        # What one side refuses the other may take.
        if answer.is_success:
            self._remove_later(step, path, answer.body["data"]["id"])
        return answer

    def _remove_later(self, step: str, path: str, entity_id: str) -> None:
        mine = f"{path}/{entity_id}"
        if path == "/notification-settings":
            how: tuple[Any, ...] = ("DELETE", mine)
        elif path == "/transactions":
            return
        else:
            how = ("PATCH", mine, {"status": "archived"})
        self._made.callback(self._account.remove, f"{step}, removed", *how)


def _by_name(body: Any) -> Any:
    """Make a list of types comparable whatever its order."""
    return {**body, "data": {one["name"]: one for one in body["data"]}}


def _paging(body: Any) -> Any:
    """Leave how a list is paged; what an account has on it is its own."""
    paging = {**body["meta"]["pagination"], "has_more": True, "estimated_total": 0}
    return {"meta": {**body["meta"], "pagination": paging}}


def _last_event(body: Any) -> Any:
    """Leave an event's envelope: which was the last is by chance."""
    last = [{**event, "event_type": "any", "data": {}} for event in body["data"]]
    return {**_paging(body), "data": last}


def _first_address(body: Any) -> Any:
    """Leave one address; how many there are is Paddle's own."""
    return {**body, "data": {name: some[:1] for name, some in body["data"].items()}}
