"""Access rules: the decision table of subscriptions, against one written by hand.

Days count from the start of the current period; grace is seven of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations, product

import pytest

from models.access import AccessState, CourseKind
from models.access_rules import AdjustmentPart, FindingFact, Given, GrantFact, Line
from models.clock import SUBSCRIPTION_RANKS
from models.enrollment_rules import LiveGrant, access_of, recheck_at
from models.findings import FindingKind
from models.subscription_rules import (
    Charge,
    Item,
    Subscribed,
    findings_of,
    grants_of,
    is_period_refunded,
    is_waiting,
)

BEGINNING = datetime(2025, 11, 1, 12, tzinfo=UTC)
PERIOD = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRACE = timedelta(days=7)
GRACE_ENDS, BEFORE, AFTER = 7, 3, 10
OFFER = Given("python", None, 1)
STATUSES = (*SUBSCRIPTION_RANKS, "invented")
ITEMS = ("active", "trialing", "inactive")
MODES = ("automatic", "invoice, paid", "invoice, unpaid")
PARTIAL = FindingFact(FindingKind.PARTIAL_REFUND, 40)


def day(number: float) -> datetime:
    return PERIOD + timedelta(days=number)


def line(
    number: int = 1, total: int = 100, *, recurring: bool = True, prorated: bool = False
) -> Line:
    return Line(f"line_{number}", "pri_1", recurring, prorated, total, None)


def part(
    action: str,
    total: int = 100,
    days: float = 1,
    status: str = "approved",
    number: int = 1,
) -> AdjustmentPart:
    return AdjustmentPart(f"line_{number}", action, status, total, day(days))


def charge(
    *parts: AdjustmentPart,
    lines: Sequence[Line] = (line(),),
    status: str = "completed",
    is_current: bool = True,
) -> Charge:
    return Charge(status, is_current, lines, parts)


#: What became of the money.
MONEY: dict[str, Sequence[Charge]] = {
    "nothing": [],
    "kept": [charge()],
    "refunded": [charge(part("refund"))],
    "refunded in two parts": [charge(part("refund", 60), part("refund", 40))],
    "refunded in part": [charge(part("refund", 99))],
    "refund pending": [charge(part("refund", status="pending_approval"))],
    "refund rejected": [charge(part("refund", status="rejected"))],
    "refund reversed": [charge(part("refund", status="reversed"))],
    "an earlier period refunded": [charge(part("refund"), is_current=False)],
    "credited": [charge(part("credit"))],
    "disputed": [charge(part("chargeback"))],
    "warned": [charge(part("chargeback_warning"))],
    "an earlier period disputed": [charge(part("chargeback"), is_current=False)],
    "dispute pending": [charge(part("chargeback", status="pending_approval"))],
    "dispute won": [
        charge(part("chargeback"), part("chargeback_reverse", days=2)),
    ],
    "dispute marked reversed": [charge(part("chargeback", status="reversed"))],
    "warning withdrawn": [
        charge(part("chargeback_warning"), part("chargeback_warning_reverse", days=2)),
    ],
    "warned, then the dispute won": [
        charge(part("chargeback_warning"), part("chargeback_reverse", days=2)),
    ],
    "refunded and disputed": [charge(part("refund"), part("chargeback"))],
    "refunded, dispute won": [
        charge(part("refund"), part("chargeback"), part("chargeback_reverse", days=2)),
    ],
}
#: What each of them does to access, for those that do anything.
HELD = {
    "refunded": "suspended period_refunded",
    "refunded in two parts": "suspended period_refunded",
    "disputed": "suspended disputed",
    "warned": "suspended disputed",
    "an earlier period disputed": "suspended disputed",
    "warned, then the dispute won": "suspended disputed",
    "refunded and disputed": "suspended disputed",
    "refunded, dispute won": "suspended period_refunded",
}
SCHEDULES: dict[str, tuple[str | None, int | None]] = {
    "nothing": (None, None),
    "cancel before grace ends": ("cancel", BEFORE),
    "cancel as grace ends": ("cancel", GRACE_ENDS),
    "cancel after grace": ("cancel", AFTER),
    "pause before grace ends": ("pause", BEFORE),
    "pause after grace": ("pause", AFTER),
    "resume": ("resume", BEFORE),
    "something invented": ("invented", BEFORE),
    "cancel, without a date": ("cancel", None),
}
#: Status and schedule: what there is from which day on, and what ends it.
Life = Sequence[tuple[float, str]]
FOREVER = -100.0
SERVED: dict[tuple[str, str], Life] = {
    ("past_due", "cancel before grace ends"): [
        (FOREVER, "active past_due"),
        (BEFORE, "ended canceled"),
    ],
    ("past_due", "cancel as grace ends"): [
        (FOREVER, "active past_due"),
        (GRACE_ENDS, "ended canceled"),
    ],
    ("past_due", "pause before grace ends"): [
        (FOREVER, "active past_due"),
        (BEFORE, "suspended paused"),
    ],
    **{
        ("past_due", schedule): [
            (FOREVER, "active past_due"),
            (GRACE_ENDS, "suspended past_due"),
        ]
        for schedule in (
            "nothing",
            "cancel after grace",
            "pause after grace",
            "resume",
            "something invented",
            "cancel, without a date",
        )
    },
    **{
        (status, schedule): [(FOREVER, f"active {cause}"), *ends]
        for status, cause in [("active", "subscribed"), ("trialing", "trialing")]
        for schedule, ends in [
            ("nothing", []),
            ("resume", []),
            ("something invented", []),
            ("cancel, without a date", []),
            ("cancel before grace ends", [(BEFORE, "ended canceled")]),
            ("cancel as grace ends", [(GRACE_ENDS, "ended canceled")]),
            ("cancel after grace", [(AFTER, "ended canceled")]),
            ("pause before grace ends", [(BEFORE, "suspended paused")]),
            ("pause after grace", [(AFTER, "suspended paused")]),
        ]
    },
}
#: Just before, at and after every bound.
DAYS = [bound + step for bound in (0, 3, 7, 10, 400) for step in (-0.001, 0, 0.001)]


@dataclass(frozen=True)
class Case:
    status: str
    item: str
    mode: str
    money: str
    schedule: str

    def subscription(self) -> Subscribed:
        action, when = SCHEDULES[self.schedule]
        return subscription(
            self.status,
            is_manual=self.mode != "automatic",
            is_paid=self.mode != "invoice, unpaid",
            scheduled_action=action,
            scheduled_at=None if when is None else day(when),
            items=[Item("pri_1", self.item, 1, None)],
            charges=MONEY[self.money],
        )

    def life(self) -> Life:
        """What is expected: the first that applies, else by status and schedule."""
        held = HELD.get(self.money)
        first = {
            "ended canceled": self.status == "canceled",
            "ended unpaid": self.mode == "invoice, unpaid",
            "ended item_inactive": self.item == "inactive",
            str(held): held is not None,
            "suspended paused": self.status == "paused",
            "suspended unknown_status": self.status == "invented",
        }
        for outcome, applies in first.items():
            if applies:
                return [(FOREVER, outcome)]
        return SERVED[self.status, self.schedule]


def cases() -> Iterator[Case]:
    for values in product(STATUSES, ITEMS, MODES, MONEY, SCHEDULES):
        yield Case(*values)


def subscription(status: str = "active", **overrides: object) -> Subscribed:
    whole = Subscribed(
        status=status,
        is_manual=False,
        is_paid=True,
        started_at=BEGINNING,
        period_starts_at=PERIOD,
        scheduled_action=None,
        scheduled_at=None,
        items=[Item("pri_1", "active", 1, None)],
        charges=[],
    )
    return replace(whole, **overrides)  # type: ignore[arg-type]


def grants(
    whole: Subscribed,
    made: Sequence[Given] = (OFFER,),
    given: Sequence[Given] | None = None,
) -> list[GrantFact]:
    kept = {"pri_1": made} if made else {}
    offers = {} if given is None else {"pri_1": given}
    return grants_of(whole, offers, kept, GRACE)


def at(grant: GrantFact, moment: datetime) -> str:
    live = LiveGrant(grant.state, grant.cause, grant.ends_at, grant.ends_as)
    access = access_of([live], moment)
    return f"{access.state} {access.reason}"


def expected(life: Life, number: float) -> str:
    return [outcome for begins, outcome in life if begins <= number][-1]


# --- the whole table ----------------------------------------------------------------


def test_the_table_covers_every_status_and_schedule() -> None:
    served = {"active", "trialing", "past_due"}
    assert set(SERVED) == set(product(served, SCHEDULES))
    assert served < set(STATUSES)
    assert set(HELD) < set(MONEY)


@pytest.mark.parametrize("status", STATUSES)
def test_the_whole_table_at_every_bound(status: str) -> None:
    for case in cases():
        if case.status != status:
            continue
        (grant,) = grants(case.subscription())
        for number in DAYS:
            assert at(grant, day(number)) == expected(case.life(), number), case


def test_the_clock_is_asked_again_at_each_bound_and_not_after() -> None:
    for case in cases():
        (grant,) = grants(case.subscription())
        live = LiveGrant(grant.state, grant.cause, grant.ends_at, grant.ends_as)
        bounds = [begins for begins, _ in case.life() if begins != FOREVER]
        for number in DAYS:
            to_come = [day(bound) for bound in bounds if bound > number]
            assert recheck_at([live], day(number)) == min(to_come, default=None), case


def test_what_is_over_gives_nothing_to_whom_nothing_was_given() -> None:
    for case in cases():
        found = grants(case.subscription(), made=(), given=[OFFER])
        is_over = expected(case.life(), FOREVER).startswith("ended")
        assert len(found) == (0 if is_over else 1), case


def test_access_counts_from_the_beginning_of_the_subscription() -> None:
    for case in cases():
        (grant,) = grants(case.subscription())
        assert grant.starts_at == BEGINNING


def test_without_grace_access_is_held_from_the_start_of_the_unpaid_period() -> None:
    (grant,) = grants_of(subscription("past_due"), {}, {"pri_1": [OFFER]}, timedelta())

    assert at(grant, PERIOD - timedelta(microseconds=1)) == "active past_due"
    assert at(grant, PERIOD) == "suspended past_due"


# --- what an item gives -------------------------------------------------------------


@pytest.mark.parametrize("course", [None, "named"])
@pytest.mark.parametrize("offers", [None, (), (OFFER,), (OFFER, Given("sql", None, 2))])
@pytest.mark.parametrize("made", [(), (Given("old", None, 9),)])
def test_made_goes_before_the_catalog_and_the_catalog_before_the_named_course(
    course: str | None, offers: Sequence[Given] | None, made: Sequence[Given]
) -> None:
    named = [Given(course, None, None)] if course else []
    whole = subscription(items=[Item("pri_1", "active", 1, course)])

    found = grants(whole, made, offers)

    assert [Given(g.course_key, None, g.offer_id) for g in found] == list(
        made or (named if offers is None else offers)
    )


def test_days_of_an_offer_do_not_end_a_subscription() -> None:
    (grant,) = grants(subscription(), made=[Given("python", 30, 1)])

    assert grant.ends_at is None


def test_each_item_stands_for_itself() -> None:
    items = [Item("pri_1", "active", 1, "a"), Item("pri_2", "inactive", 1, "b")]

    found = grants_of(
        subscription(items=items), {}, {"pri_2": [Given("b", None, None)]}, GRACE
    )

    assert [(g.line_id, g.state) for g in found] == [
        ("pri_1", AccessState.ACTIVE),
        ("pri_2", AccessState.ENDED),
    ]


def test_a_plan_that_is_replaced_gives_what_the_new_one_gives() -> None:
    made = {"pri_1": [OFFER]}
    new = subscription(items=[Item("pri_2", "active", 1, "sql")])

    found = grants_of(new, {}, made, GRACE)

    # What the old item gave is no longer among them: it is written as removed.
    assert [(g.line_id, g.course_key) for g in found] == [("pri_2", "sql")]


@pytest.mark.parametrize(
    ("kind", "quantity", "seats", "spare"),
    [
        (CourseKind.COURSE, 1, 1, 0),
        (CourseKind.COURSE, 5, 1, 4),
        (CourseKind.DOWNLOAD, 5, 1, 4),
        (CourseKind.EVENT, 5, 5, 0),
        (CourseKind.EVENT, 0, 1, 0),
    ],
)
def test_an_event_has_as_many_seats_as_were_bought(
    kind: CourseKind, quantity: int, seats: int, spare: int
) -> None:
    whole = subscription(items=[Item("pri_1", "active", quantity, None)])
    found = grants(whole, [Given("python", None, 1, kind)])

    assert [grant.seats for grant in found] == [seats]
    assert findings_of(whole, found) == (
        [FindingFact(FindingKind.SEATS_WITHOUT_LEARNER, None, {"seats": spare})]
        if spare
        else []
    )


def test_seats_of_what_is_over_are_not_spare() -> None:
    whole = subscription("canceled", items=[Item("pri_1", "active", 5, None)])

    assert findings_of(whole, grants(whole)) == []


# --- money that went back -----------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("money", MONEY)
def test_what_went_back_of_the_current_period_is_found_while_it_is_served(
    money: str, status: str
) -> None:
    sums = {
        "refunded": (FindingKind.PERIOD_REFUNDED, 100),
        "refunded in two parts": (FindingKind.PERIOD_REFUNDED, 100),
        "refunded and disputed": (FindingKind.PERIOD_REFUNDED, 100),
        "refunded, dispute won": (FindingKind.PERIOD_REFUNDED, 100),
        "refunded in part": (FindingKind.PARTIAL_REFUND, 99),
    }
    whole = subscription(status, charges=MONEY[money])
    served = status in {"active", "trialing", "past_due"}

    assert findings_of(whole, grants(whole)) == (
        [FindingFact(*sums[money])] if money in sums and served else []
    )


@pytest.mark.parametrize(
    ("charges", "refunded"),
    [
        ([], False),
        # Nothing was paid: a trial, or a discount of 100 %.
        ([charge(lines=[line(total=0)])], False),
        ([charge(part("refund", 0), lines=[line(total=0)])], False),
        # A line of nothing beside one that cost something does not keep it.
        ([charge(part("refund"), lines=[line(), line(2, 0)])], True),
        # What was credited for the old plan is no payment.
        (
            [charge(part("refund"), lines=[line(), line(2, -50, prorated=True)])],
            True,
        ),
        ([charge(part("refund"), lines=[line(), line(2)])], False),
        (
            [charge(part("refund"), part("refund", number=2), lines=[line(), line(2)])],
            True,
        ),
        # Renewed and then changed: two charges, of which one went back.
        ([charge(part("refund")), charge(lines=[line(2, prorated=True)])], False),
        (
            [
                charge(part("refund")),
                charge(
                    part("refund", number=2),
                    lines=[line(2, recurring=False, prorated=True)],
                ),
            ],
            True,
        ),
        # A workbook in the same purchase stands for itself.
        (
            [charge(part("refund"), lines=[line(), line(2, recurring=False)])],
            True,
        ),
        (
            [
                charge(
                    part("refund", number=2), lines=[line(), line(2, recurring=False)]
                )
            ],
            False,
        ),
        # A charge that failed and one that was canceled paid for nothing.
        ([charge(part("refund"), status="past_due")], False),
        ([charge(part("refund")), charge(status="canceled")], True),
    ],
)
def test_a_period_is_refunded_when_all_that_was_paid_for_it_went_back(
    charges: Sequence[Charge], *, refunded: bool
) -> None:
    assert is_period_refunded(subscription(charges=charges)) is refunded


def test_refunds_of_other_periods_and_lines_are_not_added_up() -> None:
    whole = subscription(
        charges=[
            charge(
                part("refund", 40),
                part("refund", 7, number=2),
                lines=[line(), line(2, recurring=False)],
            ),
            charge(part("refund"), is_current=False),
        ]
    )

    assert findings_of(whole, grants(whole)) == [PARTIAL]


def test_the_reversal_of_one_lines_dispute_does_not_lift_anothers() -> None:
    both = [line(), line(2)]
    parts = [part("chargeback"), part("chargeback_reverse", days=2, number=2)]
    pending = part("chargeback", number=2, status="pending_approval")
    for order in permutations([*parts, pending]):
        (grant,) = grants(subscription(charges=[charge(*order, lines=both)]))
        assert (grant.state, grant.cause) == (AccessState.SUSPENDED, "disputed")


def test_disputes_of_two_charges_are_lifted_one_by_one() -> None:
    won = charge(part("chargeback"), part("chargeback_reverse", days=2))
    lost = charge(part("chargeback"), is_current=False)

    assert grants(subscription(charges=[won, lost]))[0].state is AccessState.SUSPENDED
    assert grants(subscription(charges=[won, won]))[0].state is AccessState.ACTIVE


# --- what waits, and what else is found ---------------------------------------------


def test_an_item_that_gives_nothing_waits_where_access_is_due() -> None:
    for case in cases():
        due = (
            case.status in {"active", "trialing", "past_due"}
            and case.mode != "invoice, unpaid"
            and case.item != "inactive"
        )
        assert is_waiting(case.subscription(), set()) is due, case
        assert not is_waiting(case.subscription(), {"pri_1"})


def test_one_item_of_several_is_enough_to_wait() -> None:
    items = [Item("pri_1", "active", 1, None), Item("pri_2", "active", 1, None)]
    whole = subscription(items=items)

    assert is_waiting(whole, {"pri_1"})
    assert not is_waiting(whole, {"pri_1", "pri_2"})


def test_a_user_id_that_was_not_believed_is_found() -> None:
    whole = subscription(user_refusal="expired")

    assert findings_of(whole, []) == [
        FindingFact(FindingKind.LEARNER_NOT_BELIEVED, None, {"refusal": "expired"})
    ]
