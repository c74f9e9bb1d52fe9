"""Why something bought has given nothing yet."""

from datetime import UTC, datetime

import pytest

from models.access import GrantSource
from models.clock import SUBSCRIPTION_RANKS, TRANSACTION_RANKS
from worker.explain.facts import Pending, Setup, Source, Waiting
from worker.explain.waiting import verdicts_of
from worker.explain.work import event_verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETUP = Setup(NOON, 7, "completed", billing_enabled=True)
OFF = Setup(NOON, 7, "completed", billing_enabled=False)


def bought(status: str | None, **facts: object) -> Source:
    values = {"status": status, "started_at": NOON, **facts}
    return Source(GrantSource.PURCHASE, "txn_1", **values)  # type: ignore[arg-type]


def subscribed(status: str, **facts: object) -> Source:
    values = {"status": status, "started_at": NOON, **facts}
    return Source(GrantSource.SUBSCRIPTION, "sub_1", **values)  # type: ignore[arg-type]


def said(waiting: Waiting, setup: Setup = SETUP) -> str:
    (told,) = verdicts_of(waiting, setup)
    assert told.has_access is False
    return told.sentence


@pytest.mark.parametrize("status", [*TRANSACTION_RANKS, "invented", None])
def test_each_status_of_a_purchase_has_words(status: str | None) -> None:
    sentence = said(Waiting(bought(status)))

    assert sentence.startswith("No access")
    assert "txn_1" in sentence


@pytest.mark.parametrize("status", [*SUBSCRIPTION_RANKS, "invented"])
def test_each_status_of_a_subscription_has_words(status: str) -> None:
    assert "sub_1" in said(Waiting(subscribed(status)))


def test_a_price_without_a_course_says_where_to_put_it() -> None:
    (told,) = verdicts_of(
        Waiting(bought("completed"), [("unknown price", "pri_1")]), SETUP
    )

    assert told.sentence == (
        "No access yet: paid on 2026-03-01 with txn_1, but nobody has said which course"
        " price pri_1 gives; put it into the catalog file."
    )
    assert told.next_step == "./paddlewheel catalog map pri_1 COURSE"


def test_each_price_that_is_missing_is_told() -> None:
    parked = [("unknown price", "pri_1"), ("unknown price", "pri_2")]

    told = verdicts_of(Waiting(subscribed("active"), parked), SETUP)

    assert ["pri_1" in told[0].sentence, "pri_2" in told[1].sentence] == [True, True]


def test_a_buyer_who_is_not_known_is_named_by_the_customer() -> None:
    source = bought("completed", customer_id="ctm_1")

    assert "the buyer (ctm_1) is not known" in said(
        Waiting(source, [("unknown learner", "pri_1")])
    )


def test_what_is_paid_and_not_completed_says_what_it_waits_for() -> None:
    paid_counts = Setup(NOON, 7, "paid", billing_enabled=True)

    assert "access comes when it is 'completed'" in said(Waiting(bought("paid")))
    assert "about to be given" in said(Waiting(bought("paid")), paid_counts)


def test_an_unpaid_invoice_is_only_billed() -> None:
    source = bought("billed", failure="declined", failed_at=NOON)

    sentence = said(Waiting(source))

    assert "txn_1 is only billed" in sentence
    assert "The last payment failed on 2026-03-01: declined." in sentence
    assert "paid by invoice" in said(Waiting(subscribed("active", is_manual=True)))


def test_what_was_refunded_at_once_says_so() -> None:
    waiting = Waiting(bought("completed"), is_refunded=True)

    assert "refunded whole before it gave any" in said(waiting)


def test_a_charge_of_a_subscription_points_to_it() -> None:
    source = bought("completed", subscription_id="sub_1")

    assert "sub_1, which decides" in said(Waiting(source, has_own_lines=False))


def test_what_only_others_name_has_told_nothing_yet() -> None:
    assert "only other events name txn_1" in said(Waiting(bought(None, is_stub=True)))


@pytest.mark.parametrize(
    ("event", "setup", "words"),
    [
        (Pending("inbox", 7, NOON), SETUP, "it is waiting for a worker"),
        (Pending("inbox", 7, NOON), OFF, "PADDLE_BILLING_ENABLED is off"),
        (
            Pending("inbox", 7, NOON, 2, NOON, "OddError: odd"),
            SETUP,
            "tried 2 times, again at 2026-03-01 12:00 UTC: OddError: odd",
        ),
        (
            Pending("inbox", 7, NOON, 1, NOON, "odd", letter=4),
            OFF,
            "dead letter 4: odd",
        ),
    ],
    ids=["waits", "billing off", "back-off", "dead"],
)
def test_an_event_that_is_not_recorded_says_why(
    event: Pending, setup: Setup, words: str
) -> None:
    told = event_verdict(event, setup)

    assert words in told.sentence
    assert (told.next_step is None) == (event.letter is None)
