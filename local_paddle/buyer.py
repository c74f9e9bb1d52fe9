"""Who buys, and what they type on the payment page: who they are and where they live."""

from dataclasses import dataclass

from local_paddle import transaction as snapshot
from local_paddle.discount import KIND as DISCOUNT
from local_paddle.discount import first_bill
from local_paddle.entity import address_of, customer_of
from local_paddle.feed import Feed
from local_paddle.item import Item
from local_paddle.money import tax_rate_of
from local_paddle.store import Entity
from local_paddle.till import ShopError, Till

POSTAL_CODES = {"DE": "10115", "GB": "SW1A 1AA", "JP": "100-0001", "US": "10021"}


@dataclass(frozen=True)
class Buyer:
    """What somebody types."""

    #: Empty where the shop has named the customer before.
    email: str = ""
    name: str | None = None
    country: str = "US"


class PaymentPage:
    """Makes a draft ready to be paid."""

    def __init__(self, feed: Feed) -> None:
        """Tell of buyers through this feed."""
        self._feed = feed
        self._store = feed.store

    def fill_in(self, till: Till, draft: Entity, buyer: Buyer) -> Entity:
        """Return a draft with its buyer, and with the tax of where they live.

        Raises:
            ShopError: Nobody says who that is.

        """
        customer = self._customer(till, draft, buyer)
        address = self._address(till, customer, buyer.country)
        taxed = self._taxed(draft, buyer.country)
        ready = snapshot.readied(taxed, customer["id"], address["id"], till.tick())
        till.tell("transaction.updated", entity=ready)
        till.tell("transaction.ready", entity=ready)
        return ready

    def _customer(self, till: Till, draft: Entity, buyer: Buyer) -> Entity:
        known = self._store.get("customer", draft["customer_id"] or "")
        if known or (known := self._store.customer_of(buyer.email)):
            return known
        if not buyer.email:
            message = f"{draft['id']} is draft, not ready: name the buyer's email"
            raise ShopError(message)
        given = {"email": buyer.email, "name": buyer.name}
        customer = customer_of(self._feed.ids.new("ctm"), till.tick(), given)
        till.tell("customer.created", entity=customer)
        return customer

    def _address(self, till: Till, customer: Entity, country: str) -> Entity:
        for address in self._store.having("address", "customer_id", customer["id"]):
            if address["country_code"] == country:
                return address
        given = {"country_code": country, "postal_code": POSTAL_CODES.get(country)}
        new_id = self._feed.ids.new("add")
        address = address_of(new_id, customer["id"], till.tick(), given)
        till.tell("address.created", entity=address)
        return address

    def _taxed(self, draft: Entity, country: str) -> Entity:
        """Return it with the tax of a country; its lines keep their ids."""
        rate = tax_rate_of(country)
        if draft["details"]["tax_rates_used"][0]["tax_rate"] == str(rate):
            return draft
        lines = draft["details"]["line_items"]
        items = [
            Item(asked["price"], line["product"], asked["quantity"])
            for asked, line in zip(draft["items"], lines, strict=True)
        ]
        discount = self._store.get(DISCOUNT, draft["discount_id"] or "")
        due = first_bill(items, discount)
        currency = draft["currency_code"]
        details = snapshot.details_of(self._feed.ids, due, rate, currency)
        for new, line in zip(details["line_items"], lines, strict=True):
            new["id"] = line["id"]
        return {**draft, "details": details}
