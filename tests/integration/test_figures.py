"""The views for a shop's figures against sums made by hand, of random days of trade."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tasks.record import record
from tests.factories import add_events, rows
from tests.purchases import Body, adjustment, published, renamed, transaction

BEGIN = datetime(2026, 3, 28, tzinfo=UTC)
CURRENCIES = ("EUR", "USD", "JPY")
#: Offsets that make a day in UTC another one where the time was written.
ZONES = ("+00:00", "+13:00", "-11:00")
DISCOUNTS = ("dsc_spring", "dsc_friends")
DISPUTES = {
    "chargeback": "chargeback_reverse",
    "chargeback_warning": "chargeback_warning_reverse",
}
METHOD_CHANGE = "subscription_payment_method_change"


@dataclass
class Back:
    """Money that went back, or came again."""

    action: str
    status: str
    total: int
    earnings: int
    opened: datetime
    updated: datetime


@dataclass
class Sale:
    """One transaction, as the shop knows it."""

    number: int
    customer: int
    status: str
    currency: str
    total: int
    discount: int
    tax: int
    fee: int
    credit: int
    origin: str
    discount_id: str | None
    billed: datetime | None
    captures: list[datetime]
    prorated: bool
    backs: list[Back] = field(default_factory=list)

    @property
    def is_in(self) -> bool:
        return self.status in {"paid", "completed"}

    @property
    def earnings(self) -> int:
        return self.total - self.tax - self.fee

    @property
    def sold(self) -> datetime:
        return min(self.captures) if self.captures else (self.billed or BEGIN)


def trade(chance: random.Random, sales: int) -> list[Sale]:
    return [_sale(chance, number) for number in range(1, sales + 1)]


def _sale(chance: random.Random, number: int) -> Sale:
    prorated = chance.random() < 0.2
    total = chance.randint(-9_000 if prorated else 0, 20_000)
    free = chance.random() < 0.1
    total = 0 if free else total
    billed = _moment(chance)
    captures = [billed + timedelta(hours=chance.randint(1, 30))] if total > 0 else []
    if captures and chance.random() < 0.2:
        captures.append(captures[0] + timedelta(hours=1))
    sale = Sale(
        number=number,
        customer=chance.randint(1, 5),
        status=chance.choice(("completed",) * 6 + ("paid", "ready", "canceled")),
        currency=chance.choice(CURRENCIES),
        total=total,
        discount=chance.randint(0, 500) if total > 0 else 0,
        tax=total // 6,
        fee=max(total, 0) // 20,
        credit=chance.choice((0, 0, 100)) if total > 100 else min(total, 0),
        origin=chance.choice(("web", "api", "subscription_recurring"))
        if not free
        else chance.choice(("web", METHOD_CHANGE)),
        discount_id=chance.choice((None, *DISCOUNTS)),
        billed=billed,
        captures=captures,
        prorated=prorated,
    )
    if sale.status == "completed" and total > 10:
        sale.backs = list(_backs(chance, sale))
    return sale


def _backs(chance: random.Random, sale: Sale) -> Iterator[Back]:
    if chance.random() < 0.3:
        status = chance.choice(("approved", "pending_approval", "rejected"))
        opened = sale.sold + timedelta(hours=chance.randint(1, 50))
        decided = opened + timedelta(hours=chance.randint(0, 60))
        total = chance.choice((sale.total, sale.total // 3))
        yield Back("refund", status, total, total * 3 // 4, opened, decided)
    if chance.random() < 0.3:
        kind = chance.choice(sorted(DISPUTES))
        opened = sale.sold + timedelta(hours=chance.randint(1, 50))
        won = chance.random() < 0.5
        status = "reversed" if won and chance.random() < 0.5 else "approved"
        back = opened + timedelta(hours=chance.randint(1, 70))
        changed = back if status == "reversed" else opened
        yield Back(kind, status, sale.total, sale.earnings, opened, changed)
        if won:
            yield Back(
                DISPUTES[kind], "approved", sale.total, sale.earnings, back, back
            )


def _moment(chance: random.Random) -> datetime:
    return BEGIN + timedelta(minutes=chance.randint(0, 5 * 24 * 60))


def told(chance: random.Random, moment: datetime) -> str:
    zone = datetime.fromisoformat(f"2026-01-01T00:00:00{chance.choice(ZONES)}").tzinfo
    return moment.astimezone(zone).isoformat()


def bodies(chance: random.Random, sales: list[Sale]) -> Iterator[Body]:
    for number in range(1, 6):
        yield renamed(published("customer.created"), str(number))
    for sale in sales:
        yield _transaction(chance, sale)
        for place, back in enumerate(sale.backs):
            yield _adjustment(chance, sale, back, sale.number * 10 + place)


def _transaction(chance: random.Random, sale: Sale) -> Body:
    body = renamed(transaction("transaction.completed"), str(sale.number))
    data, details = body["data"], body["data"]["details"]
    totals = {
        "subtotal": str(sale.total - sale.tax + sale.discount),
        "discount": str(sale.discount),
        "tax": str(sale.tax),
        "total": str(sale.total),
    }
    line = details["line_items"][0]
    line["totals"] |= totals
    if sale.prorated:
        line["proration"] = {"rate": "0.5", "billing_period": None}
    details["totals"] |= totals | {
        "grand_total": str(sale.total - sale.credit),
        "fee": str(sale.fee),
        "earnings": str(sale.earnings),
    }
    data |= {
        "status": sale.status,
        "customer_id": f"ctm_01hv6y1jedq4p1n0yqn5{sale.customer:0>6}",
        "currency_code": sale.currency,
        "origin": sale.origin,
        "discount_id": sale.discount_id,
        "billed_at": told(chance, sale.billed) if sale.billed else None,
        "payments": [
            _payment(chance, sale, place, moment)
            for place, moment in enumerate(sale.captures)
        ],
    }
    return body


def _payment(
    chance: random.Random, sale: Sale, place: int, moment: datetime
) -> dict[str, Any]:
    return {
        "payment_attempt_id": f"attempt-{sale.number}-{place}",
        "amount": str(sale.total),
        "status": "captured",
        "created_at": told(chance, moment),
        "captured_at": told(chance, moment),
    }


def _adjustment(chance: random.Random, sale: Sale, back: Back, number: int) -> Body:
    body = adjustment(back.action, back.status, back.total, number=number)
    body = renamed(body, str(sale.number))
    body["event_id"] = f"evt_adjustment{number}"
    body["data"] |= {
        "currency_code": sale.currency,
        "created_at": told(chance, back.opened),
        "updated_at": told(chance, back.updated),
    }
    body["data"]["totals"] |= {"total": str(back.total), "earnings": str(back.earnings)}
    return body


@pytest.fixture(params=range(4))
def sold(request: pytest.FixtureRequest, core: Engine) -> list[Sale]:
    """Some days of trade, recorded in a random order."""
    chance = random.Random(request.param)
    sales = trade(chance, 70)
    events = list(bodies(chance, sales))
    chance.shuffle(events)
    add_events(core, events)
    assert record([], 1).endswith("processed")
    return sales


Figures = dict[tuple[date, str], list[int]]


def by_hand(sales: list[Sale]) -> Figures:
    """Purchases, gross, discount, tax, fee, refunded, disputed, earnings, paid."""
    days: Figures = defaultdict(lambda: [0] * 9)
    for sale in sales:
        if sale.is_in:
            is_purchase = int(sale.origin != METHOD_CHANGE)
            amounts = (
                *(is_purchase, sale.total, sale.discount, sale.tax, sale.fee, 0, 0),
                *(sale.earnings, sale.total - sale.credit),
            )
            _add(days[sale.sold.date(), sale.currency], amounts)
        for back in sale.backs:
            moment, refunded, disputed, sign = _counts(back)
            if sign:
                amounts = (0, 0, 0, 0, 0, refunded, disputed, -sign * back.earnings, 0)
                _add(days[moment.date(), sale.currency], amounts)
    return dict(days)


def _counts(back: Back) -> tuple[datetime, int, int, int]:
    if back.action == "refund":
        approved = back.status == "approved"
        return back.updated, back.total * approved, 0, int(approved)
    sign = 1 if back.action in DISPUTES else -1
    return back.opened, 0, sign * back.total, sign


def _add(sums: list[int], amounts: tuple[int, ...]) -> None:
    for place, amount in enumerate(amounts):
        sums[place] += amount


def test_a_days_revenue_is_the_sum_of_what_moved_that_day(
    core: Engine, sold: list[Sale]
) -> None:
    seen = {
        (row[0], row[1]): list(row[2:])
        for row in rows(core, "SELECT * FROM revenue_daily")
    }

    expected = by_hand(sold)
    assert seen == expected
    # The trade has what makes it hard.
    assert {currency for _, currency in expected} == set(CURRENCIES)
    assert any(sums[5] for sums in expected.values())
    assert any(sums[6] < 0 for sums in expected.values())
    assert any(sale.total < 0 for sale in sold)


def test_a_question_about_some_days_has_the_same_answer(
    core: Engine, sold: list[Sale]
) -> None:
    day = date(2026, 3, 31)
    seen = rows(
        core, "SELECT currency, gross_minor FROM revenue_daily WHERE day = :d", d=day
    )

    found = {key: sums[1] for key, sums in by_hand(sold).items() if key[0] == day}
    assert found
    assert {(day, currency): gross for currency, gross in seen} == found


def test_a_discounts_use_is_counted_for_each_currency(
    core: Engine, sold: list[Sale]
) -> None:
    used: dict[tuple[str, str], list[Sale]] = defaultdict(list)
    for sale in sold:
        if sale.is_in and sale.discount_id:
            used[sale.discount_id, sale.currency].append(sale)

    seen = rows(
        core,
        "SELECT discount_id, currency, uses, discount_minor, gross_minor,"
        " first_used_at, last_used_at FROM discount_use",
    )

    assert {tuple(row[:2]): row[2:] for row in seen} == {
        key: (
            len(sales),
            sum(sale.discount for sale in sales),
            sum(sale.total for sale in sales),
            min(sale.billed for sale in sales if sale.billed),
            max(sale.billed for sale in sales if sale.billed),
        )
        for key, sales in used.items()
    }


def test_a_discount_is_shown_with_its_code(core: Engine) -> None:
    made = {
        "event_id": "evt_discount",
        "event_type": "discount.created",
        "occurred_at": "2026-03-01T00:00:00Z",
        "data": {
            "id": "dsc_spring",
            "status": "active",
            "description": "Spring",
            "code": "SPRING",
            "type": "percentage",
            "amount": "12.5",
            "updated_at": "2026-03-01T00:00:00Z",
        },
    }
    bought = transaction("transaction.completed", discount_id="dsc_spring")
    add_events(core, [made, bought])
    record([], 1)

    query = "SELECT discount_id, code, description, uses FROM discount_use"
    assert rows(core, query) == [("dsc_spring", "SPRING", "Spring", 1)]


def test_a_learners_totals_are_the_sum_of_what_was_paid(
    core: Engine, sold: list[Sale]
) -> None:
    expected: dict[tuple[str, str], list[Any]] = {}
    for sale in sold:
        if not sale.is_in:
            continue
        key = (f"learner{sale.customer}@example.com", sale.currency)
        sums = expected.setdefault(key, [0, 0, 0, BEGIN])
        sums[0] += sale.origin != METHOD_CHANGE
        sums[1] += sale.total - sale.credit
        sums[2] += sum(
            back.total
            for back in sale.backs
            if back.action == "refund" and back.status == "approved"
        )
        sums[3] = max(sums[3], sale.billed)

    seen = rows(
        core,
        "SELECT email, currency, purchases, paid_minor, refunded_minor,"
        " last_purchase_at FROM learner_totals JOIN learners ON ref = learner_ref",
    )

    assert {tuple(row[:2]): list(row[2:]) for row in seen} == expected
