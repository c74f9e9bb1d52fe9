"""Starts and renews subscriptions, and bills what is added to them.

The subscription moves into its new period *before* the money is collected, as Paddle's
does (https://developer.paddle.com/webhooks/scenarios/subscription-renewed).
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from local_paddle import subscription as standing
from local_paddle import transaction as snapshot
from local_paddle.account import Account, account_of, credit_of
from local_paddle.agenda import Agenda, Deed
from local_paddle.clock import instant_of
from local_paddle.collecting import Collecting
from local_paddle.discount import of_subscription, recurring, reduced
from local_paddle.feed import Feed
from local_paddle.item import Item, items_of
from local_paddle.money import tax_rate_of
from local_paddle.period import period_of
from local_paddle.store import Entity, Store
from local_paddle.till import Till, later_than


class Renewals:
    """Bills subscriptions."""

    def __init__(self, feed: Feed, agenda: Agenda, collecting: Collecting) -> None:
        """Tell of renewals through this feed."""
        self._feed = feed
        self._store = feed.store
        self._agenda = agenda
        self._collecting = collecting

    def begin(self, till: Till, transaction: Entity, items: list[Item]) -> Entity:
        """Start a subscription from its first transaction.

        ``subscription.created`` and the event beside it share one ``occurred_at``, and
        only the first names the transaction.
        """
        start = instant_of(transaction["billed_at"])
        recurs = [item for item in items if item.is_recurring]
        made = standing.begun(self._feed.ids, transaction, recurs, start, till.tick())
        discount = self._store.get("discount", transaction["discount_id"] or "")
        is_trial = made["status"] == "trialing"
        begins = standing.ends_at(made) if is_trial else start
        made |= of_subscription(discount, begins, made["billing_cycle"])
        beside = "subscription.trialing" if is_trial else "subscription.activated"
        till.tell(
            "subscription.created",
            beside,
            entity=made,
            transaction_id=transaction["id"],
        )
        account = Account(made["id"], made["started_at"], 0 if is_trial else 1)
        if is_trial:
            account.restart(standing.ends_at(made))
        account.keep(self._store)
        self._agenda.put(Deed.RENEW, made["id"], standing.ends_at(made))
        return made

    def renew(self, subscription_id: str) -> None:
        """Bill the next period; at the end of a trial the first one."""
        before = self._store.get("subscription", subscription_id)
        if before is None or before["status"] not in {"active", "trialing"}:
            return
        end = standing.ends_at(before)
        account = account_of(self._store, subscription_id)
        period = period_of(end, account.next_end(before["billing_cycle"]))
        account.keep(self._store)
        till = self._till(before)
        now = standing.renewed(before, period, till.tick())
        till.tell("subscription.updated", entity=now)
        is_first = before["status"] == "trialing"
        self.bill_period(till, now, is_first=is_first)

    def bill_period(self, till: Till, now: Entity, *, is_first: bool) -> None:
        """Bill a subscription's current period; a first payment activates it."""
        self._agenda.put(Deed.RENEW, now["id"], standing.ends_at(now))
        account = account_of(self._store, now["id"])
        items = standing.bought(now)
        discount = recurring(self._store, now)
        items = reduced(items, discount) + self._added(account)
        account.keep(self._store)
        bill = self.bill(
            till,
            now,
            items,
            origin="subscription_recurring",
            billing_period=now["current_billing_period"],
            discount_id=discount["id"] if discount else None,
        )
        if self._collecting.collect(till, now, bill) and is_first:
            till.tell("subscription.activated", entity=now)

    def bill(
        self,
        till: Till,
        subscription: Entity,
        items: list[Item],
        **given: Any,  # noqa: ANN401
    ) -> Entity:
        """Make a billed transaction of a subscription."""
        about = ("customer_id", "address_id", "business_id", "custom_data")
        more = ("collection_mode", "billing_details")
        fields = {name: subscription[name] for name in (*about, *more)}
        fields |= {"subscription_id": subscription["id"], **given}
        address = self._store.get("address", subscription["address_id"]) or {}
        rate = tax_rate_of(address.get("country_code", ""))
        owner = {
            "customer_id": subscription["customer_id"],
            "currency_code": subscription["currency_code"],
        }
        fields["credit"] = credit_of(self._store, owner)
        made = snapshot.billed(self._feed.ids, items, rate, till.tick(), fields)
        made["subscription_id"] = subscription["id"]
        if made["collection_mode"] == "manual":
            number = self._collecting.invoice_number(made)
            made |= snapshot.invoiced(made, self._feed.ids, number)
        till.tell("transaction.created", entity=made)
        till.tell("transaction.billed", entity=made)
        return made

    def add_to_next(self, subscription: Entity, items: list[Item]) -> None:
        """Put items on the next bill."""
        account = account_of(self._store, subscription["id"])
        account.added += [
            {
                "price_id": item.price["id"],
                "quantity": item.quantity,
                "share": str(item.share),
                "proration": item.proration,
            }
            for item in items
        ]
        account.keep(self._store)

    def _added(self, account: Account) -> list[Item]:
        added, account.added = account.added, []
        return [_added_item(self._store, given) for given in added]

    def _till(self, *entities: Entity) -> Till:
        return Till(self._feed, later_than(self._feed.clock.now(), *entities))


def _added_item(store: Store, given: Entity) -> Item:
    item = items_of(store, [(given["price_id"], given["quantity"])])[0]
    share = Decimal(given["share"])
    return replace(item, share=share, proration=given["proration"])
