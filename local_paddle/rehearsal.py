"""Plays scenarios for simulations: the shop's own code, on a stage that is torn down.

Whatever a rehearsal writes is rolled back; only the events that it would have told are
left. So simulated bodies look like real ones, and cannot drift from them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from local_paddle.account import account_of
from local_paddle.catalog import Offer, stock
from local_paddle.clock import instant_of, rfc3339
from local_paddle.faults import Fault
from local_paddle.feed import Emitted, Feed
from local_paddle.lifecycle import AT_ONCE, AT_PERIOD_END, STOPS
from local_paddle.order import Order
from local_paddle.sample import IMPORTED, samples
from local_paddle.shop import Shop
from local_paddle.store import Entity
from local_paddle.till import ShopError

EMAIL = "simulated@example.com"
MONTHLY = {"interval": "month", "frequency": 1}
#: More payments than are ever tried.
ALL = 100
RECOVERED = ("recovered_existing_payment_method", "recovered_updated_payment_method")
OUTCOMES = ("success", "failed", *RECOVERED)

Told = list[tuple[str, Entity]]


class _CurtainError(Exception):
    """Ends a rehearsal."""


@dataclass
class Stage(Feed):
    """A feed that keeps what it is told and sends nothing."""

    told: Told = field(default_factory=list)

    def emit(
        self,
        event_type: str,
        data: Entity,
        at: datetime,
        fault: Fault | None = None,  # noqa: ARG002
    ) -> Emitted:
        """Keep an event."""
        self.told.append((event_type, dict(data)))
        return Emitted("", event_type, rfc3339(at), str(data["id"]), [])


class Rehearsal:
    """One scenario, played and forgotten."""

    def __init__(self, feed: Feed) -> None:
        """Play on a feed's store."""
        self._stage = Stage(feed.store, feed.ids, feed.clock)
        self._shop = Shop(self._stage)
        self._store = feed.store
        self._scenarios: dict[str, Callable[[Entity, Entity], None]] = {
            "subscription_creation": self._create,
            "subscription_renewal": self._renew,
            "subscription_pause": lambda e, o: self._stop("pause", e, o),
            "subscription_resume": self._resume,
            "subscription_cancellation": lambda e, o: self._stop("cancel", e, o),
        }

    def scenario(self, name: str, config: Entity | None) -> Told:
        """Return what a scenario tells.

        Raises:
            ShopError: An entity of the configuration is missing or does not fit.

        """
        given = (config or {}).get(name) or {}
        entities, options = given.get("entities") or {}, given.get("options") or {}
        return self._played(lambda: self._scenarios[name](entities, options))

    def sample(self, event_type: str) -> Entity:
        """Return the data of an event as a scenario would tell it.

        Raises:
            ShopError: There is no sample of this type.

        """
        told = dict(reversed(self._played(self._everything)))
        rest = samples(self._stage.ids, self._stage.clock.now())
        known = {**rest, **told}
        known["subscription.imported"] = told["subscription.activated"] | IMPORTED
        if event_type not in known:
            message = f"there is no sample of {event_type}: give a payload"
            raise ShopError(message, "invalid_field")
        return known[event_type]

    def _played(self, play: Callable[[], None]) -> Told:
        self._stage.told.clear()
        try:
            with self._store.transaction():
                play()
                raise _CurtainError  # noqa: TRY301
        except _CurtainError:
            return list(self._stage.told)

    def _everything(self) -> None:
        self._create({}, {})
        for name, options in (
            ("subscription_renewal", {"payment_outcome": "failed"}),
            ("subscription_renewal", {}),
            ("subscription_pause", {"has_past_due_transaction": True}),
            ("subscription_resume", {}),
            ("subscription_cancellation", {}),
        ):
            told = list(self._stage.told)
            self._scenarios[name]({}, options)
            self._stage.told[:0] = told
        bought = self._shop.checkout.purchase(Order(EMAIL, [(self._price(), 1)]))
        self._shop.refunds.adjust(bought.transaction_id, [])
        self._begin(trial={"interval": "day", "frequency": 14})

    def _create(self, entities: Entity, _: Entity) -> None:
        wanted = [(i["price_id"], i["quantity"]) for i in entities.get("items") or []]
        customer = self._store.get("customer", entities.get("customer_id") or "")
        email = customer["email"] if customer else EMAIL
        items = wanted or [(self._price(), 1)]
        discount = entities.get("discount_id")
        self._shop.checkout.purchase(Order(email, items, discount=discount))

    def _renew(self, entities: Entity, options: Entity) -> None:
        subscription = self._subscription(entities)
        self._pay_as(subscription, options)
        due = instant_of(subscription["current_billing_period"]["ends_at"])
        with self._stage.clock.held_at(due):
            self._shop.renewals.renew(subscription["id"])
        self._dun(subscription["id"], options)

    def _stop(self, action: str, entities: Entity, options: Entity) -> None:
        subscription_id = self._subscription(entities)["id"]
        if options.get("has_past_due_transaction"):
            self._fall_behind(subscription_id)
        when = options.get("effective_from", AT_ONCE)
        if when == AT_PERIOD_END:
            self._shop.lifecycle.stop(subscription_id, action, when)
            self._shop.lifecycle.take_effect(subscription_id)
        else:
            self._shop.lifecycle.stop(subscription_id, action, AT_ONCE)

    def _resume(self, entities: Entity, options: Entity) -> None:
        subscription = self._subscription(entities)
        if subscription["status"] != "paused":
            self._shop.lifecycle.stop(subscription["id"], "pause", AT_ONCE)
        self._stage.told.clear()
        self._pay_as(subscription, options)
        self._shop.lifecycle.resume(subscription["id"])
        self._dun(subscription["id"], options)

    def _subscription(self, entities: Entity) -> Entity:
        wanted = entities.get("subscription_id")
        if wanted:
            return self._shop.lifecycle.subscription(wanted)
        made = self._begin()
        self._stage.told.clear()
        return self._shop.lifecycle.subscription(made)

    def _begin(self, trial: Entity | None = None) -> str:
        order = Order(EMAIL, [(self._price(trial), 1)])
        return str(self._shop.checkout.purchase(order).subscription_id)

    def _price(self, trial: Entity | None = None) -> str:
        price_id = self._stage.ids.new("pri")
        offer = Offer(price_id, "Simulated", (), 4_900, "USD", MONTHLY, trial)
        stock(self._store, self._stage.clock, [offer])
        return price_id

    def _fall_behind(self, subscription_id: str) -> None:
        subscription = self._shop.lifecycle.subscription(subscription_id)
        self._pay_as(subscription, {"payment_outcome": "failed"})
        self._shop.renewals.renew(subscription_id)
        self._stage.told.clear()

    def _pay_as(self, subscription: Entity, options: Entity) -> None:
        outcome = options.get("payment_outcome", OUTCOMES[0])
        if outcome not in OUTCOMES:
            message = f"payment_outcome must be one of {', '.join(OUTCOMES)}"
            raise ShopError(message, "invalid_field")
        account = account_of(self._store, subscription["id"])
        failing = {"success": 0, "failed": ALL}
        account.failing = failing.get(outcome, 1)
        account.keep(self._store)

    def _dun(self, subscription_id: str, options: Entity) -> None:
        """Try what is past due again, to the last."""
        owed = [
            bill["id"]
            for bill in self._store.having(
                "transaction", "subscription_id", subscription_id
            )
            if bill["status"] == "past_due"
        ]
        action = options.get("dunning_exhausted_action", "subscription_canceled")
        for bill_id in owed:
            for _ in self._shop.collecting.dunning["days"]:
                if self._shop.collecting.try_again(bill_id):
                    status = action.removeprefix("subscription_")
                    # Paddle's own examples say "cancel" and "pause", too.
                    status = STOPS.get(status, status)
                    self._shop.lifecycle.give_up(bill_id, status)
