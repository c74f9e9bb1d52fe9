"""What nobody expected: an error of ours, and a database that goes away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
import pytest
from sqlalchemy import text

from tests.factories import one, rows
from tests.integration.worker.checkouts.conftest import Shop
from tests.opening import PRICE, STATES, post, recover, settle, wish
from worker import budget, drain
from worker.budget import Budget
from worker.checkouts.create import create
from worker.checkouts.create_checkout import create_checkout
from worker.checkouts.wish import CheckoutWaitsError
from worker.providers.checkouts import Buyer, Opened, Sale
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.servers.postgres import Postgres
from worker.work_tables import CHECKOUTS

REFERENCES = ("order-17", "order-18")
#: Instead of noting that the provider answered.
TERMINATE = text("SELECT pg_terminate_backend(pg_backend_pid())")
leave: Callable[[Budget, Exception | None], None] = Budget.leave


def ask() -> Opened:
    return create_checkout([PRICE], "user-42", None, None, "order-17")


def broken(self: PaddleCheckouts, sale: Sale) -> Opened:
    """Open every checkout but the first one."""
    if sale.custom_data["reference"] == REFERENCES[0]:
        raise ValueError("ada@example.com")
    return post(self, sale)


def test_one_that_nobody_expected_holds_up_nobody_and_ends_as_a_dead_letter(
    shop: Shop,
) -> None:
    shop.control.post("dashboard", {"default_payment_link": None})
    for reference in REFERENCES:
        with pytest.raises(CheckoutWaitsError):
            create(shop.engine, shop.config, wish(reference=reference))
    shop.control.post("dashboard", {"default_payment_link": "https://shop.example/"})
    settle(shop.engine)

    with patch.object(PaddleCheckouts, "open", broken):
        told = recover(shop.engine, shop.config)
        assert told.startswith("1 opened, 1 retry in ")
        for _ in range(CHECKOUTS.policy(shop.config).limit - 1):
            assert rows(shop.engine, f"{STATES} ORDER BY id")[0] == ("pending", None)
            settle(shop.engine)
            told = recover(shop.engine, shop.config)

    assert told.startswith("1 dead (checkouts ")
    assert rows(shop.engine, "SELECT reference, state FROM checkouts ORDER BY id") == [
        ("order-17", "dead"),
        ("order-18", "opened"),
    ]
    letters = "SELECT state, error_class, error FROM dead_letters"
    ((state, kind, words),) = rows(shop.engine, letters)
    assert (state, kind) == ("open", "ValueError")
    assert "ada@" not in words


def test_a_connection_that_is_lost_after_the_answer_makes_no_second_one(
    shop: Shop,
) -> None:
    with (
        patch.object(budget, "_ANSWERED", TERMINATE),
        pytest.raises(CheckoutWaitsError, match="57P01") as raised,
    ):
        ask()
    assert raised.value.buyer == Buyer.SOON

    opened = ask()

    assert [sold["id"] for sold in shop.transactions()] == [opened.transaction_id]


def test_a_database_that_stays_away_is_told_in_two_sentences(
    shop: Shop, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "VERDICT_WAITS_SECONDS", (0.0,))
    with away(postgres), pytest.raises(CheckoutWaitsError) as raised:
        ask()

    assert "database does not answer" in str(raised.value)
    assert "same reference" in str(raised.value)
    assert raised.value.buyer == Buyer.SOON
    assert len(shop.transactions()) == 1
    opened = ask()
    assert [sold["id"] for sold in shop.transactions()] == [opened.transaction_id]
    assert one(shop.engine, "SELECT crashes FROM checkouts") == 0


@contextmanager
def away(server: Postgres) -> Iterator[None]:
    """Once the provider has answered, end all sessions and let nobody in."""
    name = "test"
    allow = f"ALTER DATABASE {name} ALLOW_CONNECTIONS"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:

        def gone(self: Budget, error: Exception | None) -> None:
            connection.execute(f"{allow} false")
            connection.execute(end)
            leave(self, error)

        try:
            with patch.object(Budget, "leave", gone):
                yield
        finally:
            connection.execute(f"{allow} true")
