"""Changes what a subscription is for, and bills what is bought beside it.

https://developer.paddle.com/build/subscriptions/replace-products-prices-upgrade-downgrade.
With ``prorated_immediately`` the rest of the period is billed for what comes and given
back for what goes, in one transaction whose lines may be negative; what lies below zero
goes to the buyer's credit balance.
"""

from collections.abc import Sequence

from local_paddle import subscription as standing
from local_paddle.account import account_of
from local_paddle.agenda import Agenda, Deed
from local_paddle.collecting import Collecting
from local_paddle.feed import Feed
from local_paddle.form import PRORATION_MODES
from local_paddle.item import Item, items_of
from local_paddle.lifecycle import Lifecycle, receipt_of
from local_paddle.renewal import Renewals
from local_paddle.store import Entity
from local_paddle.till import Receipt, ShopError, Till, later_than

ON_FAILURE = ("prevent_change", "apply_change")
PREVENT = ON_FAILURE[0]

Wanted = Sequence[tuple[str, int]]


class PlanChanges:
    """Replaces items, and charges once."""

    def __init__(
        self, feed: Feed, agenda: Agenda, renewals: Renewals, lifecycle: Lifecycle
    ) -> None:
        """Tell of the changes through this feed."""
        self._feed = feed
        self._store = feed.store
        self._agenda = agenda
        self._renewals = renewals
        self._lifecycle = lifecycle
        self._collecting = Collecting(feed, agenda)

    def change(
        self,
        subscription_id: str,
        wanted: Wanted,
        mode: str = PRORATION_MODES[0],
        on_failure: str = PREVENT,
    ) -> Receipt:
        """Replace all items of a subscription.

        Where the payment fails and ``prevent_change`` holds, nothing changes and the
        receipt names no ``subscription.updated``.

        Raises:
            ShopError: It is not running, or prices that do not fit.

        """
        before = self._changeable(subscription_id)
        if mode not in PRORATION_MODES or on_failure not in ON_FAILURE:
            message = f"mode must be one of {', '.join(PRORATION_MODES)}"
            raise ShopError(message, "invalid_field")
        items = items_of(self._store, wanted)
        _check(before, items)
        till = Till(self._feed, later_than(self._feed.clock.now(), before))
        with self._store.transaction():
            due = self._due(before, items, mode, till)
            is_late = mode.endswith("next_billing_period")
            if is_late:
                self._renewals.add_to_next(before, due)
            if due and not is_late:
                self._billed(till, before, items, due, on_failure)
            else:
                self._apply(till, before, items)
        return receipt_of(before, till)

    def charge(
        self, subscription_id: str, wanted: Wanted, effective_from: str = "immediately"
    ) -> Receipt:
        """Bill prices without a billing cycle once; they become no items of it.

        Raises:
            ShopError: It is not running, or a price recurs.

        """
        before = self._changeable(subscription_id)
        items = items_of(self._store, wanted)
        if any(item.is_recurring for item in items):
            message = "a one-time charge has no recurring prices"
            raise ShopError(message, "subscription_one_off_price_not_valid")
        till = Till(self._feed, later_than(self._feed.clock.now(), before))
        with self._store.transaction():
            if effective_from == "immediately":
                bill = self._renewals.bill(
                    till, before, items, origin="subscription_charge"
                )
                self._collecting.collect(till, before, bill)
            else:
                self._renewals.add_to_next(before, items)
        return receipt_of(before, till)

    def _changeable(self, subscription_id: str) -> Entity:
        before = self._lifecycle.subscription(subscription_id)
        if before["status"] in {"active", "trialing"}:
            return before
        codes = {
            "canceled": "subscription_update_when_canceled",
            "past_due": "subscription_outstanding_transaction",
        }
        message = f"{subscription_id} is {before['status']}"
        code = codes.get(before["status"], "subscription_update_when_paused")
        raise ShopError(message, code)

    def _due(
        self, before: Entity, items: list[Item], mode: str, till: Till
    ) -> list[Item]:
        """Return what a change costs: what comes, less what goes."""
        if before["status"] == "trialing" or mode == "do_not_bill":
            return []
        old = {_key(item): item for item in standing.bought(before)}
        new = {_key(item): item for item in items}
        come = [item for key, item in new.items() if key not in old]
        gone = [item for key, item in old.items() if key not in new]
        if mode.startswith("full"):
            return come
        period = before["current_billing_period"]
        back = [item.prorated(period, till.now, -1) for item in gone]
        if _cycle_of(items) != before["billing_cycle"]:
            # A new billing cycle begins at once, with a whole period.
            return [*items, *back]
        return [*(item.prorated(period, till.now) for item in come), *back]

    def _billed(
        self,
        till: Till,
        before: Entity,
        items: list[Item],
        due: list[Item],
        on_failure: str,
    ) -> None:
        account = account_of(self._store, before["id"])
        is_prevented = account.failing > 0 and on_failure == PREVENT
        now = before if is_prevented else self._apply(till, before, items)
        bill = self._renewals.bill(
            till,
            now,
            due,
            origin="subscription_update",
            billing_period=now["current_billing_period"],
        )
        if not is_prevented:
            self._collecting.collect(till, now, bill)
            return
        account.takes_payment()
        account.keep(self._store)
        self._collecting.declined(till, bill, account, "canceled")

    def _apply(self, till: Till, before: Entity, items: list[Item]) -> Entity:
        at = till.tick()
        cycle = _cycle_of(items)
        now = before
        if cycle != before["billing_cycle"] and before["status"] != "trialing":
            now = standing.at_cycle(before, cycle, at)
            account = account_of(self._store, before["id"])
            account.restart(at, 1)
            account.keep(self._store)
            self._agenda.put(Deed.RENEW, before["id"], standing.ends_at(now))
        now = standing.replanned(now | {"billing_cycle": cycle}, items, at)
        till.tell("subscription.updated", entity=now)
        return now


def _check(before: Entity, items: list[Item]) -> None:
    if not all(item.is_recurring for item in items):
        message = "a subscription has recurring prices only"
        raise ShopError(message, "subscription_one_off_price_not_valid")
    if len({item.price["id"] for item in items}) < len(items):
        message = "a subscription has each price once"
        raise ShopError(message, "subscription_duplicate_price_ids")
    if items[0].price["unit_price"]["currency_code"] != before["currency_code"]:
        message = f"the prices of {before['id']} are in {before['currency_code']}"
        raise ShopError(message, "subscription_currency_code_not_valid")
    if before["scheduled_change"]:
        message = f"{before['id']} has a scheduled change"
        raise ShopError(message, "subscription_locked_pending_changes")


def _key(item: Item) -> tuple[str, int]:
    return item.price["id"], item.quantity


def _cycle_of(items: list[Item]) -> Entity:
    cycle: Entity = items[0].price["billing_cycle"]
    return cycle
