"""Refunds and disputes, and what becomes of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from local_paddle.adjustment import (
    DISPUTES,
    REVERSALS,
    Line,
    adjusted,
    recalculated,
    whole,
)
from local_paddle.agenda import Agenda, Deed
from local_paddle.entity import changed
from local_paddle.feed import Feed
from local_paddle.store import Entity
from local_paddle.till import Receipt, ShopError, Till, later_than, transaction_of

ACTIONS = ("refund", "credit", *DISPUTES)
#: ``later``: pending now, approved at the next round of its clock.
LATER = "later"
OUTCOMES = ("approved", "rejected", "pending_approval", LATER)
#: Sandbox accounts approve whatever is pending in rounds
#: (https://developer.paddle.com/build/transactions/create-transaction-adjustments).
ROUND = timedelta(minutes=10)
#: From which status what may be taken back: an invoice is credited, not refunded.
FROM_STATUS = {"credit": ("billed", "past_due")}
COMPLETED = ("completed",)
DECISIONS = ("approved", "rejected")


class Refunds:
    """Gives money back, or loses it."""

    def __init__(self, feed: Feed) -> None:
        """Tell of refunds through this feed."""
        self._feed = feed
        self._store = feed.store
        self._agenda = Agenda(feed.store)

    def adjust(
        self,
        transaction_id: str,
        lines: list[Line],
        action: str = "refund",
        outcome: str = "approved",
        reason: str | None = None,
    ) -> Receipt:
        """Refund or dispute lines of a completed transaction; no lines means all.

        A refund is told as pending first, then with its outcome; a dispute at once.

        Raises:
            ShopError: Unknown words, or a transaction that is not completed.
            AdjustmentError: A line or amount that does not fit.

        """
        if action not in ACTIONS or outcome not in OUTCOMES:
            message = (
                f"action must be one of {', '.join(ACTIONS)},"
                f" outcome one of {', '.join(OUTCOMES)}"
            )
            raise ShopError(message)
        transaction = transaction_of(self._store, transaction_id)
        _check_status(transaction, action)
        lines = lines or whole(transaction)
        if action not in DISPUTES:
            self._check_remaining(transaction, lines)
        till = self._till()
        with self._store.transaction():
            given = {"action": action, "reason": reason}
            made = adjusted(self._feed.ids, transaction, lines, till.now, given)
            till.tell("adjustment.created", entity=made)
            if action == "refund" and outcome in DECISIONS:
                self._decide(till, made, outcome)
            if action == "refund" and outcome == LATER:
                self._agenda.put(Deed.DECIDE, made["id"], _next_round(till.now))
            self._recalculate(transaction)
        return _receipt(made, till)

    def approve(self, adjustment_id: str) -> None:
        """Approve a refund if it is still pending."""
        made = self._store.get("adjustment", adjustment_id)
        if made and made["status"] == "pending_approval":
            self.decide(adjustment_id, "approved")

    def decide(self, adjustment_id: str, outcome: str) -> Receipt:
        """Approve or reject a refund that is still pending.

        Raises:
            ShopError: It is unknown or already decided.

        """
        made = self._store.get("adjustment", adjustment_id)
        if made is None or made["status"] != "pending_approval":
            message = f"{adjustment_id} is no pending refund"
            raise ShopError(message)
        transaction = transaction_of(self._store, made["transaction_id"])
        till = self._till(made)
        with self._store.transaction():
            self._decide(till, made, outcome)
            self._recalculate(transaction)
        return _receipt(made, till)

    def reverse(self, adjustment_id: str) -> Receipt:
        """Win a dispute or take a credit back: the first one is marked reversed.

        Raises:
            ShopError: It is unknown, no dispute, or reversed already.

        """
        lost = self._store.get("adjustment", adjustment_id)
        is_open = lost and lost["action"] in REVERSALS and lost["status"] != "reversed"
        if lost is None or not is_open:
            message = f"{adjustment_id} is no open dispute"
            raise ShopError(message)
        transaction = transaction_of(self._store, lost["transaction_id"])
        till = self._till(lost)
        lines = [_line(item) for item in lost["items"]]
        action = REVERSALS[lost["action"]]
        with self._store.transaction():
            # No event about the first one: adjustment.updated is for refunds only.
            reversed_ = changed(lost, till.now, {"status": "reversed"})
            self._store.put("adjustment", reversed_)
            given = {"action": action, "reason": lost["reason"]}
            won = adjusted(self._feed.ids, transaction, lines, till.now, given)
            till.tell("adjustment.created", entity=won)
            self._recalculate(transaction)
        return _receipt(won, till)

    def _till(self, *entities: Entity) -> Till:
        return Till(self._feed, later_than(self._feed.clock.now(), *entities))

    def _recalculate(self, transaction: Entity) -> None:
        made = self._store.having("adjustment", "transaction_id", transaction["id"])
        self._store.put("transaction", recalculated(transaction, made))

    def _check_remaining(self, transaction: Entity, lines: list[Line]) -> None:
        """Refuse as Paddle does: one pending refund at a time, never more than paid."""
        made = self._store.having("adjustment", "transaction_id", transaction["id"])
        refunds = [a for a in made if a["action"] in {"refund", "credit"}]
        if any(refund["status"] == "pending_approval" for refund in refunds):
            code = "adjustment_pending_refund_request"
            raise ShopError(f"{code}: {transaction['id']}", code)
        totals = _line_totals(transaction)
        given = Counter[str]()
        for refund in refunds:
            if refund["status"] == "approved":
                given.update(_item_totals(refund))
        for line in lines:
            total = totals.get(line.line_id, 0)
            wanted = total if line.amount_minor is None else line.amount_minor
            rest = total - given[line.line_id]
            if line.line_id in totals and rest < wanted <= total:
                code = "adjustment_total_amount_above_remaining_allowed"
                raise ShopError(f"{code}: {rest} is left on {line.line_id}", code)

    def _decide(self, till: Till, made: Entity, outcome: str) -> None:
        if outcome not in DECISIONS:
            message = f"outcome must be one of {', '.join(DECISIONS)}"
            raise ShopError(message)
        self._agenda.drop(made["id"])
        decided = changed(made, till.tick(), {"status": outcome})
        till.tell("adjustment.updated", entity=decided)


def _check_status(transaction: Entity, action: str) -> None:
    allowed = FROM_STATUS.get(action, COMPLETED)
    if transaction["status"] not in allowed:
        message = f"{transaction['id']} is {transaction['status']}, not {allowed[0]}"
        raise ShopError(message, f"adjustment_transaction_invalid_status_for_{action}")


def _next_round(now: datetime) -> datetime:
    return now + ROUND - (now - datetime.min.replace(tzinfo=UTC)) % ROUND


def _line(item: Entity) -> Line:
    amount = None if item["amount"] is None else int(item["amount"])
    return Line(item["item_id"], amount, item["type"] == "tax")


def _line_totals(transaction: Entity) -> dict[str, int]:
    lines = transaction["details"]["line_items"]
    return {line["id"]: int(line["totals"]["total"]) for line in lines}


def _item_totals(adjustment: Entity) -> dict[str, int]:
    items = adjustment["items"]
    return {item["item_id"]: int(item["totals"]["total"]) for item in items}


def _receipt(made: Entity, till: Till) -> Receipt:
    return Receipt(
        made["transaction_id"],
        made["customer_id"],
        made["id"],
        made["subscription_id"],
        till.events,
    )
