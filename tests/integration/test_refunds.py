"""Money that went back takes access away, however oddly it is told."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tasks.record import record as record_task
from tests.factories import add_events, one, rows
from tests.purchases import (
    COMPLETED_AT,
    LINE_TOTAL,
    adjustment,
    at,
    purchase,
    transaction,
)

GRANTS = "SELECT state, cause FROM grants"


@pytest.fixture
def record(core: Engine) -> Callable[[], str]:
    return lambda: str(record_task([], 1))


def test_a_refund_does_not_wait_for_a_customer_that_nobody_told_about(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(core, purchase())
    record()
    later = COMPLETED_AT + timedelta(minutes=3)
    moved = transaction("transaction.completed", customer_id="ctm_unheard_of")
    add_events(core, [at(moved, later, "evt_moved"), adjustment()])
    record()

    assert rows(core, GRANTS) == [("ended", "refunded")]
    assert one(core, "SELECT count(*) FROM access_changes") == 2


def test_a_part_of_a_refund_that_is_no_longer_told_is_gone(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(core, [*purchase(), adjustment()])
    record()
    smaller = adjustment(total=LINE_TOTAL - 1, minutes=20)
    smaller["event_id"] = "evt_smaller"
    smaller["data"]["items"][0]["id"] = "adjitm_other"
    add_events(core, [smaller])
    record()

    assert rows(core, "SELECT id FROM adjustment_lines") == [("adjitm_other",)]
    assert rows(core, GRANTS) == [("active", "purchased")]
