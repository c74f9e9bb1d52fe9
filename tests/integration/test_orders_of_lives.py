"""Whole lives of purchases and subscriptions: one end, whatever the order.

All orders on the pure functions; 200 each through PostgreSQL, in one batch, one event
at a time, and across two sessions.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from sqlalchemy import Engine

from models.access import AccessState, CourseKind
from models.access_rules import Given
from models.enrollment_rules import Access
from tasks.record import record
from tests.factories import add_events, add_offer, one, rows
from tests.histories.bodies import Body
from tests.histories.oracle import Oracle
from tests.histories.shop import CHANGES, Shop, past_due, renewed
from tests.integration.test_orders import activate_all, together, until_quiet, work
from tests.parked import assert_marked_is_what_waits
from tests.purchases import stored
from worker.providers.registry import PROVIDERS
from worker.settings import Settings

SEED = 17
ORDERS = 200
#: Half of the grace that a failed renewal has is over.
DAYS_AGO = 3
KINDS = {"python": CourseKind.COURSE, "rust": CourseKind.COURSE}
OFFERS = {
    "pri_good": [Given("python", None, None)],
    "pri_plan_a": [Given("rust", None, None)],
}
assert renewed in CHANGES


def refunded_and_disputed() -> list[Body]:
    """A purchase, half of which goes back; it is disputed, and the dispute is won."""
    shop = Shop(datetime.now(UTC) - timedelta(days=DAYS_AGO))
    shop.join(0)
    shop.buy(0, 5, 0)
    shop.refund(0, 40, "approved")
    shop.dispute(0, is_warning=False)
    shop.reverse(0, marks=True)
    left_out = {"transaction.created", "transaction.paid", "transaction.updated"}
    return [body for body in shop.pool if body["event_type"] not in left_out]


def refunded_whole() -> list[Body]:
    """A purchase that is disputed and paid back; the reversal does not bring it back."""
    shop = Shop(datetime.now(UTC) - timedelta(days=DAYS_AGO))
    shop.join(0)
    shop.buy(0, 5, 0)
    shop.dispute(0, is_warning=True)
    shop.refund(0, 100, "approved")
    shop.reverse(0, marks=False)
    left_out = {"transaction.created", "transaction.updated"}
    return [body for body in shop.pool if body["event_type"] not in left_out]


def failed_renewal() -> list[Body]:
    """A subscription whose second period begins, and is not paid."""
    shop = Shop(datetime.now(UTC) - timedelta(days=33))
    shop.join(0)
    shop.subscribe(0, 0, by_invoice=False)
    shop.now = datetime.now(UTC) - timedelta(days=DAYS_AGO)
    shop.change(0, renewed)
    shop.change(0, past_due)
    left_out = {"transaction.created", "transaction.updated"}
    return [body for body in shop.pool if body["event_type"] not in left_out]


LIVES = (refunded_and_disputed, refunded_whole, failed_renewal)
#: What each comes to: state and reason.
ENDS = {
    refunded_and_disputed: (AccessState.ACTIVE, "purchased"),
    refunded_whole: None,
    failed_renewal: (AccessState.ACTIVE, "past_due"),
}


def fold(order: Sequence[Body]) -> dict[tuple[str, str], Access]:
    """Return what the pure functions say, told one event at a time."""
    oracle = Oracle(KINDS, timedelta(days=7))
    for body in order:
        read = PROVIDERS["paddle"].read(stored(body))
        oracle.record([read], OFFERS)  # type: ignore[list-item]
    return oracle.enrollments(OFFERS, datetime.now(UTC))


@pytest.fixture(params=LIVES, ids=lambda life: life.__name__)
def life(
    request: pytest.FixtureRequest, configured: Callable[..., Settings]
) -> Callable[[], list[Body]]:
    configured(learner_ids_unsigned=True, access_grace_days=7)
    chosen: Callable[[], list[Body]] = request.param
    return chosen


def test_every_order_of_a_life_ends_alike(life: Callable[[], list[Body]]) -> None:
    bodies = life()
    assert len(bodies) in {6, 7}

    ends = {
        json.dumps([[*p, *map(str, vars_of(a))] for p, a in fold(order).items()])
        for order in permutations(bodies)
    }

    assert len(ends) == 1
    found = list(fold(bodies).values())
    wanted = ENDS[life]
    assert [(access.state, access.reason) for access in found] == (
        [wanted] if wanted else []
    )


def vars_of(access: Access) -> tuple[object, ...]:
    return (access.state, access.reason, access.access_until, access.seats)


def of_another(body: Body, number: int) -> Body:
    """Return the same event in the life of somebody else."""
    told = json.dumps(body)
    for name in ("ctm_0", "txn_0", "sub_0", "adj_0", "adj_1", "evt_"):
        told = told.replace(f'"{name}', f'"{name}n{number}x')
    told = told.replace("ann@example.com", f"ann{number}@example.com")
    changed: Body = json.loads(told.replace("user-ann", f"user-{number}"))
    return changed


def shuffled(life: Callable[[], list[Body]]) -> list[list[Body]]:
    bodies, chance = life(), Random(SEED)
    return [
        [of_another(body, number) for body in chance.sample(bodies, len(bodies))]
        for number in range(ORDERS)
    ]


def prepare(engine: Engine) -> None:
    add_offer(engine, "pri_good", "python")
    add_offer(engine, "pri_plan_a", "rust")


def assert_all_ended_so(
    engine: Engine, life: Callable[[], list[Body]], orders: int
) -> None:
    wanted = ENDS[life]
    found = rows(engine, "SELECT DISTINCT state, reason FROM enrollments")
    if wanted:
        assert found == [(wanted[0].value, wanted[1])]
        assert one(engine, "SELECT count(*) FROM enrollments") == orders
    else:
        assert {state for state, _ in found} <= {"ended"}
    assert one(engine, "SELECT count(*) FROM dead_letters") == 0
    assert one(engine, "SELECT count(*) FROM inbox WHERE state = 'pending'") == 0
    assert_marked_is_what_waits(engine)


def test_200_orders_of_a_life_in_one_batch_each(
    core: Engine, life: Callable[[], list[Body]]
) -> None:
    prepare(core)
    for order in shuffled(life):
        add_events(core, order)
        record([], 1)
    activate_all(core)

    assert_all_ended_so(core, life, ORDERS)


@pytest.mark.parametrize("rows_and_orders", [(1, 20), (30, ORDERS)])
def test_200_orders_of_a_life_across_two_sessions(
    core: Engine,
    life: Callable[[], list[Body]],
    configured: Callable[..., Settings],
    sessions: Callable[[], Engine],
    rows_and_orders: tuple[int, int],
) -> None:
    batch, orders = rows_and_orders
    prepare(core)
    config = configured(
        batch_rows=batch, retry_first_seconds=0.05, learner_ids_unsigned=True
    )
    for column in zip(*shuffled(life)[:orders], strict=True):
        add_events(core, column)
    first, second = sessions(), sessions()

    together(lambda: work(first, config), lambda: work(second, config))
    until_quiet(core)
    activate_all(core)

    assert_all_ended_so(core, life, orders)
