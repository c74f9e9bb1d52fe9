"""One final state, whatever the order, the batches and the number of sessions."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import permutations
from random import Random
from typing import Any

import pytest
from celery.exceptions import Retry
from sqlalchemy import Engine

from models.fold import fold, fold_payments
from models.snapshots import CustomerSnapshot, TransactionSnapshot
from tasks.activate import activate
from tasks.record import apply, record
from tests.factories import add_events, make_due, one, rows
from tests.parked import assert_marked_is_what_waits
from tests.purchases import COURSE, Body, purchase, renamed, snapshots
from worker.after_commit import Rings
from worker.drain import Job, drain
from worker.outcome import Tally
from worker.settings import Settings
from worker.work_tables import ACCESS_CHANGES, INBOX, Claimant

SEED = 22
ORDERS = 200
Result = dict[str, list[tuple[Any, ...]]]


def expected(bodies: Sequence[Body]) -> Result:
    """Return what the pure fold says the tables must hold."""
    told = snapshots(bodies)
    bought = [s for s in told if isinstance(s, TransactionSnapshot)]
    people = [s for s in told if isinstance(s, CustomerSnapshot)]
    winners = fold({}, bought).winners
    payments = fold_payments(bought).values()
    return {
        "transactions": sorted(
            (key.id, won.status, won.total_minor, won.invoice_number, won.clock.event)
            for key, won in winners.items()
        ),
        "lines": sorted(
            (key.id, line.id, line.total_minor, line.course)
            for key, won in winners.items()
            for line in won.lines
        ),
        "payments": sorted(
            (f.transaction.id, f.payment.id, f.payment.status, f.clock.event)
            for f in payments
        ),
        "learners": sorted(
            (person.email, person.name) for person in fold({}, people).winners.values()
        ),
        "grants": sorted((key.id, COURSE, "active", "purchased") for key in winners),
        "enrollments": [(COURSE, "active", "purchased", 1)] * len(winners),
        "unfinished": [],
    }


QUERIES = {
    "transactions": "SELECT id, status, total_minor, invoice_number, clock_event"
    " FROM transactions ORDER BY id",
    "lines": "SELECT transaction_id, id, total_minor, course FROM transaction_lines"
    " ORDER BY 1, 2",
    "payments": "SELECT transaction_id, id, status, clock_event FROM payments"
    " ORDER BY 1, 2",
    "learners": "SELECT email, name FROM learners ORDER BY email",
    "grants": "SELECT source_id, course_key, state, cause FROM grants ORDER BY 1, 2",
    "enrollments": "SELECT course_key, state, reason, version FROM enrollments",
    "unfinished": "SELECT id FROM inbox WHERE state NOT IN ('processed', 'stale')",
}


def found(engine: Engine) -> Result:
    return {name: rows(engine, query) for name, query in QUERIES.items()}


@pytest.fixture(scope="module")
def shuffled() -> list[list[Body]]:
    """200 orders of a purchase's events, each of another customer."""
    chosen = Random(SEED).sample(list(permutations(purchase())), ORDERS)
    return [
        [renamed(body, f"{number}") for body in order]
        for number, order in enumerate(chosen)
    ]


def work(engine: Engine, config: Settings) -> Tally:
    """Drain the inbox from a session of its own, until nothing is left of it."""
    who = Claimant(threading.current_thread().name, "test")
    return drain(Job(engine, INBOX, who, config), partial(apply, Rings()))


def together(*calls: Callable[[], object]) -> None:
    """Run calls at the same time and wait for all."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        barrier.wait(60)
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run, call) for call in calls]:
            done.result(120)


def until_quiet(engine: Engine) -> None:
    """Work off what was put off, as the sweep would make it."""
    for _ in range(100):
        make_due(engine, INBOX)
        try:
            if record([], 1) == "nothing due":
                return
        except Retry:
            continue
    pytest.fail("the inbox does not become quiet")


def test_200_orders_in_one_batch_each(core: Engine, shuffled: list[list[Body]]) -> None:
    for order in shuffled:
        add_events(core, order)
        record([], 1)
    activate([], 1)

    assert found(core) == expected([body for order in shuffled for body in order])
    assert_marked_is_what_waits(core)


def test_30_orders_one_event_at_a_time(
    core: Engine, configured: Callable[..., Settings], shuffled: list[list[Body]]
) -> None:
    configured(batch_rows=1)
    bodies = [body for order in shuffled[:30] for body in order]
    add_events(core, bodies)

    # Each claim takes one row, so every event is a transaction of its own.
    until_quiet(core)
    activate_all(core)

    assert found(core) == expected(bodies)
    assert_marked_is_what_waits(core)


def activate_all(engine: Engine) -> None:
    while one(engine, "SELECT count(*) FROM access_changes WHERE state = 'pending'"):
        make_due(engine, ACCESS_CHANGES)
        activate([], 1)


@pytest.mark.parametrize("batch", [7, 100])
def test_200_orders_split_across_two_sessions(
    core: Engine,
    configured: Callable[..., Settings],
    sessions: Callable[[], Engine],
    shuffled: list[list[Body]],
    batch: int,
) -> None:
    config = configured(batch_rows=batch, retry_first_seconds=0.05)
    # Column by column, so that both sessions meet every purchase.
    for column in zip(*shuffled, strict=True):
        add_events(core, column)
    first, second = sessions(), sessions()

    together(lambda: work(first, config), lambda: work(second, config))
    until_quiet(core)
    activate_all(core)

    assert found(core) == expected([body for order in shuffled for body in order])
    assert_marked_is_what_waits(core)
    assert one(core, "SELECT count(*) FROM dead_letters") == 0


def test_16_threads_store_and_record_the_same_events_with_one_effect(
    core: Engine, configured: Callable[..., Settings], sessions: Callable[[], Engine]
) -> None:
    config = configured(batch_rows=2, retry_first_seconds=0.05)
    engines = [sessions() for _ in range(16)]
    bodies = purchase()

    def deliver(engine: Engine) -> None:
        for body in bodies:
            store_once(engine, body)
        work(engine, config)

    together(*(partial(deliver, engine) for engine in engines))
    until_quiet(core)
    together(lambda: activate([], 1), lambda: None)
    activate_all(core)

    assert found(core) == expected(bodies)
    assert one(core, "SELECT count(*) FROM inbox") == len(bodies)
    assert one(core, "SELECT count(*) FROM notifications") == 1
    assert one(core, "SELECT count(*) FROM enrollment_history") == 1


def store_once(engine: Engine, body: Body) -> None:
    known = "SELECT count(*) FROM inbox WHERE event_id = :id"
    if one(engine, known, id=body["event_id"]):
        return
    try:
        add_events(engine, [body])
    except Exception as error:  # the rival's row came first: nothing was added
        if type(error).__name__ != "NoResultFound":
            raise
