"""The clock: which of two snapshots wins, from the outermost reason to the last."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations

import pytest

from models.clock import (
    ADJUSTMENT_RANKS,
    TRANSACTION_RANKS,
    UNKNOWN_RANKS,
    Clock,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)


def clock(
    status: str = "ready",
    updated_at: datetime = NOON,
    occurred_at: datetime = NOON,
    event: str = "evt_1",
) -> Clock:
    terminal, rank = TRANSACTION_RANKS.get(status, UNKNOWN_RANKS)
    return Clock(terminal, updated_at, rank, occurred_at, event)


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        (clock("ready"), clock("ready", updated_at=LATER)),
        (clock("paid"), clock("ready", updated_at=LATER)),
        (clock("ready"), clock("billed")),
        (clock("past_due"), clock("paid")),
        (clock("ready"), clock("ready", occurred_at=LATER)),
        (clock("ready"), clock("ready", event="evt_2")),
        (clock("invented"), clock("draft")),
        (clock("draft"), clock("invented", updated_at=LATER)),
    ],
)
def test_the_greater_clock_wins(loser: Clock, winner: Clock) -> None:
    assert loser < winner


@pytest.mark.parametrize("status", ["draft", "ready", "billed", "past_due", "paid"])
def test_a_final_status_is_never_taken_back(status: str) -> None:
    assert clock(status, updated_at=LATER) < clock("canceled")
    assert clock(status, updated_at=LATER) < clock("completed")


def test_completed_beats_canceled_whichever_is_later() -> None:
    assert clock("canceled", updated_at=LATER) < clock("completed")


def test_the_verdict_on_a_refund_is_never_taken_back() -> None:
    pending, approved = (
        ADJUSTMENT_RANKS["pending_approval"],
        ADJUSTMENT_RANKS["approved"],
    )

    assert Clock(pending[0], LATER, pending[1], LATER, "evt_2") < Clock(
        approved[0], NOON, approved[1], NOON, "evt_1"
    )


def test_different_events_never_tie() -> None:
    statuses = (*TRANSACTION_RANKS, "invented")
    clocks = [
        clock(status, updated, occurred, event)
        for status in statuses
        for updated in (NOON, LATER)
        for occurred in (NOON, LATER)
        for event in ("evt_1", "evt_2")
    ]

    assert all(one != other for one, other in combinations(clocks, 2))
    few = clocks[:5]
    assert {max(order) for order in permutations(few)} == {max(few)}


def test_a_zone_does_not_change_a_place() -> None:
    elsewhere = NOON.astimezone(datetime.fromisoformat("2026-01-01T00:00+14:00").tzinfo)

    assert clock(updated_at=elsewhere) == clock()
