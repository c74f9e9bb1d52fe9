"""Access rules: the decision table of one-off lines, and the union of grants."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations, product

import pytest

from models.access import AccessState
from models.access_rules import (
    AdjustmentPart,
    Given,
    GrantFact,
    Line,
    is_disputed,
    is_refunded,
)
from models.clock import ADJUSTMENT_RANKS, TRANSACTION_RANKS
from models.enrollment_rules import Access, LiveGrant, access_of
from models.purchase_rules import Purchase, grants_of, is_waiting

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OFFER = Given("python", None, 1)
ACTIVE, SUSPENDED, ENDED = (
    AccessState.ACTIVE,
    AccessState.SUSPENDED,
    AccessState.ENDED,
)
STATUSES = (*TRANSACTION_RANKS, "invented")
VERDICTS = (*ADJUSTMENT_RANKS, "invented")
DISPUTES = ("chargeback", "chargeback_warning")


def line(
    total: int = 100,
    *,
    recurring: bool = False,
    prorated: bool = False,
    course: str | None = None,
) -> Line:
    return Line("line_1", "pri_1", recurring, prorated, total, course)


def part(
    action: str, total: int = 100, minutes: int = 0, status: str = "approved"
) -> AdjustmentPart:
    moment = NOON + timedelta(minutes=minutes)
    return AdjustmentPart("line_1", action, status, total, moment)


def grants(
    *parts: AdjustmentPart,
    status: str = "completed",
    bought: Line | None = None,
    given: Sequence[Given] | None = (OFFER,),
    made: Sequence[Given] = (),
    access_from: str = "completed",
) -> list[GrantFact]:
    purchase = Purchase(status, NOON, [bought or line()], parts)
    kept = {"line_1": made} if made else {}
    offers = {} if given is None else {"pri_1": given}
    return grants_of(purchase, offers, kept, access_from)


def standing(
    *parts: AdjustmentPart, bought: Line | None = None
) -> tuple[AccessState, str]:
    (grant,) = grants(*parts, bought=bought)
    return grant.state, grant.cause


# --- which lines give anything ------------------------------------------------------


@pytest.mark.parametrize("access_from", ["completed", "paid"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_purchase_gives_access_from_the_status_that_is_set(
    status: str, access_from: str
) -> None:
    live = status == "completed" or (status == "paid" and access_from == "paid")

    found = grants(status=status, access_from=access_from)

    assert [grant.state for grant in found] == ([ACTIVE] if live else [])


@pytest.mark.parametrize("status", [s for s in STATUSES if s != "completed"])
def test_a_grant_ends_where_its_purchase_is_no_longer_live(status: str) -> None:
    (grant,) = grants(status=status, made=[OFFER])

    assert (grant.state, grant.cause) == (ENDED, status)


@pytest.mark.parametrize(
    ("recurring", "prorated"), [(True, False), (False, True), (True, True)]
)
@pytest.mark.parametrize("status", STATUSES)
def test_a_line_of_a_subscription_never_gives_access(
    status: str, *, recurring: bool, prorated: bool
) -> None:
    bought = line(recurring=recurring, prorated=prorated, course="python")

    assert grants(status=status, bought=bought, made=[OFFER]) == []


# --- what a line gives --------------------------------------------------------------


@pytest.mark.parametrize("course", [None, "named"])
@pytest.mark.parametrize("offers", [None, (), (OFFER,), (OFFER, Given("sql", 30, 2))])
@pytest.mark.parametrize("made", [(), (Given("old", 7, 9),)])
def test_made_goes_before_the_catalog_and_the_catalog_before_the_named_course(
    course: str | None, offers: Sequence[Given] | None, made: Sequence[Given]
) -> None:
    named = [Given(course, None, None)] if course else []

    found = grants(bought=line(course=course), given=offers, made=made)

    expected = list(made or (named if offers is None else offers))
    assert [Given(g.course_key, days_of(g), g.offer_id) for g in found] == expected


def days_of(grant: GrantFact) -> int | None:
    return None if grant.ends_at is None else (grant.ends_at - grant.starts_at).days


def test_days_are_counted_from_the_money_not_from_now() -> None:
    (grant,) = grants(given=[Given("python", 30, 1)])

    assert (grant.starts_at, grant.ends_at) == (NOON, NOON + timedelta(days=30))


def test_each_line_stands_for_itself() -> None:
    other = Line(
        "line_2", "pri_1", recurring=False, prorated=False, total_minor=100, course=None
    )
    purchase = Purchase("completed", NOON, [line(), other], [part("refund")])

    found = grants_of(purchase, {"pri_1": [OFFER]}, {})

    assert [(g.line_id, g.state) for g in found] == [
        ("line_1", ENDED),
        ("line_2", ACTIVE),
    ]


# --- refunds ------------------------------------------------------------------------


@pytest.mark.parametrize("total", [0, 1, 100])
@pytest.mark.parametrize(
    "sums", [(), (0,), (1,), (99,), (100,), (50, 49), (50, 50), (150,)]
)
def test_access_ends_when_approved_refunds_reach_the_line_total(
    total: int, sums: Sequence[int]
) -> None:
    refunds = [part("refund", amount) for amount in sums]
    refunded = bool(sums) and sum(sums) >= total

    expected = (ENDED, "refunded") if refunded else (ACTIVE, "purchased")
    assert standing(*refunds, bought=line(total)) == expected


@pytest.mark.parametrize("status", VERDICTS)
def test_only_an_approved_refund_counts(status: str) -> None:
    expected = ENDED if status == "approved" else ACTIVE

    assert standing(part("refund", status=status))[0] is expected


@pytest.mark.parametrize(
    "action", ["credit", "credit_reverse", "chargeback_reverse", "invented"]
)
def test_other_adjustments_change_nothing(action: str) -> None:
    assert standing(part(action)) == (ACTIVE, "purchased")


def test_a_reversal_never_lifts_a_refund() -> None:
    for reversal in (
        "chargeback_reverse",
        "chargeback_warning_reverse",
        "credit_reverse",
    ):
        assert standing(part("refund"), part(reversal, minutes=9))[0] is ENDED


def test_a_refund_ends_what_a_dispute_suspends() -> None:
    assert standing(part("chargeback"), part("refund", minutes=1)) == (
        ENDED,
        "refunded",
    )


# --- disputes -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", DISPUTES)
@pytest.mark.parametrize("status", VERDICTS)
def test_only_an_approved_dispute_suspends(kind: str, status: str) -> None:
    expected = SUSPENDED if status == "approved" else ACTIVE

    assert standing(part(kind, status=status))[0] is expected


@pytest.mark.parametrize("kind", DISPUTES)
@pytest.mark.parametrize("reversed_kind", DISPUTES)
@pytest.mark.parametrize("minutes", [-1, 0, 1])
@pytest.mark.parametrize("status", VERDICTS)
def test_only_a_later_approved_reversal_of_its_own_kind_lifts_a_dispute(
    kind: str, reversed_kind: str, minutes: int, status: str
) -> None:
    reversal = part(f"{reversed_kind}_reverse", minutes=minutes, status=status)
    lifted = kind == reversed_kind and minutes >= 0 and status == "approved"

    assert standing(part(kind), reversal)[0] is (ACTIVE if lifted else SUSPENDED)


def test_a_dispute_that_is_marked_reversed_is_lifted_before_the_reversal_comes() -> (
    None
):
    told = [part("chargeback", status="reversed")]

    assert standing(*told)[0] is ACTIVE
    assert standing(*told, part("chargeback_reverse", minutes=5))[0] is ACTIVE


def test_the_reversal_of_one_dispute_does_not_lift_another() -> None:
    first = part("chargeback", status="reversed")
    second = part("chargeback", minutes=1)
    reversal = part("chargeback_reverse", minutes=2)

    assert standing(first, second, reversal)[0] is SUSPENDED
    assert standing(part("chargeback"), second, reversal)[0] is SUSPENDED
    assert (
        standing(first, second, reversal, part("chargeback_reverse", minutes=3))[0]
        is ACTIVE
    )


@pytest.mark.parametrize(
    "parts",
    [
        (part("chargeback"), part("chargeback_reverse", minutes=1), part("refund", 40)),
        (part("chargeback"), part("chargeback_reverse"), part("chargeback", minutes=2)),
        (part("refund", 60), part("refund", 40), part("chargeback_warning")),
        (
            part("chargeback_warning"),
            part("chargeback", minutes=1),
            part("chargeback_warning_reverse", minutes=2),
            part("chargeback_reverse", minutes=3),
        ),
        (
            part("chargeback", status="reversed"),
            part("chargeback", minutes=1),
            part("chargeback_reverse", minutes=1),
            part("refund", 10),
        ),
    ],
)
def test_the_order_of_adjustments_does_not_matter(
    parts: Sequence[AdjustmentPart],
) -> None:
    assert len({standing(*order) for order in permutations(parts)}) == 1


def test_parts_of_other_lines_do_not_count() -> None:
    other = AdjustmentPart("line_2", "refund", "approved", 100, NOON)

    assert standing(other)[0] is ACTIVE


def test_the_whole_table_of_refund_and_dispute() -> None:
    refunds, disputes = (0, 99, 100), ("", "open", "lifted")
    for refund, dispute in product(refunds, disputes):
        parts = [part("refund", refund)] if refund else []
        parts += [part("chargeback")] if dispute else []
        parts += [part("chargeback_reverse", minutes=1)] if dispute == "lifted" else []

        assert is_refunded(line(), parts) is (refund == 100)
        assert is_disputed(parts) is (dispute == "open")


# --- the union ----------------------------------------------------------------------


def grant(
    state: AccessState, hours: int | None = None, cause: str = "purchased"
) -> LiveGrant:
    ends_at = None if hours is None else NOON + timedelta(hours=hours)
    return LiveGrant(state, cause, ends_at)


UNIONS = [
    ([], Access(ENDED, "no grant", None)),
    ([grant(ACTIVE)], Access(ACTIVE, "purchased", None)),
    ([grant(ACTIVE, 1)], Access(ACTIVE, "purchased", NOON + timedelta(hours=1))),
    (
        [grant(ACTIVE, 1), grant(ACTIVE, 9)],
        Access(ACTIVE, "purchased", NOON + timedelta(hours=9)),
    ),
    ([grant(ACTIVE, 1), grant(ACTIVE)], Access(ACTIVE, "purchased", None)),
    (
        [grant(ACTIVE, 1), grant(SUSPENDED, cause="disputed"), grant(ENDED)],
        Access(ACTIVE, "purchased", NOON + timedelta(hours=1)),
    ),
    (
        [grant(ENDED, cause="refunded"), grant(SUSPENDED, cause="disputed")],
        Access(SUSPENDED, "disputed", None),
    ),
    ([grant(ACTIVE, 0)], Access(ENDED, "expired", NOON)),
    (
        [grant(ACTIVE, -1), grant(ACTIVE, -9)],
        Access(ENDED, "expired", NOON - timedelta(hours=1)),
    ),
    (
        [grant(ACTIVE, -1), grant(SUSPENDED, cause="disputed")],
        Access(SUSPENDED, "disputed", None),
    ),
    ([grant(ENDED, cause="refunded")], Access(ENDED, "refunded", None)),
    (
        [grant(ENDED, 5, cause="refunded"), grant(ACTIVE)],
        Access(ACTIVE, "purchased", None),
    ),
]


@pytest.mark.parametrize(("grants_", "access"), UNIONS)
def test_the_union_of_grants_in_every_order(
    grants_: list[LiveGrant], access: Access
) -> None:
    assert {access_of(order, NOON) for order in permutations(grants_)} == {access}


def test_without_access_the_reason_is_the_same_in_every_order() -> None:
    ended = [grant(ENDED, cause=cause) for cause in ("refunded", "canceled", "removed")]

    assert len({access_of(order, NOON) for order in permutations(ended)}) == 1


def test_a_suspended_grant_past_its_end_gives_no_hope_of_return() -> None:
    assert access_of([grant(SUSPENDED, -1, "disputed")], NOON).state is ENDED


def test_another_live_grant_always_keeps_access() -> None:
    others = [grant(s, h) for s in AccessState for h in (None, -1, 1)]
    for other in others:
        assert access_of([other, grant(ACTIVE)], NOON) == Access(
            ACTIVE, "purchased", None
        )


@pytest.mark.parametrize(
    ("bought", "status", "granted", "waits"),
    [
        (line(), "completed", set(), True),
        (line(), "paid", set(), True),
        (line(0), "completed", set(), True),
        (line(), "ready", set(), False),
        (line(), "canceled", set(), False),
        (line(), "invented", set(), False),
        (line(), "completed", {"line_1"}, False),
        (line(), "completed", {"line_2"}, True),
        (line(recurring=True), "completed", set(), False),
        (line(prorated=True), "completed", set(), False),
    ],
)
def test_a_paid_line_that_gave_nothing_waits(
    bought: Line, status: str, granted: set[str], *, waits: bool
) -> None:
    purchase = Purchase(status, NOON, [bought], [])

    assert is_waiting(purchase, granted) is waits


def test_a_line_waits_until_it_is_refunded_whole() -> None:
    for refunded, waits in [(0, True), (99, True), (100, False), (101, False)]:
        purchase = Purchase("completed", NOON, [line()], [part("refund", refunded)])
        assert is_waiting(purchase, set()) is waits

    disputed = Purchase("completed", NOON, [line()], [part("chargeback")])
    assert is_waiting(disputed, set())


def test_one_line_of_several_is_enough_to_wait() -> None:
    other = Line("line_2", "pri_2", False, False, 100, None)  # noqa: FBT003 (a row)
    purchase = Purchase("completed", NOON, [line(), other], [part("refund")])

    assert is_waiting(purchase, set())
    assert not is_waiting(purchase, {"line_2"})
