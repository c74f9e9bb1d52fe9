"""Any history, in any order, through PostgreSQL: the pure fold says what must be.

``HISTORY_STEPS`` (environment) sets how many steps are taken in all; ``make histories``
takes 20,000, and ``make histories STEPS=1000000`` a million.
"""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from models.access import CourseKind
from tests.histories.deployment import Deployment, opened
from tests.histories.oracle import Oracle
from tests.histories.shop import CHANGES, Shop
from tests.parked import assert_marked_is_what_waits
from worker.servers.postgres import Postgres
from worker.settings import Settings

STEPS = int(os.environ.get("HISTORY_STEPS", "1500"))
#: Of one history.
LONGEST = 50
GRACE = 7
KINDS = {
    "python": CourseKind.COURSE,
    "sql": CourseKind.COURSE,
    "rust": CourseKind.COURSE,
    "congress": CourseKind.EVENT,
}
#: What prices give: courses, and days.
CATALOG: dict[str, tuple[list[str], int | None]] = {
    "pri_good": (["python"], None),
    "pri_days": (["sql"], 30),
    "pri_bundle": (["python", "sql"], None),
    "pri_event": (["congress"], None),
    "pri_plan_a": (["python", "rust"], None),
    "pri_plan_b": (["rust"], None),
}
NUMBERS = st.integers(0, 30)


class Histories(RuleBasedStateMachine):
    """Everything that can happen, one after the other."""

    deployment: Deployment

    @initialize()
    def open(self) -> None:
        self.deployment.reset()
        for price, (courses, days) in CATALOG.items():
            given = {course: KINDS[course] for course in courses}
            self.deployment.map_price(price, given, days)
        self.shop = Shop(self.deployment.now)
        self.oracle = Oracle(KINDS, timedelta(days=GRACE))

    @rule(who=NUMBERS)
    def join(self, who: int) -> None:
        self.shop.join(who)

    @rule(who=NUMBERS, what=NUMBERS, quantity=NUMBERS)
    def buy(self, who: int, what: int, quantity: int) -> None:
        self.shop.buy(who, what, quantity)

    @rule(
        which=NUMBERS,
        share=st.sampled_from([40, 60, 100]),
        verdict=st.sampled_from(["approved", "approved", "rejected"]),
    )
    def refund(self, which: int, share: int, verdict: str) -> None:
        self.shop.refund(which, share, verdict)

    @rule(which=NUMBERS, is_warning=st.booleans())
    def dispute(self, which: int, *, is_warning: bool) -> None:
        self.shop.dispute(which, is_warning=is_warning)

    @rule(which=NUMBERS, marks=st.booleans())
    def reverse(self, which: int, *, marks: bool) -> None:
        self.shop.reverse(which, marks=marks)

    @rule(who=NUMBERS, plan=NUMBERS, by_invoice=st.booleans())
    def subscribe(self, who: int, plan: int, *, by_invoice: bool) -> None:
        self.shop.subscribe(who, plan, by_invoice=by_invoice)

    @rule(which=NUMBERS)
    def pay(self, which: int) -> None:
        self.shop.pay(which)

    @rule(which=NUMBERS, how=st.sampled_from(CHANGES))
    def change(self, which: int, how: Callable[..., dict[str, object]]) -> None:
        self.shop.change(which, how)

    @rule(days=st.sampled_from([1, 5, 8, 31]))
    def pass_time(self, days: int) -> None:
        self.deployment.pass_time(timedelta(days=days))
        self.shop.now = self.deployment.now

    @rule(days=st.sampled_from([None, 10]), bundle=st.booleans())
    def remap(self, days: int | None, *, bundle: bool) -> None:
        self.settle()
        courses = ["rust", "python"] if bundle else ["rust"]
        given = {course: KINDS[course] for course in courses}
        self.deployment.map_price("pri_unmapped", given, days)
        self.oracle.record([], self.deployment.offers)

    @rule(which=NUMBERS)
    def replay(self, which: int) -> None:
        self.settle()
        self.deployment.replay(which)

    @rule(random=st.randoms(use_true_random=False), most=st.integers(1, 40))
    def deliver(self, random: "object", most: int) -> None:
        random.shuffle(self.shop.pool)  # type: ignore[attr-defined]
        now, self.shop.pool = self.shop.pool[:most], self.shop.pool[most:]
        self.oracle.record(self.deployment.deliver(now), self.deployment.offers)
        self.settle()

    @rule()
    def deliver_all(self) -> None:
        now, self.shop.pool = self.shop.pool, []
        for start in range(0, len(now), 100):
            batch = now[start : start + 100]
            self.oracle.record(self.deployment.deliver(batch), self.deployment.offers)
            self.settle()

    def settle(self) -> None:
        self.deployment.work()
        expected = self.oracle.enrollments(self.deployment.offers, self.deployment.now)
        assert self.deployment.has() == expected
        assert self.deployment.wrong() == {}

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.deliver_all()
            self.deployment.work()
            assert_marked_is_what_waits(self.deployment.engine)


@pytest.fixture
def deployment(
    postgres: Postgres, configured: Callable[..., Settings], celery_app: object
) -> Iterator[Deployment]:
    """A database of its own, whose clock can be moved."""
    del celery_app
    with opened(postgres, configured, "histories", GRACE) as made:
        yield made


def test_any_history_ends_as_the_fold_says(deployment: Deployment) -> None:
    class OfThis(Histories):
        pass

    OfThis.deployment = deployment
    bounds = settings(
        max_examples=max(1, STEPS // LONGEST),
        stateful_step_count=LONGEST,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    # Rendering a traceback takes seconds, and what fails is tried a hundred times.
    with capture_logs():
        run_state_machine_as_test(OfThis, settings=bounds)
