"""What must come of some deliveries, by the pure functions alone.

No database: snapshots are folded, sources computed whole, grants united. What a source
was made with is remembered from batch to batch, as its grants remember it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models import purchase_rules, subscription_rules
from models.access import AccessState, CourseKind
from models.access_rules import (
    PAID_STATUSES,
    AdjustmentPart,
    Given,
    GrantFact,
    Line,
)
from models.enrollment_rules import Access, LiveGrant, access_of
from models.fold import fold, fold_payments
from models.key import Key
from models.purchase_rules import Purchase
from models.snapshot import Snapshot
from models.snapshots import (
    AdjustmentSnapshot,
    CustomerSnapshot,
    SubscriptionSnapshot,
    TransactionSnapshot,
)
from models.subscription_rules import Charge, Item, Subscribed

Person = str
Offers = Mapping[str, Sequence[Given]]


@dataclass
class Oracle:
    """Knows every delivery so far."""

    kinds: Mapping[str, CourseKind]
    grace: timedelta
    snapshots: list[Snapshot] = field(default_factory=list)
    made: dict[tuple[Key, str], list[Given]] = field(default_factory=dict)
    #: Normalised address by customer.
    _addresses: dict[str, str] = field(default_factory=dict)
    _transactions: dict[Key, TransactionSnapshot] = field(default_factory=dict)
    _subscriptions: dict[Key, SubscriptionSnapshot] = field(default_factory=dict)
    _adjustments: list[AdjustmentSnapshot] = field(default_factory=list)
    _captured: dict[Key, datetime] = field(default_factory=dict)

    def record(self, batch: Iterable[Snapshot], offers: Offers) -> None:
        """Take in what one batch tells, with the catalog of that moment."""
        self.snapshots.extend(batch)
        self._fold()
        for key, facts in self._facts(offers).items():
            lines = defaultdict(list)
            for fact in facts:
                given = Given(
                    fact.course_key,
                    self._days(key, fact, offers),
                    fact.offer_id,
                    self.kinds[fact.course_key],
                )
                lines[fact.line_id].append(given)
            for line, given_ in lines.items():
                self.made.setdefault((key, line), given_)

    def enrollments(
        self, offers: Offers, now: datetime
    ) -> dict[tuple[Person, str], Access]:
        """Return what everybody has by now; what is over is left out."""
        grants: dict[tuple[Person, str], list[LiveGrant]] = defaultdict(list)
        for key, facts in self._facts(offers).items():
            person = self._person(key)
            for fact in facts:
                grants[(person, fact.course_key)].append(
                    LiveGrant(
                        fact.state, fact.cause, fact.ends_at, fact.ends_as, fact.seats
                    )
                )
        united = {
            place: access_of(held, now, self.kinds[place[1]])
            for place, held in grants.items()
        }
        return {
            place: access
            for place, access in united.items()
            if access.state is not AccessState.ENDED
        }

    def _days(self, key: Key, fact: GrantFact, offers: Offers) -> int | None:
        known = self.made.get((key, fact.line_id))
        if known:
            return next(g.days for g in known if g.course_key == fact.course_key)
        price = self._prices(key)[fact.line_id]
        return next(g.days for g in offers[price] if g.course_key == fact.course_key)

    def _prices(self, key: Key) -> dict[str, str]:
        if key in self._transactions:
            return {ln.id: ln.price_id for ln in self._transactions[key].lines}
        return {item.id: item.id for item in self._subscriptions[key].lines}

    def _facts(self, offers: Offers) -> dict[Key, Sequence[GrantFact]]:
        """Compute every source whose buyer is known."""
        facts: dict[Key, Sequence[GrantFact]] = {}
        made: dict[Key, dict[str, Sequence[Given]]] = defaultdict(dict)
        for (key, line), given in self.made.items():
            made[key][line] = given
        for key, bought in self._transactions.items():
            if self._is_known(bought.customer_id):
                purchase = self._purchase(key, bought)
                facts[key] = purchase_rules.grants_of(purchase, offers, made[key])
        for key, made_ in self._subscriptions.items():
            if self._is_known(made_.customer_id):
                facts[key] = subscription_rules.grants_of(
                    self._subscribed(key, made_), offers, made[key], self.grace
                )
        return facts

    def _purchase(self, key: Key, bought: TransactionSnapshot) -> Purchase:
        started_at = self._captured.get(key, bought.billed_at or bought.opened_at)
        assert started_at is not None
        lines = [
            Line(
                one.id,
                one.price_id,
                one.recurring,
                one.prorated,
                one.total_minor,
                one.course,
                one.quantity,
            )
            for one in bought.lines
        ]
        return Purchase(bought.status, started_at, lines, self._parts(key))

    def _parts(self, transaction: Key) -> list[AdjustmentPart]:
        return [
            AdjustmentPart(
                line.line_id,
                won.action,
                won.status,
                line.total_minor,
                won.opened_at or won.clock.updated_at,
            )
            for won in self._adjustments
            if won.transaction_id == transaction.id
            for line in won.lines
        ]

    def _subscribed(self, key: Key, made: SubscriptionSnapshot) -> Subscribed:
        bills = {
            k: bill
            for k, bill in self._transactions.items()
            if bill.subscription_id == key.id
        }
        charges = [
            Charge(
                bill.status,
                bill.period_starts_at is not None
                and bill.period_starts_at == made.period_starts_at,
                self._purchase(k, bill).lines,
                self._parts(k),
            )
            for k, bill in bills.items()
        ]
        assert made.started_at is not None
        return Subscribed(
            status=made.status,
            is_manual=made.collection_mode == "manual",
            is_paid=made.collection_mode != "manual"
            or any(bill.status in PAID_STATUSES for bill in bills.values()),
            started_at=made.started_at,
            period_starts_at=made.period_starts_at or made.clock.updated_at,
            scheduled_action=made.scheduled_action,
            scheduled_at=made.scheduled_at,
            items=[
                Item(one.id, one.status, one.quantity, one.course) for one in made.lines
            ],
            charges=charges,
        )

    # --- whose it is -----------------------------------------------------------------

    def _is_known(self, customer_id: str | None) -> bool:
        return customer_id is not None and customer_id in self._addresses

    def _person(self, key: Key) -> Person:
        source = self._transactions.get(key) or self._subscriptions[key]
        assert source.customer_id is not None
        if user := self._user(key):
            return user
        address = self._addresses[source.customer_id]
        users = self._users(address)
        return users.pop() if len(users) == 1 else address

    def _user(self, key: Key) -> str | None:
        if key in self._transactions:
            return self._transactions[key].user_id
        named = self._subscriptions[key].user_id
        return named or min(
            (
                bill.user_id
                for bill in self._transactions.values()
                if bill.subscription_id == key.id and bill.user_id
                if bill.status in PAID_STATUSES
            ),
            default=None,
        )

    def _users(self, address: str) -> set[str]:
        """Return the user ids under which the customers of an address have bought."""
        bought: list[TransactionSnapshot | SubscriptionSnapshot] = [
            one for one in self._transactions.values() if one.status in PAID_STATUSES
        ]
        bought += self._subscriptions.values()
        return {
            one.user_id
            for one in bought
            if one.user_id
            and one.customer_id
            and self._addresses.get(one.customer_id) == address
        }

    def _fold(self) -> None:
        told = self.snapshots
        people = [one for one in told if isinstance(one, CustomerSnapshot)]
        bills = [one for one in told if isinstance(one, TransactionSnapshot)]
        plans = [one for one in told if isinstance(one, SubscriptionSnapshot)]
        taken = [one for one in told if isinstance(one, AdjustmentSnapshot)]
        known = fold({}, people).winners
        self._addresses = {key.id: one.email_key for key, one in known.items()}
        self._transactions = fold({}, bills).winners
        self._subscriptions = fold({}, plans).winners
        self._adjustments = list(fold({}, taken).winners.values())
        self._captured = {}
        for (key, _), fact in fold_payments(bills).items():
            if at := fact.payment.captured_at:
                self._captured[key] = min(at, self._captured.get(key, at))
