"""Two sessions, step by step, in both orders of commit.

The second session is let run until PostgreSQL says that it waits for the first, or
until it is done; then the first commits.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, text

from tasks.activate import activate
from tasks.activate import apply as activate_apply
from tasks.record import apply as record_apply
from tasks.release import release
from tests import checkouts
from tests.factories import add_event, add_events, add_offer, one, rows
from tests.parked import assert_marked_is_what_waits
from tests.purchases import (
    CUSTOMER,
    ONE_OFF_PRICE,
    Body,
    adjustment,
    published,
    renamed,
    transaction,
)
from worker.after_commit import Rings
from worker.checkouts.rows import keep
from worker.checkouts.wish import CheckoutError, wish_of
from worker.drain import Apply, Result
from worker.settings import Settings

SECONDS = 60
WAITING = text("SELECT count(*) FROM pg_locks WHERE pid = :pid AND NOT granted")
PID = text("SELECT pg_backend_pid()")


class Session:
    """A transaction in a thread of its own, committed when told."""

    def __init__(self, engine: Engine, apply: Apply, ids: Sequence[int]) -> None:
        self.pid = 0
        self._may_commit = threading.Event()
        self._applied = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._engine = engine
        self.done: Future[None] = self._pool.submit(self._run, apply, ids)

    def _run(self, apply: Apply, ids: Sequence[int]) -> None:
        with self._engine.begin() as connection:
            self.pid = connection.scalar(PID) or 0
            apply(connection, ids)
            self._applied.set()
            assert self._may_commit.wait(SECONDS)

    def until_applied_or_waiting(self, observer: Engine) -> bool:
        """Return whether it has applied all; else it waits for a lock."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self._applied.wait(0.01):
                return True
            self.raise_if_failed()
            with observer.connect() as connection:
                if connection.scalar(WAITING, {"pid": self.pid}):
                    return False
        raise AssertionError("neither applied nor waiting")

    def raise_if_failed(self) -> None:
        if self.done.done():
            self.done.result()

    def commit(self) -> None:
        self._may_commit.set()
        self.done.result(SECONDS)
        self._pool.shutdown()


def interleave(
    core: Engine,
    make: Callable[[], Engine],
    one_: tuple[Apply, Sequence[int]],
    other: tuple[Apply, Sequence[int]],
) -> bool:
    """Apply one, begin the other, commit one, commit the other.

    Returns:
        Whether the other had to wait.
    """
    first = Session(make(), *one_)
    assert first.until_applied_or_waiting(core)
    second = Session(make(), *other)
    waited = not second.until_applied_or_waiting(core)
    first.commit()
    second.commit()
    assert_marked_is_what_waits(core)
    return waited


def recording(ids: Sequence[int]) -> tuple[Apply, Sequence[int]]:
    return partial(record_apply, Rings()), ids


def activating(ids: Sequence[int]) -> tuple[Apply, Sequence[int]]:
    return partial(activate_apply, Rings()), ids


def event(engine: Engine, body: Body) -> list[int]:
    with engine.begin() as connection:
        return [add_event(connection, body)]


def grants(engine: Engine) -> list[tuple[str, str]]:
    found = rows(engine, "SELECT state, cause FROM grants")
    return [(state, cause) for state, cause in found]


@pytest.mark.parametrize("refund_first", [True, False])
def test_a_refund_beside_its_purchase_ends_access(
    core: Engine, sessions: Callable[[], Engine], *, refund_first: bool
) -> None:
    record_now(core, published("customer.created"))
    bought = event(core, transaction("transaction.completed"))
    refund = event(core, adjustment())
    pair = (refund, bought) if refund_first else (bought, refund)

    waited = interleave(core, sessions, recording(pair[0]), recording(pair[1]))

    assert waited
    assert grants(core) == [("ended", "refunded")]


def record_now(engine: Engine, *bodies: Body) -> None:
    ids = add_events(engine, bodies)
    with engine.begin() as connection:
        record_apply(Rings(), connection, ids)


@pytest.mark.parametrize("without_customer", [True, False])
@pytest.mark.parametrize("customer_first", [True, False])
def test_a_customer_beside_a_purchase_leaves_nothing_parked(
    core: Engine,
    sessions: Callable[[], Engine],
    *,
    customer_first: bool,
    without_customer: bool,
) -> None:
    person = event(core, published("customer.created"))
    bought = event(core, transaction("transaction.completed"))
    if without_customer:  # a refund that does not name its customer takes no lock on it
        refund = adjustment(total=1)
        refund["data"]["customer_id"] = None
        record_now(core, refund)
    pair = (person, bought) if customer_first else (bought, person)

    interleave(core, sessions, recording(pair[0]), recording(pair[1]))

    assert grants(core) == [("active", "purchased")]
    assert rows(core, "SELECT * FROM parked") == []


@pytest.mark.parametrize("refund_first", [True, False])
def test_a_customer_beside_a_refund_of_a_parked_purchase_ends_access(
    core: Engine, sessions: Callable[[], Engine], *, refund_first: bool
) -> None:
    record_now(core, transaction("transaction.completed"))
    body = adjustment()
    body["data"]["customer_id"] = None
    refund = event(core, body)
    person = event(core, published("customer.created"))
    pair = (refund, person) if refund_first else (person, refund)

    interleave(core, sessions, recording(pair[0]), recording(pair[1]))

    assert grants(core) == [("ended", "refunded")]


@pytest.mark.parametrize("first", [0, 1])
def test_two_customers_with_one_address_are_one_learner(
    core: Engine, sessions: Callable[[], Engine], first: int
) -> None:
    other = renamed(published("customer.created"), "2")
    other["data"]["email"] = "JO@example.com "
    pair = [event(core, published("customer.created")), event(core, other)]

    waited = interleave(
        core, sessions, recording(pair[first]), recording(pair[1 - first])
    )

    assert waited
    assert one(core, "SELECT count(*) FROM learners") == 1
    assert one(core, "SELECT count(*) FROM learner_identities") == 3


@pytest.mark.parametrize("first", [0, 1])
def test_activate_beside_activate_sees_both_grants(
    core: Engine, sessions: Callable[[], Engine], first: int
) -> None:
    add_offer(core, ONE_OFF_PRICE, "python", days=1)
    record_now(
        core, published("customer.created"), transaction("transaction.completed", None)
    )
    add_offer(core, ONE_OFF_PRICE, "python", version=2)
    again = renamed(transaction("transaction.completed", None), "2")
    again["data"]["customer_id"] = CUSTOMER
    record_now(core, again)
    pair = changes(core)

    waited = interleave(
        core, sessions, activating([pair[first]]), activating([pair[1 - first]])
    )

    assert waited
    assert rows(core, "SELECT state, access_until, version FROM enrollments") == [
        ("active", None, 1)
    ]
    assert one(core, "SELECT count(*) FROM notifications") == 1


def changes(engine: Engine) -> list[int]:
    found = rows(engine, "SELECT id FROM access_changes ORDER BY id")
    return [row_id for (row_id,) in found]


@pytest.mark.parametrize("activate_first", [True, False])
def test_activate_beside_a_refund_ends_access_in_the_end(
    core: Engine, sessions: Callable[[], Engine], *, activate_first: bool
) -> None:
    record_now(
        core, published("customer.created"), transaction("transaction.completed")
    )
    refund, change = event(core, adjustment()), changes(core)
    pair = [activating(change), recording(refund)]
    if not activate_first:
        pair.reverse()

    interleave(core, sessions, pair[0], pair[1])
    activate([], 1)

    assert rows(core, "SELECT state, reason FROM enrollments") == [
        ("ended", "refunded")
    ]


def test_batches_with_the_same_keys_in_opposite_order_do_not_deadlock(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    bodies = [
        renamed(body, str(n))
        for n in range(20)
        for body in (
            published("customer.created"),
            transaction("transaction.completed"),
        )
    ]
    once = add_events(core, bodies)
    again = add_events(
        core, [b | {"event_id": b["event_id"] + "x"} for b in reversed(bodies)]
    )

    waited = interleave(core, sessions, recording(once), recording(again))

    assert waited
    assert one(core, "SELECT count(*) FROM grants WHERE state = 'active'") == 20


def test_racing_batches_with_the_same_keys_do_not_deadlock(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    bodies = [renamed(transaction("transaction.completed"), str(n)) for n in range(10)]
    bodies += [renamed(published("customer.created"), str(n)) for n in range(10)]
    for round_ in range(5):
        given = [b | {"event_id": f"{b['event_id']}{round_}"} for b in bodies]
        turned = [b | {"event_id": f"{b['event_id']}y"} for b in reversed(given)]
        pair = [
            Session(sessions(), *recording(add_events(core, batch)))
            for batch in (given, turned)
        ]
        for session in pair:
            session._may_commit.set()
        for session in pair:
            session.commit()

    assert one(core, "SELECT count(*) FROM grants WHERE state = 'active'") == 10


def test_an_offer_that_appears_beside_a_purchase_is_found_by_the_release(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    record_now(core, published("customer.created"))
    bought = event(core, transaction("transaction.completed", None))
    first = Session(sessions(), *recording(bought))
    assert first.until_applied_or_waiting(core)
    add_offer(core, ONE_OFF_PRICE, "python")
    first.commit()
    assert grants(core) == []

    assert release() == "1 released"

    assert grants(core) == [("active", "purchased")]
    assert release() == "nothing parked can be released"


@pytest.mark.parametrize("refund_first", [True, False])
def test_a_release_beside_a_refund_gives_no_access(
    core: Engine, sessions: Callable[[], Engine], *, refund_first: bool
) -> None:
    record_now(
        core, published("customer.created"), transaction("transaction.completed", None)
    )
    refund = event(core, adjustment())
    add_offer(core, ONE_OFF_PRICE, "python")

    if refund_first:
        first = Session(sessions(), *recording(refund))
        assert first.until_applied_or_waiting(core)
        with ThreadPoolExecutor(1) as pool:
            released = pool.submit(release)
            first.commit()
            released.result(SECONDS)
    else:
        release()
        with core.begin() as connection:
            record_apply(Rings(), connection, refund)

    assert [state for state, _ in grants(core)] in ([], ["ended"])
    assert_marked_is_what_waits(core)


@pytest.mark.parametrize("completed_first", [True, False])
def test_two_events_of_one_purchase_are_one_order_for_the_platform(
    core: Engine,
    configured: Callable[..., Settings],
    sessions: Callable[[], Engine],
    *,
    completed_first: bool,
) -> None:
    configured(**checkouts.HOOK)
    told = [event(core, body) for body in checkouts.STORY[-2:]]
    pair = [recording(ids) for ids in (told[::-1] if completed_first else told)]

    assert interleave(core, sessions, *pair)

    noted = rows(core, "SELECT kind, subject_id FROM platform_deliveries ORDER BY kind")
    assert noted == [checkouts.ORDER, checkouts.FAILURE]


def keeping(price: str) -> tuple[Apply, Sequence[int]]:
    def keep_it(connection: Connection, _: Sequence[int]) -> dict[int, Result]:
        keep(connection, "paddle", wish_of([price], "user-42", "order-17"))
        return {}

    return keep_it, []


def test_two_who_ask_for_one_order_have_one_checkout(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    assert interleave(core, sessions, keeping("pri_a"), keeping("pri_a"))

    assert one(core, "SELECT count(*) FROM checkouts") == 1


@pytest.mark.parametrize("first", ["pri_a", "pri_b"])
def test_of_two_orders_under_one_reference_the_first_has_it(
    first: str, core: Engine, sessions: Callable[[], Engine]
) -> None:
    second = "pri_b" if first == "pri_a" else "pri_a"

    with pytest.raises(CheckoutError, match="used for another order"):
        interleave(core, sessions, keeping(first), keeping(second))

    kept = "SELECT wanted #>> '{items,0,0}' FROM checkouts"
    assert rows(core, kept) == [(first,)]
