"""``customers.fetch`` with an API that is busy, away, silent or says no."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from sqlalchemy import Engine, text

from tasks.fetch import fetch
from tasks.release import release
from tests.factories import one, rows
from tests.fetching import ask, bought, customer, tell
from tests.fixtures.answering import KEY, Answering, reply
from tests.purchases import (
    CUSTOMER,
    LINE_TOTAL,
)
from worker.alerts.refused import Refused
from worker.alerts.stakes import Stakes
from worker.outcome import DeadLettered
from worker.settings import Settings, settings

FETCH = "SELECT state, failures, last_error FROM customer_fetches"
#: Somebody has watched all the time: what is old counts as old.
WATCHED = """
INSERT INTO heartbeats VALUES ('alerts.watch', now(), now() - interval '9 days')
"""


def test_while_the_api_is_busy_nobody_asks_and_nothing_is_counted(
    asking: Engine, answering: Answering
) -> None:
    refusal = {"error": {"code": "too_many_requests"}}
    answering.answer = lambda request: reply(request, 429, refusal, retry_after="90")
    tell(asking, bought(1), bought(2), bought(3))
    release()

    assert "3 retry" in ask(asking)

    # The first was told to wait, and the others took its word.
    assert len(answering.asked) == 1
    assert rows(asking, FETCH) == [
        ("pending", 0, "ApiBusyError: answered 429 (too_many_requests)")
    ] * 3  # fmt: skip
    waits = (
        "SELECT min(next_attempt_at - now()) > interval '80 s' FROM customer_fetches"
    )
    assert one(asking, waits)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "forbidden", "lacks the permission customer.read"),
        (403, "invalid_token", "is not believed (invalid_token)"),
        (500, "internal_error", "ApiDownError: answered 500 (internal_error)"),
    ],
)
def test_what_is_not_the_rows_fault_never_kills_it(
    asking: Engine, answering: Answering, status: int, code: str, said: str
) -> None:
    problem = {"error": {"code": code, "detail": f"not with {KEY}"}}
    answering.answer = lambda request: reply(request, status, problem)
    tell(asking, bought())
    release()

    for _ in range(settings().retry_limit + 2):
        assert "1 retry" in ask(asking)

    ((state, failures, error),) = rows(asking, FETCH)
    assert (state, failures) == ("pending", 0)
    assert said in error
    assert KEY not in str(rows(asking, "SELECT * FROM attempts")) + error
    longest = (
        "SELECT max(next_attempt_at - now()) <= interval '6 min' FROM customer_fetches"
    )
    assert one(asking, longest)

    answering.answer = None
    answering.know(customer())
    assert ask(asking) == "1 fetched"


def test_a_no_for_good_is_a_dead_letter(asking: Engine, answering: Answering) -> None:
    problem = {"error": {"code": "invalid_field"}}
    answering.answer = lambda request: reply(request, 400, problem)
    tell(asking, bought())
    release()

    with pytest.raises(DeadLettered, match="1 dead"):
        fetch([], 1)
    assert rows(asking, "SELECT work_table, error FROM dead_letters") == [
        ("customer_fetches", "answered 400 (invalid_field)")
    ]


def test_an_answer_that_is_no_customer_is_a_dead_letter(
    asking: Engine, answering: Answering
) -> None:
    answering.customers[CUSTOMER] = {"id": CUSTOMER}
    tell(asking, bought())
    release()

    with pytest.raises(DeadLettered, match="1 dead"):
        fetch([], 1)
    assert one(asking, "SELECT count(*) FROM inbox WHERE event_id LIKE 'pw_%'") == 0


def test_an_api_that_says_nothing_is_given_up_in_time(
    asking: Engine, answering: Answering, configured: Callable[..., Settings]
) -> None:
    def hang(_: BaseHTTPRequestHandler) -> None:
        answering.over.wait(60)

    answering.answer = hang
    configured(
        paddle_api_url=answering.url,
        paddle_api_key=KEY,
        lock_timeout_seconds=1,
        statement_timeout_seconds=2,
        soft_limit_seconds=2.5,
        hard_limit_seconds=3,
        lease_seconds=4,
    )
    tell(asking, bought())
    release()

    assert "1 retry" in ask(asking)
    assert one(asking, "SELECT last_error FROM customer_fetches").startswith(
        "ApiDownError: no answer: "
    )


def test_rows_that_a_lost_key_left_behind_wait_for_one(
    asking: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(asking, bought())
    release()
    monkeypatch.delenv("PADDLE_API_KEY")
    settings.cache_clear()

    assert "1 retry" in ask(asking)
    assert rows(asking, FETCH) == [
        ("pending", 0, "ApiRefusedError: there is no key for the provider's API")
    ]


def test_an_api_that_says_no_for_long_is_told_of_with_whom_it_holds_up(
    asking: Engine, answering: Answering
) -> None:
    problem = {"error": {"code": "forbidden"}}
    answering.answer = lambda request: reply(request, 403, problem)
    tell(asking, bought(1), bought(2))
    release()
    ask(asking)
    with asking.begin() as connection:
        connection.execute(text(WATCHED))
        connection.execute(
            text("UPDATE customer_fetches SET pending_since = now() - interval '1 h'")
        )
        condition = Refused()
        (finding,) = condition.look(connection, settings())
        stakes = condition.stakes(connection, finding.subject)

    assert finding.summary.startswith(
        "The provider's API does not say who has paid: 2 rows waiting, last:"
        " ApiRefusedError: PADDLE_API_KEY lacks the permission customer.read"
    )
    assert stakes == Stakes(learners=2, money={"USD": 2 * LINE_TOTAL})
