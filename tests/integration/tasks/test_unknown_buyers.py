"""Who is asked for, and how many at a time."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tasks.release import release
from tests.factories import one, rows
from tests.fetching import ask, bought, customer, tell
from tests.fixtures.answering import Answering
from tests.purchases import (
    transaction,
)
from worker.settings import Settings

FETCHES = "SELECT state, customer_id FROM customer_fetches ORDER BY customer_id"


def test_without_a_key_nobody_is_asked_for(
    core: Engine, configured: Callable[..., Settings], answering: Answering
) -> None:
    configured(paddle_api_url=answering.url)
    tell(core, bought())

    assert release() == "nothing parked can be released"
    assert rows(core, FETCHES) == []
    assert one(core, "SELECT count(*) FROM parked") == 1


def test_who_has_waited_for_a_moment_only_is_not_asked_for_yet(asking: Engine) -> None:
    tell(asking, bought())
    with asking.begin() as connection:
        connection.execute(text("UPDATE transactions SET waits_since = now()"))

    assert release() == "nothing parked can be released"
    assert rows(asking, FETCHES) == []


def test_few_are_asked_for_at_a_time_and_the_longest_waiting_first(
    asking: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.fetching.MOST_WAITING", 2)
    tell(asking, bought(1), bought(2), bought(3))
    with asking.begin() as connection:
        connection.execute(
            text("""
            UPDATE transactions SET waits_since = now() - interval '1 h'
            WHERE customer_id LIKE '%3'
            """)
        )
        connection.execute(
            text("""
            UPDATE transactions SET waits_since = now() - interval '1 min'
            WHERE customer_id NOT LIKE '%3'
            """)
        )

    release()
    first = [customer_id[-1] for _, customer_id in rows(asking, FETCHES)]
    release()
    assert one(asking, "SELECT count(*) FROM customer_fetches") == 2
    ask(asking)
    release()

    assert first == ["1", "3"]
    assert one(asking, "SELECT count(*) FROM customer_fetches") == 3


def test_a_buyer_who_waits_for_a_price_alone_is_not_asked_for(asking: Engine) -> None:
    tell(asking, customer(), transaction("transaction.completed", None))

    assert one(asking, "SELECT reason FROM parked") == "unknown price"
    release()
    assert rows(asking, FETCHES) == []


def test_who_waits_for_a_subscription_is_asked_for_too(asking: Engine) -> None:
    with asking.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO subscriptions (provider, id, customer_id, waits_since)
            VALUES ('paddle', 'sub_1', 'ctm_1', now() - interval '1 h'),
                   ('paddle', 'sub_2', 'ctm_1', now() - interval '1 h')
            """)
        )

    release()

    assert rows(asking, FETCHES) == [("pending", "ctm_1")]
