"""Control endpoints of the shop: buying, subscribing, giving back, letting time pass.

Each takes a JSON object and returns a receipt or another JSON object; what cannot be
done is an error with one sentence (``control.py`` answers it).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from local_paddle.account import account_of
from local_paddle.adjustment import Line
from local_paddle.buyer import Buyer
from local_paddle.catalog import price_for
from local_paddle.discount import discount_of, told
from local_paddle.entity import changed
from local_paddle.faults import Fault
from local_paddle.form import PRORATION_MODES
from local_paddle.lifecycle import AT_ONCE, AT_PERIOD_END
from local_paddle.order import Order
from local_paddle.period import duration_of
from local_paddle.plan_change import PREVENT
from local_paddle.shop import Shop
from local_paddle.store import Entity
from local_paddle.till import Receipt, ShopError, Till, transaction_of

Work = Callable[[Entity], Any]
MONTHLY = {"interval": "month", "frequency": 1}


class ShopControl:
    """What can be asked of a shop."""

    def __init__(self, shop: Shop) -> None:
        """Ask this one."""
        self._shop = shop
        self._store = shop.store

    def writers(self) -> dict[str, Work]:
        """Return what is posted, by its name below ``/local/``."""
        refunds = self._shop.refunds
        return {
            "activate": lambda g: self._shop.lifecycle.activate(self._target(g)),
            "advance": self._shop.timeline.advance,
            "begin": self._shop.timeline.begin,
            "cancel": lambda g: self._stop(g, "cancel"),
            "change-plan": self._change_plan,
            "charge": self._charge,
            "credit": lambda g: self._adjust(g, "credit"),
            "decide": lambda g: refunds.decide(g["adjustment_id"], g["outcome"]),
            "discount": self._discount,
            "dispute": self._dispute,
            "dunning": self._shop.collecting.set_dunning,
            "fail-payments": self._fail_payments,
            "pause": lambda g: self._stop(g, "pause"),
            "pay": self._pay,
            "purchase": lambda g: self._shop.checkout.purchase(self._order(g)),
            "refund": lambda g: self._adjust(g, "refund"),
            "resume": self._resume,
            "reverse": lambda g: refunds.reverse(g["adjustment_id"]),
            "subscribe": self._subscribe,
            "unschedule": lambda g: self._shop.lifecycle.unschedule(self._target(g)),
        }

    def _pay(self, given: Entity) -> Receipt:
        typed = {n: given[n] for n in ("email", "name", "country") if given.get(n)}
        transaction_id = given["transaction_id"]
        return self._shop.checkout.pay(transaction_id, Buyer(**typed), faults(given))

    def _order(self, given: Entity) -> Order:
        is_invoice = _is_invoice(given)
        return Order(
            email=given["email"],
            items=self._items(given),
            name=given.get("name"),
            country=given.get("country", "US"),
            custom_data=given.get("custom_data"),
            is_declined_first=given.get("declined"),
            until=given.get("until", "billed" if is_invoice else "completed"),
            discount=given.get("discount"),
            is_invoice=is_invoice,
            terms_days=int(given.get("terms_days", 30)),
            faults=faults(given),
        )

    def _items(self, given: Entity) -> list[tuple[str, int]]:
        courses = [given["course"]] if "course" in given else given.get("courses", [])
        prices = [given["price"]] if "price" in given else given.get("prices", [])
        found = [price_for(self._store, course) for course in courses]
        return [_item(price) for price in [*prices, *found]]

    def _subscribe(self, given: Entity) -> Receipt:
        with self._store.transaction():
            for price_id, _ in self._items(given):
                self._make_recurring(price_id, given)
            return self._shop.checkout.purchase(self._order(given))

    def _make_recurring(self, price_id: str, given: Entity) -> None:
        """Change a price, as a seller would, where the wish names another cycle."""
        price = self._store.get("price", price_id)
        if price is None:
            message = f"no price {price_id}"
            raise ShopError(message)
        cycle = duration_of(given.get("cycle")) or price["billing_cycle"] or MONTHLY
        trial = price["trial_period"]
        if "trial" in given:
            trial = duration_of(given["trial"])
        wanted = {"billing_cycle": cycle, "trial_period": trial}
        if any(price[name] != value for name, value in wanted.items()):
            till = Till(self._shop.feed, self._shop.feed.clock.now())
            renewed = changed(price, till.now, wanted)
            till.tell("price.updated", entity=renewed)

    def _target(self, given: Entity) -> str:
        """Return the subscription named by its id, or the e-mail's only one."""
        if "subscription_id" in given:
            return str(given["subscription_id"])
        mine = [s["id"] for s in self._of_email(given) if s["status"] != "canceled"]
        if len(mine) != 1:
            message = f"{given['email']} has {len(mine)} subscriptions: name one by id"
            raise ShopError(message)
        return str(mine[0])

    def _of_email(self, given: Entity) -> list[Entity]:
        customer = self._store.customer_of(given["email"])
        if customer is None:
            message = f"no customer {given['email']}"
            raise ShopError(message)
        return self._store.having("subscription", "customer_id", customer["id"])

    def _stop(self, given: Entity, action: str) -> Receipt:
        when = AT_ONCE if given.get("now") else AT_PERIOD_END
        return self._shop.lifecycle.stop(
            self._target(given), action, when, given.get("resume_at")
        )

    def _resume(self, given: Entity) -> Receipt:
        at = given.get("at", AT_ONCE)
        return self._shop.lifecycle.resume(self._target(given), at)

    def _change_plan(self, given: Entity) -> Receipt:
        with self._store.transaction():
            for price_id, _ in self._items(given):
                self._make_recurring(price_id, given)
            return self._shop.plans.change(
                self._target(given),
                self._items(given),
                given.get("billing", PRORATION_MODES[0]),
                given.get("on_failure", PREVENT),
            )

    def _charge(self, given: Entity) -> Receipt:
        when = AT_PERIOD_END if given.get("later") else AT_ONCE
        return self._shop.plans.charge(self._target(given), self._items(given), when)

    def _fail_payments(self, given: Entity) -> Entity:
        if "subscription_id" in given:
            found = [self._shop.lifecycle.subscription(given["subscription_id"])]
        else:
            found = self._of_email(given)
        for subscription in found:
            account = account_of(self._store, subscription["id"])
            account.failing = int(given.get("count", 1))
            account.error_code = given.get("error_code", account.error_code)
            account.keep(self._store)
        return {"subscription_ids": [subscription["id"] for subscription in found]}

    def _discount(self, given: Entity) -> Entity:
        feed = self._shop.feed
        usual = {"description": "A discount", "type": "percentage", "amount": "10"}
        new_id, now = feed.ids.new("dsc"), feed.clock.now()
        given = {**usual, **given}
        made = discount_of(new_id, new_id[-10:].upper(), now, given)
        with self._store.transaction():
            Till(feed, now).tell("discount.created", entity=told(made))
            self._store.put("discount", made)
        return {"discount_id": made["id"], "code": made["code"]}

    def _adjust(self, given: Entity, action: str) -> Receipt:
        return self._shop.refunds.adjust(
            given["transaction_id"],
            self._lines(given),
            action,
            given.get("outcome", "approved"),
            given.get("reason"),
        )

    def _dispute(self, given: Entity) -> Receipt:
        is_warning = given.get("warning")
        return self._adjust(given, "chargeback_warning" if is_warning else "chargeback")

    def _lines(self, given: Entity) -> list[Line]:
        if not given.get("lines"):
            return []
        bill = transaction_of(self._store, given["transaction_id"])
        known = bill["details"]["line_items"]
        seen = Counter[str]()
        return [_line(known, wanted, seen) for wanted in given["lines"]]


def faults(given: Entity) -> dict[str, Fault]:
    """Read the faults of an order."""
    return {name: Fault(fault) for name, fault in given.get("faults", {}).items()}


def _is_invoice(given: Entity) -> bool:
    mode = given.get("mode", "automatic")
    if mode not in {"automatic", "manual"}:
        message = "mode must be automatic or manual"
        raise ShopError(message)
    return bool(mode == "manual")


def _item(given: Any) -> tuple[str, int]:  # noqa: ANN401
    if isinstance(given, str):
        return given, 1
    return given["price_id"], int(given.get("quantity", 1))


def _line(known: list[Entity], wanted: Entity, seen: Counter[str]) -> Line:
    """Return a line by its id, or the next one of its price: one may stand twice."""
    line_id = wanted.get("line_id")
    if line_id is None:
        price_id = wanted["price_id"]
        same = [line["id"] for line in known if line["price_id"] == price_id]
        if seen[price_id] >= len(same):
            message = f"no line of price {price_id}"
            raise ShopError(message)
        line_id = same[seen[price_id]]
        seen[price_id] += 1
    return Line(line_id, wanted.get("amount"), bool(wanted.get("tax")))
