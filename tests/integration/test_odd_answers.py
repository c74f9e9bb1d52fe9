"""Whole runs against a provider whose second page is odd: put off, never wrong.

The task and the real client, over HTTP. The same single answers, one by one:
``tests/unit/worker/providers/paddle/test_pages.py``.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from celery.exceptions import Retry
from sqlalchemy import Engine

from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tasks.reconcile import reconcile
from tasks.record import record
from tests.crooked import Crooked, Door, Page, cut, html, told
from tests.factories import make_due, one, rows
from tests.fetching import customer, let_ask, tell
from tests.fixtures.answering import KEY, Answering, reply
from tests.integration.tasks.conftest import TIMES
from tests.purchases import Body, renamed, transaction
from tests.reconciling import cursor, event, place_cursor
from tests.reconciling_objects import Shelf
from worker.providers.api import ApiList
from worker.reconciliation import plan
from worker.reconciliation.list_end import EMPTY
from worker.settings import Settings
from worker.work_tables import RUNS

BUYERS = 4
RUN = """
SELECT state, stage, reason, found, healed FROM reconciliation_runs ORDER BY id DESC
LIMIT 1
"""
DUE = "SELECT next_attempt_at FROM reconciliation_runs"
LAST_ERROR = "SELECT last_error FROM reconciliation_runs"
OPEN = "SELECT count(*) FROM findings WHERE state = 'open'"
ACCESS = """
SELECT count(*), count(DISTINCT learner_id), max(version) FROM enrollments
WHERE state = 'active'
"""


def _older(page: Page) -> dict[str, Any]:
    """Return an entity in front of the one behind which the page should begin."""
    key = "event_id" if "event_id" in page["data"][0] else "id"
    return {**page["data"][0], key: page["data"][0][key][:4]}


def _repeat(request: BaseHTTPRequestHandler, page: Page) -> None:
    reply(request, 200, {**page, "data": [_older(page), *page["data"]]})


def _jump_back(request: BaseHTTPRequestHandler, page: Page) -> None:
    reply(request, 200, {**page, "data": [*page["data"], _older(page)]})


def _loop(request: BaseHTTPRequestHandler, page: Page) -> None:
    here = request.path.rpartition("after=")[2]
    odd = told({**page, "data": []}, has_more=True, next=f"http://x/?after={here}")
    reply(request, 200, odd)


def _forbidden(request: BaseHTTPRequestHandler, _: Page) -> None:
    detail = "not permitted: needs the permission some_thing.read"
    reply(request, 403, {"error": {"code": "forbidden", "detail": detail}})


def _silent(request: BaseHTTPRequestHandler, _: Page) -> None:
    time.sleep(1.5)
    request.close_connection = True


def _busy(request: BaseHTTPRequestHandler, _: Page) -> None:
    reply(request, 429, {"error": {"code": "too_many_requests"}})


def _busy_for_half_a_minute(request: BaseHTTPRequestHandler, _: Page) -> None:
    reply(request, 429, {"error": {"code": "too_many_requests"}}, retry_after="30")


def _numbered(request: BaseHTTPRequestHandler, page: Page) -> None:
    data = [{**entity, "id": 1, "event_id": 1} for entity in page["data"]]
    reply(request, 200, {**page, "data": data})


#: What comes instead of the second page, and what is said of it.
CONTRADICTIONS: dict[str, tuple[Crooked, str]] = {
    "repeats": (_repeat, "do not go forward"),
    "jumps back": (_jump_back, "do not go forward"),
    "loops": (_loop, "do not end"),
}
#: The same, and what the run then waits for.
ODD: dict[str, tuple[Crooked, str]] = {
    "500 with HTML": (lambda r, _: html(r, 500), "answered 500"),
    "200 with HTML": (lambda r, _: html(r, 200), "something else"),
    "cut half-way": (cut, "no answer"),
    "403": (_forbidden, "some_thing.read"),
    "another envelope": (lambda r, p: reply(r, 200, {"items": p["data"]}), "something"),
    "ids are numbers": (_numbered, "something else"),
    "429 with Retry-After": (_busy_for_half_a_minute, "answered 429"),
    "429 without": (_busy, "answered 429"),
}


class Paddle:
    """A provider behind a door, and one run that asks it."""

    def __init__(self, engine: Engine, answering: Answering, kind: RunKind) -> None:
        self.engine, self.kind, self.answering = engine, kind, answering
        self.settings: dict[str, Any] = {}
        bought = [_bought(number) for number in range(1, BUYERS + 1)]
        self.shelf = Shelf(*bought)
        self.shelf.page_size = 2
        listed = [event(n, 60 - n, body) for n, body in enumerate(bought, 1)]
        events = {one["event_id"]: one for one in [event(0, 60), *listed]}
        self.shelf.entities[ApiList.EVENTS] = events
        place_cursor(engine, "evt_0000")
        begin = "evt_0000" if kind is RunKind.EVENTS else ""
        self.door = Door(self.shelf, kind.value, begin)
        answering.answer = self.door

    def start(self) -> None:
        """Begin a run."""
        scope = RunScope.RECENT if self.kind is RunKind.EVENTS else RunScope.ALL
        with self.engine.begin() as connection:
            plan.start(connection, "paddle", self.kind, scope, asked_by="ada")

    def work(self) -> bool:
        """Run the task once, whatever was to be waited for; whether it put off."""
        make_due(self.engine, RUNS)
        try:
            reconcile([], 1)
        except Retry:
            return True
        return False

    def meet(self, crooked: Crooked) -> None:
        """Run the task until it has been put off by what comes instead of a page."""
        self.door.crooked = crooked
        met = self.door.met
        for _ in range(20):
            let_ask(self.engine)
            if self.work() and self.door.met > met:
                return
        raise AssertionError("it is never asked for")

    def finish(self) -> tuple[Any, ...]:
        """Go on to the end; how the run ended."""
        for _ in range(20):
            let_ask(self.engine)
            self.work()
            record([], 1)
            activate([], 1)
            (ended,) = rows(self.engine, RUN)
            if ended[0] != "pending":
                return ended
        raise AssertionError("it does not end")

    def pages(self) -> int:
        """Return how many pages it was asked for."""
        return self.door.asked[f"/{self.kind}"]


def _buyer(number: int) -> Body:
    """Return the event of a buyer, from before the cursor."""
    return customer(number) | {"event_id": f"evt_0000_{number}"}


def _bought(number: int) -> Body:
    return renamed(transaction("transaction.completed"), str(number))


@pytest.fixture(params=[RunKind.EVENTS, RunKind.TRANSACTIONS])
def paddle(
    request: pytest.FixtureRequest,
    core: Engine,
    configured: Callable[..., Settings],
    answering: Answering,
) -> Paddle:
    asking = {
        "paddle_api_url": answering.url,
        "paddle_api_key": KEY,
        "paddle_requests_per_minute": 10_000,
    }
    configured(**asking)
    tell(core, *(_buyer(number) for number in range(1, BUYERS + 1)))
    made = Paddle(core, answering, request.param)
    made.settings = asking
    made.start()
    return made


def assert_whole(paddle: Paddle, last: int = BUYERS) -> None:
    """Everything came, once; the cursor stands at the last, or where it is told."""
    assert rows(paddle.engine, ACCESS) == [(BUYERS, BUYERS, 1)]
    assert one(paddle.engine, "SELECT count(*) FROM inbox") == 2 * BUYERS
    assert one(paddle.engine, "SELECT count(*) FROM dead_letters") == 0
    if paddle.kind is RunKind.EVENTS:
        assert cursor(paddle.engine) == f"evt_{last:04}"


def test_a_run_waits_where_it_is_and_ends_when_the_answers_are_right(
    paddle: Paddle,
) -> None:
    for odd, (crooked, words) in ODD.items():
        paddle.meet(crooked)
        assert rows(paddle.engine, RUN)[0][:4] == ("pending", "walk", None, 2), odd
        assert words in one(paddle.engine, LAST_ERROR), odd
    if paddle.kind is RunKind.EVENTS:
        assert cursor(paddle.engine) == "evt_0002"

    paddle.door.crooked = None
    assert paddle.finish() == ("complete", "heal", None, BUYERS, BUYERS)
    assert_whole(paddle)


@pytest.mark.parametrize("paddle", [RunKind.EVENTS], indirect=True)
def test_a_list_of_events_that_contradicts_itself_is_not_gone_past(
    paddle: Paddle,
) -> None:
    for crooked, words in CONTRADICTIONS.values():
        paddle.meet(crooked)
        assert words in one(paddle.engine, LAST_ERROR)
        assert cursor(paddle.engine) == "evt_0002"

    paddle.door.crooked = None
    assert paddle.finish()[0] == "complete"
    assert_whole(paddle)


@pytest.mark.parametrize("paddle", [RunKind.TRANSACTIONS], indirect=True)
def test_a_list_of_objects_that_contradicts_itself_is_never_taken_for_whole(
    paddle: Paddle,
) -> None:
    for crooked, words in CONTRADICTIONS.values():
        paddle.door.crooked = crooked
        state, _, reason, *_ = paddle.finish()
        assert state == "partial"
        assert words in reason
        assert one(paddle.engine, OPEN) == 0
        paddle.start()

    paddle.door.crooked = None
    assert paddle.finish() == ("complete", "heal", None, BUYERS - 2, BUYERS - 2)
    assert_whole(paddle)


def test_a_run_that_gets_no_answer_in_time_waits_where_it_is(
    paddle: Paddle, configured: Callable[..., Settings]
) -> None:
    configured(**paddle.settings, **TIMES)

    paddle.meet(_silent)

    assert rows(paddle.engine, RUN)[0][:4] == ("pending", "walk", None, 2)
    assert "no answer" in one(paddle.engine, LAST_ERROR)
    paddle.door.crooked = None
    assert paddle.finish() == ("complete", "heal", None, BUYERS, BUYERS)
    assert_whole(paddle)


def test_a_run_that_is_told_to_wait_does_and_so_do_all_others(paddle: Paddle) -> None:
    for busy, seconds in ((_busy_for_half_a_minute, 30), (_busy, 60)):
        pause = timedelta(seconds=seconds)
        before = one(paddle.engine, "SELECT clock_timestamp()")
        paddle.meet(busy)
        after = one(paddle.engine, "SELECT clock_timestamp()")
        ends = one(paddle.engine, "SELECT paused_until FROM provider_budgets")
        assert before + pause <= ends <= after + pause
        assert one(paddle.engine, DUE) >= ends

    with paddle.engine.begin() as connection:
        other = RunKind.CUSTOMERS
        plan.start(connection, "paddle", other, RunScope.ALL, asked_by="ada")
    asked = paddle.door.asked.total()
    paddle.work()
    assert paddle.door.asked.total() == asked


def test_a_provider_that_is_down_is_left_alone_after_five_tries(paddle: Paddle) -> None:
    paddle.door.crooked = lambda request, _: html(request, 500)
    for _ in range(10):
        paddle.work()
    assert paddle.pages() == 1 + 5
    assert rows(paddle.engine, RUN)[0][:4] == ("pending", "walk", None, 2)

    paddle.door.crooked = None
    assert paddle.finish() == ("complete", "heal", None, BUYERS, BUYERS)
    assert_whole(paddle)


def test_an_empty_page_in_the_middle_is_gone_past(paddle: Paddle) -> None:
    def empty(request: BaseHTTPRequestHandler, page: Page) -> None:
        paddle.door.crooked = None
        here = request.path.rpartition("after=")[2]
        # Behind what was asked for, and before what comes next.
        goes_on = f"http://x/?after={here}a"
        reply(request, 200, told({**page, "data": []}, has_more=True, next=goes_on))

    paddle.door.crooked = empty
    state, _, reason, *counts = paddle.finish()

    assert (state, reason) == ("partial", EMPTY)
    assert counts == [BUYERS, BUYERS]
    assert_whole(paddle, last=2)
    if paddle.kind is RunKind.EVENTS:
        paddle.start()
        assert paddle.finish() == ("complete", "heal", None, 0, 0)
        assert_whole(paddle)


def test_what_a_page_skips_is_not_taken_for_missing_and_comes_with_the_next_run(
    paddle: Paddle,
) -> None:
    def skip(request: BaseHTTPRequestHandler, page: Page) -> None:
        reply(request, 200, {**page, "data": page["data"][1:]})

    paddle.door.crooked = skip
    _, _, _, found, healed = paddle.finish()
    assert found == healed == BUYERS - 1
    assert one(paddle.engine, OPEN) == 0

    paddle.door.crooked = None
    paddle.kind = RunKind.TRANSACTIONS
    paddle.start()
    assert paddle.finish() == ("complete", "heal", None, 1, 1)
    assert rows(paddle.engine, ACCESS) == [(BUYERS, BUYERS, 1)]


def test_what_we_have_and_a_page_skips_is_not_called_missing(paddle: Paddle) -> None:
    paddle.finish()
    paddle.kind = RunKind.TRANSACTIONS
    paddle.door = Door(paddle.shelf, "transactions")
    paddle.answering.answer = paddle.door
    paddle.door.crooked = None
    paddle.start()
    paddle.finish()

    paddle.door = Door(paddle.shelf, "transactions", "txn_")
    paddle.answering.answer = paddle.door
    paddle.door.crooked = lambda request, page: reply(
        request, 200, {**page, "data": page["data"][1:]}
    )
    paddle.start()
    assert paddle.finish()[0] == "partial"
    assert one(paddle.engine, OPEN) == 0
