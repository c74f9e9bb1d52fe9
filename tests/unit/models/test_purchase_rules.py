"""Access rules: the whole table of purchases, and what of them a person must see."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from models.access import AccessState, CourseKind
from models.access_rules import AdjustmentPart, FindingFact, Given, GrantFact, Line
from models.clock import TRANSACTION_RANKS
from models.enrollment_rules import LiveGrant, access_of
from models.findings import FindingKind
from models.purchase_rules import Purchase, findings_of, grants_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATUSES = (*TRANSACTION_RANKS, "invented")
COURSE = Given("python", None, 1)


def line(
    number: int = 1, total: int = 100, quantity: int = 1, price: str = "pri_1"
) -> Line:
    return Line(
        f"line_{number}",
        price,
        recurring=False,
        prorated=False,
        total_minor=total,
        course=None,
        quantity=quantity,
    )


def part(
    action: str, total: int = 100, status: str = "approved", number: int = 1
) -> AdjustmentPart:
    minutes = 2 if action.endswith("_reverse") else 1
    moment = NOON + timedelta(minutes=minutes)
    return AdjustmentPart(f"line_{number}", action, status, total, moment)


def purchase(
    *parts: AdjustmentPart,
    lines: Sequence[Line] = (line(),),
    status: str = "completed",
    user_refusal: str | None = None,
) -> Purchase:
    return Purchase(status, NOON, lines, parts, user_refusal)


def grants(whole: Purchase, *given: Given) -> list[GrantFact]:
    return grants_of(whole, {"pri_1": given or (COURSE,)}, {})


def findings(whole: Purchase, *given: Given) -> list[FindingFact]:
    return findings_of(whole, grants(whole, *given))


# --- the whole table ----------------------------------------------------------------

MONEY: dict[str, Sequence[AdjustmentPart]] = {
    "kept": [],
    "refunded": [part("refund")],
    "refunded bit by bit": [part("refund", 30), part("refund", 69), part("refund", 1)],
    "refunded but for a cent": [part("refund", 99)],
    "refund pending": [part("refund", status="pending_approval")],
    "refund rejected": [part("refund", status="rejected")],
    "refund reversed": [part("refund", status="reversed")],
    "disputed": [part("chargeback")],
    "warned": [part("chargeback_warning")],
    "dispute reversed": [part("chargeback"), part("chargeback_reverse")],
    "warning withdrawn": [
        part("chargeback_warning"),
        part("chargeback_warning_reverse"),
    ],
    "warned and disputed, warning withdrawn": [
        part("chargeback_warning"),
        part("chargeback"),
        part("chargeback_warning_reverse"),
    ],
    "refunded and disputed": [part("refund"), part("chargeback")],
    "refunded, dispute reversed": [
        part("refund"),
        part("chargeback"),
        part("chargeback_reverse"),
    ],
    "refunded in part and disputed": [part("refund", 40), part("chargeback")],
}
OVER = {
    "refunded",
    "refunded bit by bit",
    "refunded and disputed",
    "refunded, dispute reversed",
}
HELD = {
    "disputed",
    "warned",
    "warned and disputed, warning withdrawn",
    "refunded in part and disputed",
}
#: By what is over at the moment, days after the purchase; 30 days were bought.
MOMENTS = {0: "active", 29.999: "active", 30: "expired", 30.001: "expired"}


@pytest.mark.parametrize("access_from", ["completed", "paid"])
@pytest.mark.parametrize("money", MONEY)
def test_the_whole_table_at_every_bound(money: str, access_from: str) -> None:
    live = {"completed"} if access_from == "completed" else {"completed", "paid"}
    bought = Given("python", 30, 1)
    for status, (days, clock) in product(STATUSES, MOMENTS.items()):
        whole = purchase(*MONEY[money], status=status)
        (grant,) = grants_of(whole, {}, {"line_1": [bought]}, access_from)
        granted = LiveGrant(grant.state, grant.cause, grant.ends_at, grant.ends_as)
        access = access_of([granted], NOON + timedelta(days=days))

        if money in OVER:
            expected = "ended refunded"
        elif status not in live:
            expected = f"ended {status}"
        elif clock == "expired":
            expected = "ended expired"
        elif money in HELD:
            expected = "suspended disputed"
        else:
            expected = "active purchased"
        assert f"{access.state} {access.reason}" == expected, (status, days)


def test_a_purchase_of_nothing_counts_like_any_other() -> None:
    (grant,) = grants(purchase(lines=[line(total=0)]))

    assert (grant.state, grant.cause) == (AccessState.ACTIVE, "purchased")


def test_the_same_price_twice_is_two_grants_for_one_course() -> None:
    found = grants(purchase(lines=[line(1), line(2)]))

    assert [(g.line_id, g.course_key) for g in found] == [
        ("line_1", "python"),
        ("line_2", "python"),
    ]


def test_a_bundle_ends_with_its_line() -> None:
    whole = purchase(
        part("refund"), lines=[line(1), line(2, price="pri_2", quantity=1)]
    )
    given = {"pri_1": [COURSE, Given("sql", 30, 2)], "pri_2": [Given("git", None, 3)]}

    found = grants_of(whole, given, {})

    assert {g.course_key: g.state for g in found} == {
        "python": AccessState.ENDED,
        "sql": AccessState.ENDED,
        "git": AccessState.ACTIVE,
    }


# --- seats --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "kinds", "seats", "spare"),
    [
        (1, [CourseKind.COURSE], [1], 0),
        (3, [CourseKind.COURSE], [1], 2),
        (3, [CourseKind.DOWNLOAD], [1], 2),
        (3, [CourseKind.EVENT], [3], 0),
        # Everybody comes to the event; the course is the buyer's.
        (3, [CourseKind.EVENT, CourseKind.COURSE], [3, 1], 0),
        (0, [CourseKind.EVENT], [1], 0),
        (0, [CourseKind.COURSE], [1], 0),
    ],
)
def test_one_seat_is_the_buyers_and_an_event_has_them_all(
    quantity: int, kinds: Sequence[CourseKind], seats: Sequence[int], spare: int
) -> None:
    given = [Given(f"course_{n}", None, n, kind) for n, kind in enumerate(kinds)]
    whole = purchase(lines=[line(quantity=quantity)])

    assert [grant.seats for grant in grants(whole, *given)] == seats
    assert findings(whole, *given) == (
        [FindingFact(FindingKind.SEATS_WITHOUT_LEARNER, None, {"seats": spare})]
        if spare
        else []
    )


def test_seats_of_several_lines_are_added_up_and_refunded_ones_are_not() -> None:
    lines = [line(1, quantity=3), line(2, quantity=2), line(3, quantity=9)]
    whole = purchase(part("refund", number=3), lines=lines)

    assert findings(whole) == [
        FindingFact(FindingKind.SEATS_WITHOUT_LEARNER, None, {"seats": 3})
    ]


def test_seats_of_what_gave_nothing_are_not_spare() -> None:
    assert findings(purchase(lines=[line(quantity=9, price="pri_unknown")])) == []


# --- what else a person must see ----------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("money", MONEY)
def test_money_that_went_back_in_part_is_found_until_all_of_it_has(
    money: str, status: str
) -> None:
    sums = {"refunded but for a cent": 99, "refunded in part and disputed": 40}
    paid = status in {"paid", "completed"}

    assert findings(purchase(*MONEY[money], status=status)) == (
        [FindingFact(FindingKind.PARTIAL_REFUND, sums[money])]
        if money in sums and paid
        else []
    )


def test_parts_of_several_lines_are_added_up_but_not_whole_lines() -> None:
    lines = [line(1), line(2), line(3)]
    parts = [part("refund", 10), part("refund", 20, number=2), part("refund", number=3)]

    assert findings(purchase(*parts, lines=lines)) == [
        FindingFact(FindingKind.PARTIAL_REFUND, 30)
    ]


@pytest.mark.parametrize("status", STATUSES)
def test_a_user_id_that_was_not_believed_is_found_once_money_is_in(status: str) -> None:
    found = findings(purchase(status=status, user_refusal="expired"))

    refusal = {"refusal": "expired"}
    assert found == (
        [FindingFact(FindingKind.LEARNER_NOT_BELIEVED, None, refusal)]
        if status in {"paid", "completed"}
        else []
    )


def test_of_a_subscriptions_charge_the_subscription_tells_it() -> None:
    charge = Line("line_1", "pri_1", True, False, 100, None)  # noqa: FBT003 (a row)

    assert findings(purchase(lines=[charge], user_refusal="expired")) == []
