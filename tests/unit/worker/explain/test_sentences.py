"""Sentences: one for each way in which the rules of access can decide."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from models import purchase_rules, subscription_rules
from models.access import BY_HAND, AccessState, GrantSource
from models.access_rules import AdjustmentPart, Given, GrantFact, Line
from models.clock import SUBSCRIPTION_RANKS, TRANSACTION_RANKS
from models.enrollment_rules import LiveGrant, access_of
from models.purchase_rules import Purchase
from models.subscription_rules import Charge, Item, Subscribed
from worker.explain.facts import Adjusted, Pending, Place, Reason, Setup, Source
from worker.explain.sentences import SENTENCES
from worker.explain.verdicts import verdict_of
from worker.grants import REMOVED, REPLACED

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRACE = timedelta(days=7)
ACTIVE, SUSPENDED, ENDED = AccessState
ACTIONS = ((), ("refund",), ("chargeback",), ("refund", "chargeback"))
MADE = {"line_1": [Given("python", 30, 1)], "pri_1": [Given("python", None, 1)]}
SETUP = Setup(NOON, 7, "completed", billing_enabled=True)


def parts(actions: tuple[str, ...]) -> list[AdjustmentPart]:
    return [AdjustmentPart("line_1", one, "approved", 100, NOON) for one in actions]


def line(*, recurring: bool) -> Line:
    return Line(
        "line_1", "pri_1", recurring, prorated=False, total_minor=100, course=None
    )


def bought() -> Iterator[GrantFact]:
    """Every grant that a purchase can give."""
    for status, actions in product((*TRANSACTION_RANKS, "invented"), ACTIONS):
        purchase = Purchase(status, NOON, [line(recurring=False)], parts(actions))
        for access_from in ("completed", "paid"):
            yield from purchase_rules.grants_of(purchase, {}, MADE, access_from)


def subscribed() -> Iterator[GrantFact]:
    """Every grant that a subscription can give."""
    statuses = (*SUBSCRIPTION_RANKS, "invented")
    changes = (None, "cancel", "pause", "resume", "invented")
    for status, action, taken, (manual, paid), item in product(
        statuses,
        changes,
        ACTIONS,
        product((True, False), repeat=2),
        ("active", "inactive"),
    ):
        charge = Charge(
            "completed",
            is_current=True,
            lines=[line(recurring=True)],
            adjustments=parts(taken),
        )
        subscription = Subscribed(
            status=status,
            is_manual=manual,
            is_paid=paid,
            started_at=NOON,
            period_starts_at=NOON,
            scheduled_action=action,
            scheduled_at=NOON + timedelta(days=3) if action else None,
            items=[Item("pri_1", item, 1, None)],
            charges=[charge],
        )
        yield from subscription_rules.grants_of(subscription, {}, MADE, GRACE)


def decisions() -> set[tuple[AccessState, str]]:
    """Every state and reason that an enrollment can have by one grant, at any time."""
    found = set()
    for fact in (*bought(), *subscribed()):
        grant = LiveGrant(fact.state, fact.cause, fact.ends_at, fact.ends_as)
        for days in (0, 5, 10, 100):
            access = access_of([grant], NOON + timedelta(days=days))
            found.add((access.state, access.reason))
    return found


DECISIONS = decisions()


def reason(
    state: AccessState,
    cause: str,
    *,
    source: Source | None = None,
    ends_at: datetime | None = None,
    ends_as: str = "expired",
) -> Reason:
    known = source or Source(GrantSource.PURCHASE, "txn_1", status="invented")
    return Reason(known, "line_1", state, cause, NOON, ends_at, ends_as, NOON)


def place(*reasons: Reason, state: AccessState, why: str, **facts: object) -> Place:
    values = {"access_until": None, "version": 1, "changed_at": NOON, **facts}
    return Place("lrn_1", "python", 1, state, why, reasons=reasons, **values)  # type: ignore[arg-type]


def said(state: AccessState, cause: str, source: Source | None = None) -> str:
    one = reason(state, cause, source=source)
    return verdict_of(place(one, state=state, why=cause), SETUP).sentence


def test_whatever_the_rules_decide_has_a_sentence_of_its_own() -> None:
    assert DECISIONS - set(SENTENCES) == {(ENDED, "invented")}


def test_no_sentence_is_for_what_cannot_be() -> None:
    beyond_the_rules = {(ENDED, REMOVED), (ENDED, REPLACED)}
    assert set(SENTENCES) - DECISIONS == beyond_the_rules


@pytest.mark.parametrize(
    ("state", "cause"), sorted({*SENTENCES, (ENDED, "invented"), (SUSPENDED, "new")})
)
def test_each_sentence_says_first_how_it_is(state: AccessState, cause: str) -> None:
    sentence = said(state, cause)

    begin = {ACTIVE: "Has access to python", SUSPENDED: "Held: python"}
    assert sentence.startswith(begin.get(state, "No access to python"))
    assert "txn_1" in sentence
    assert sentence.endswith(".")
    assert "None" not in sentence


def test_a_purchase_gives_access_for_good() -> None:
    assert said(ACTIVE, "purchased") == (
        "Has access to python for good: bought on 2026-03-01 with txn_1."
    )


def test_a_refund_names_itself_and_its_day() -> None:
    refund = Adjusted("adj_1", "refund", "approved", NOON + timedelta(days=32))
    late = Adjusted("adj_2", "refund", "rejected", NOON + timedelta(days=40))
    source = Source(GrantSource.PURCHASE, "txn_1", adjustments=(refund, late))

    assert said(ENDED, "refunded", source) == (
        "No access to python since 2026-04-02: txn_1 was refunded whole (adj_1)."
    )


def test_the_end_of_grace_says_what_brings_access_back() -> None:
    source = Source(GrantSource.SUBSCRIPTION, "sub_1", status="past_due")
    ended = NOON - timedelta(days=1)
    one = reason(ACTIVE, "past_due", source=source, ends_at=ended, ends_as="past_due")
    told = verdict_of(place(one, state=SUSPENDED, why="past_due"), SETUP)

    assert told.sentence == (
        "Held: python since 2026-02-28: the renewal of sub_1 failed and 7 days of grace"
        " are over; comes back when it is paid."
    )
    assert told.has_access is False


def test_a_cancel_at_the_end_of_the_period_is_told_before_it_comes() -> None:
    source = Source(GrantSource.SUBSCRIPTION, "sub_1", status="active")
    end = NOON + timedelta(days=9)
    one = reason(ACTIVE, "subscribed", source=source, ends_at=end, ends_as="canceled")
    told = verdict_of(
        place(one, state=ACTIVE, why="subscribed", access_until=end), SETUP
    )

    assert "until 2026-03-10 12:00 UTC" in told.sentence
    assert "is to be canceled then" in told.sentence
    assert told.has_access is True


def test_an_end_that_has_come_counts_before_any_task_has_run() -> None:
    end = NOON - timedelta(minutes=1)
    one = reason(ACTIVE, "purchased", ends_at=end)
    told = verdict_of(
        place(one, state=ACTIVE, why="purchased", access_until=end), SETUP
    )

    assert told.has_access is False
    assert "ended by its date" in told.sentence


def test_of_several_reasons_the_one_that_decides_is_told() -> None:
    gone = reason(ENDED, "refunded", source=Source(GrantSource.PURCHASE, "txn_old"))
    held = reason(ACTIVE, "purchased", source=Source(GrantSource.PURCHASE, "txn_new"))
    told = verdict_of(place(gone, held, state=ACTIVE, why="purchased"), SETUP)

    assert "txn_new" in told.sentence
    assert "txn_old" not in told.sentence


@pytest.mark.parametrize("kind", BY_HAND)
def test_what_was_given_by_hand_names_who_and_why(kind: GrantSource) -> None:
    source = Source(kind, "7", started_at=NOON, actor="ada", words="won the raffle")

    given = said(ACTIVE, "given", source)
    taken = said(ENDED, "revoked", source)

    assert given == (
        "Has access to python for good: given by hand on 2026-03-01 by ada: won the"
        " raffle."
    )
    assert taken.startswith("No access to python since 2026-03-01")
    assert "taken back" in taken


def test_a_change_that_is_not_carried_out_is_told() -> None:
    one = reason(ACTIVE, "purchased")
    dead = Pending("access_changes", 3, NOON, 8, NOON, "OddError: odd", letter=4)
    told = verdict_of(place(one, state=ACTIVE, why="purchased", change=dead), SETUP)

    assert "it is dead, dead letter 4: OddError: odd" in told.sentence
    assert told.next_step == "./paddlewheel deadletters show 4"


def test_access_that_is_not_activated_yet_is_none() -> None:
    one = reason(ACTIVE, "purchased")
    change = Pending("access_changes", 3, NOON)
    told = verdict_of(
        Place("lrn_1", "python", None, None, None, None, 0, None, (one,), change), SETUP
    )

    assert told.has_access is False
    assert "not carried out yet: it is waiting for a worker" in told.sentence


def test_what_went_to_another_learner_says_so() -> None:
    parted = place(state=ENDED, why="no grant")
    merged = place(state=ENDED, why="no grant", merged_ref="lrn_2")

    assert "belongs to another learner" in verdict_of(parted, SETUP).sentence
    assert "who is lrn_2" in verdict_of(merged, SETUP).sentence
