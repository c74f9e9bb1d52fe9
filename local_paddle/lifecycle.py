"""Cancels, pauses and resumes subscriptions, at once or by schedule.

https://developer.paddle.com/build/subscriptions/pause-subscriptions and its siblings.
A scheduled change stands in ``scheduled_change`` until its instant; the status is what
it was until then.
"""

from local_paddle import subscription as standing
from local_paddle.account import account_of
from local_paddle.agenda import Agenda, Deed
from local_paddle.clock import instant_of
from local_paddle.collecting import Collecting
from local_paddle.feed import Feed
from local_paddle.period import later, period_of
from local_paddle.renewal import Renewals
from local_paddle.store import Entity
from local_paddle.till import Receipt, ShopError, Till, later_than, transaction_of

STOPS = {"cancel": "canceled", "pause": "paused"}
AT_ONCE = "immediately"
AT_PERIOD_END = "next_billing_period"
WHEN = (AT_ONCE, AT_PERIOD_END)


class Lifecycle:
    """Moves subscriptions from one status to another."""

    def __init__(self, feed: Feed, agenda: Agenda, renewals: Renewals) -> None:
        """Tell of the changes through this feed."""
        self._feed = feed
        self._store = feed.store
        self._agenda = agenda
        self._renewals = renewals
        self._collecting = Collecting(feed, agenda)

    def stop(
        self,
        subscription_id: str,
        action: str,
        effective_from: str = AT_PERIOD_END,
        resume_at: str | None = None,
    ) -> Receipt:
        """Cancel or pause at once, or at the end of the billing period.

        Raises:
            ShopError: It is unknown or canceled, or the wish makes no sense.

        """
        before = self.subscription(subscription_id)
        _check(before, action, effective_from)
        if resume_at and instant_of(resume_at) <= self._feed.clock.now():
            message = "resume_at must lie in the future"
            raise ShopError(message, "invalid_field")
        till = self._till(before)
        with self._store.transaction():
            if effective_from == AT_ONCE or before["status"] == "paused":
                self._stop(till, before, STOPS[action], resume_at)
            else:
                planned = standing.scheduled(before, action, till.tick(), resume_at)
                till.tell("subscription.updated", entity=planned)
                self._agenda.drop(subscription_id, Deed.RENEW)
                due = standing.ends_at(planned)
                self._agenda.put(Deed.CHANGE, subscription_id, due)
        return receipt_of(before, till)

    def resume(self, subscription_id: str, effective_from: str = AT_ONCE) -> Receipt:
        """Resume a paused one at once or at an instant; bill it from then on.

        Raises:
            ShopError: It is not paused.

        """
        before = self.subscription(subscription_id)
        is_pausing = (before["scheduled_change"] or {}).get("action") == "pause"
        if before["status"] != "paused" and not is_pausing:
            message = f"{subscription_id} is {before['status']}, not paused"
            raise ShopError(message, "subscription_not_paused")
        till = self._till(before)
        with self._store.transaction():
            if effective_from == AT_ONCE and before["status"] == "paused":
                self._resume(till, before)
            else:
                self._resume_later(till, before, effective_from)
        return receipt_of(before, till)

    def unschedule(self, subscription_id: str) -> Receipt:
        """Take a scheduled change back; nothing happens if there is none.

        Raises:
            ShopError: It is unknown or canceled.

        """
        before = self.subscription(subscription_id)
        _refuse_canceled(before)
        till = self._till(before)
        if before["scheduled_change"] is None:
            return receipt_of(before, till)
        with self._store.transaction():
            kept = standing.unscheduled(before, till.tick())
            till.tell("subscription.updated", entity=kept)
            self._agenda.drop(subscription_id, Deed.CHANGE)
            if before["status"] in {"active", "trialing"}:
                due = standing.ends_at(kept)
                self._agenda.put(Deed.RENEW, subscription_id, due)
        return receipt_of(before, till)

    def activate(self, subscription_id: str) -> Receipt:
        """End a trial now and bill it.

        Raises:
            ShopError: It is not in a trial.

        """
        before = self.subscription(subscription_id)
        if before["status"] != "trialing":
            message = f"{subscription_id} is {before['status']}, not trialing"
            raise ShopError(message, "subscription_is_not_trialing")
        till = self._till(before)
        with self._store.transaction():
            self._agenda.drop(subscription_id)
            now = self._at_new_period(till, before)
            till.tell("subscription.updated", entity=now)
            self._renewals.bill_period(till, now, is_first=True)
        return receipt_of(before, till)

    def take_effect(self, subscription_id: str) -> None:
        """Do what was scheduled for now."""
        before = self.subscription(subscription_id)
        change = before["scheduled_change"]
        if change is None:
            return
        till = self._till(before)
        if change["action"] == "resume":
            self._resume(till, before)
        else:
            self._stop(till, before, STOPS[change["action"]], change["resume_at"])

    def give_up(self, transaction_id: str, status: str) -> None:
        """Cancel or pause what was not paid to the last."""
        bill = transaction_of(self._store, transaction_id)
        before = self.subscription(bill["subscription_id"])
        self._stop(self._till(before, bill), before, status)

    def subscription(self, subscription_id: str) -> Entity:
        """Return a subscription.

        Raises:
            ShopError: There is none.

        """
        found = self._store.get("subscription", subscription_id)
        if found is None:
            message = f"no subscription {subscription_id}"
            raise ShopError(message, "not_found")
        return found

    def _stop(
        self, till: Till, before: Entity, status: str, resume_at: str | None = None
    ) -> None:
        at = till.tick()
        done = standing.stopped(before, status, at, resume_at)
        till.tell("subscription.updated", entity=done)
        till.tell(f"subscription.{status}", entity=done)
        self._agenda.drop(before["id"])
        if resume_at:
            self._agenda.put(Deed.CHANGE, before["id"], instant_of(resume_at))
        self._collecting.give_up(till, before)

    def _resume(self, till: Till, before: Entity) -> None:
        """Told active at once; told activated once more when the money is there."""
        self._agenda.drop(before["id"])
        now = self._at_new_period(till, before)
        till.tell("subscription.updated", entity=now)
        till.tell("subscription.resumed", entity=now)
        self._renewals.bill_period(till, now, is_first=False)
        latest = self.subscription(before["id"])
        if latest["status"] == "active" and latest["collection_mode"] == "automatic":
            active = standing.in_status(latest, "active", till.tick())
            till.tell("subscription.updated", entity=active)
            till.tell("subscription.activated", entity=active)

    def _resume_later(self, till: Till, before: Entity, effective_from: str) -> None:
        due = instant_of(effective_from)
        if due <= self._feed.clock.now():
            message = "effective_from must lie in the future"
            raise ShopError(message, "invalid_field")
        if before["status"] == "paused":
            planned = standing.to_resume(before, effective_from, till.tick())
            self._agenda.put(Deed.CHANGE, before["id"], due)
        else:
            at = till.tick()
            planned = standing.scheduled(before, "pause", at, effective_from)
        till.tell("subscription.updated", entity=planned)

    def _at_new_period(self, till: Till, before: Entity) -> Entity:
        start = till.tick()
        account = account_of(self._store, before["id"])
        account.restart(start, 1)
        account.keep(self._store)
        period = period_of(start, later(start, before["billing_cycle"]))
        return standing.renewed(before, period, start)

    def _till(self, *entities: Entity) -> Till:
        return Till(self._feed, later_than(self._feed.clock.now(), *entities))


def receipt_of(subscription: Entity, till: Till) -> Receipt:
    """Return what a step with a subscription left behind."""
    return Receipt(
        transaction_id=next(
            (e.entity_id for e in till.events if e.event_type == "transaction.created"),
            "",
        ),
        customer_id=subscription["customer_id"],
        subscription_id=subscription["id"],
        events=till.events,
    )


def _check(before: Entity, action: str, effective_from: str) -> None:
    if action not in STOPS or effective_from not in WHEN:
        message = (
            f"action must be one of {', '.join(STOPS)}, when one of {', '.join(WHEN)}"
        )
        raise ShopError(message, "invalid_field")
    _refuse_canceled(before)
    if action == "pause" and before["status"] == "paused":
        message = f"{before['id']} is paused already"
        raise ShopError(message, "subscription_cannot_be_paused")
    if before["scheduled_change"] and effective_from == AT_PERIOD_END:
        message = f"{before['id']} has a scheduled change already"
        raise ShopError(message, "subscription_locked_pending_changes")


def _refuse_canceled(subscription: Entity) -> None:
    if subscription["status"] == standing.CANCELED:
        message = f"{subscription['id']} is canceled, for good"
        raise ShopError(message, "subscription_update_when_canceled")
