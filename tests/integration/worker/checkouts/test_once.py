"""One reference is one transaction, and no other: whoever else makes some, and when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from tests.factories import make_due, one, rows
from tests.integration.worker.checkouts.conftest import SECRET, Shop
from tests.opening import (
    PRICE,
    execute,
    lost,
    never_sent,
    post,
    recover,
    settle,
    wish,
)
from worker.channels.sending import DELIVERY_SECONDS
from worker.checkouts.create import create
from worker.checkouts.opening import LONGEST_TRY, SETTLED
from worker.checkouts.wish import CheckoutBusyError, CheckoutWaitsError, Wish
from worker.learner_token import sign
from worker.providers.checkouts import Opened, Sale, Sought
from worker.providers.errors import ApiDownError
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.work_tables import CHECKOUTS

OPENED = "SELECT transaction_id FROM checkouts"
find: Callable[[PaddleCheckouts, Sought], Opened | None] = PaddleCheckouts.find_opened


def signed(
    user: str = "user-42", environment: str = "local", secret: str = SECRET
) -> str:
    return sign(user, environment, secret, timedelta(days=30), datetime.now(UTC))


def given_up(shop: Shop, what: Wish, opens: Callable[..., Opened] = lost) -> None:
    """Ask, hear nothing, and find nothing."""
    with (
        patch.object(PaddleCheckouts, "open", opens),
        patch.object(PaddleCheckouts, "find_opened", return_value=None),
        pytest.raises(CheckoutWaitsError),
    ):
        create(shop.engine, shop.config, what)


def sold_by_another(shop: Shop, quantity: int = 1, **data: str) -> str:
    given = {
        "items": [{"price_id": PRICE, "quantity": quantity}],
        "custom_data": {"reference": "order-17", **data},
    }
    answer = shop.api.post("/transactions", json=given)
    return str(answer.raise_for_status().json()["data"]["id"])


FOREIGN: dict[str, Callable[[], dict[str, Any]]] = {
    "secret": lambda: {"learner": signed(secret="another secret of 32 characters!")},
    "owner": lambda: {"learner": signed(user="user-7")},
    "environment": lambda: {"learner": signed(environment="sandbox")},
    "unsigned": lambda: {"learner": "user-42"},
    "nobody": dict,
    "reference": lambda: {"learner": signed(), "reference": "order-18"},
    "quantity": lambda: {"learner": signed(), "quantity": 2},
}


@pytest.mark.parametrize("of", FOREIGN)
def test_what_somebody_else_opened_under_the_reference_is_not_ours(
    of: str, shop: Shop
) -> None:
    foreign = sold_by_another(shop, **FOREIGN[of]())

    with patch.object(PaddleCheckouts, "open", lost):
        opened = create(shop.engine, shop.config, wish())

    assert [sold["id"] for sold in shop.transactions()] == [
        foreign,
        opened.transaction_id,
    ]


@pytest.mark.parametrize("of", FOREIGN)
def test_what_is_somebody_else_s_does_not_stand_for_what_never_left(
    of: str, shop: Shop
) -> None:
    foreign = sold_by_another(shop, **FOREIGN[of]())
    given_up(shop, wish(), never_sent)
    settle(shop.engine)

    assert recover(shop.engine, shop.config) == "1 opened"

    assert one(shop.engine, OPENED) != foreign
    assert len(shop.transactions()) == 2


def test_without_the_secret_that_tells_ours_nothing_is_concluded(shop: Shop) -> None:
    given_up(shop, wish())
    settle(shop.engine)
    bare = shop.config.model_copy(update={"learner_secrets": ()})
    assert recover(shop.engine, bare).startswith("1 retry in ")
    make_due(shop.engine, CHECKOUTS)

    assert recover(shop.engine, shop.config) == "1 opened"

    assert [sold["id"] for sold in shop.transactions()] == [one(shop.engine, OPENED)]


@pytest.mark.parametrize("differ", ["-3 h", "3 h"])
def test_clocks_that_differ_by_hours_do_not_hide_what_a_customer_has(
    differ: str, shop: Shop
) -> None:
    given_up(shop, wish(email="ada@example.com"))
    make_due(shop.engine, CHECKOUTS)
    moved = f"UPDATE checkouts SET posted_at = posted_at + interval '{differ}'"
    execute(shop.engine, moved)

    assert recover(shop.engine, shop.config) == "1 opened"

    assert [sold["id"] for sold in shop.transactions()] == [one(shop.engine, OPENED)]


def test_what_one_row_runs_into_behind_an_answer_holds_up_no_other(shop: Shop) -> None:
    for reference in ("order-17", "order-18"):
        given_up(shop, wish(reference=reference), never_sent)
    settle(shop.engine)
    met: list[Sought] = []

    def endless(api: PaddleCheckouts, sought: Sought) -> Opened | None:
        found = find(api, sought)
        met.append(sought)
        if len(met) == 1:
            raise ApiDownError("the pages of /transactions do not end")
        return found

    with patch.object(PaddleCheckouts, "find_opened", endless):
        assert recover(shop.engine, shop.config).startswith("1 opened, 1 retry in ")

    told = "SELECT state FROM checkouts ORDER BY id"
    assert rows(shop.engine, told) == [("pending",), ("opened",)]


def test_nothing_can_arrive_after_it_was_taken_for_lost(shop: Shop) -> None:
    patient = shop.config.model_copy(update={"soft_limit_seconds": 600})
    left: list[float] = []

    def watched(api: PaddleCheckouts, sale: Sale) -> Opened:
        account = vars(vars(api)["_asker"])["_account"]
        left.append(account.gate.deadline.left())
        return post(api, sale)

    with patch.object(PaddleCheckouts, "open", watched):
        create(shop.engine, patient, wish())

    (seconds,) = left
    assert seconds <= LONGEST_TRY.total_seconds()
    assert timedelta(seconds=DELIVERY_SECONDS) + LONGEST_TRY < SETTLED


def test_one_that_was_opened_too_late_to_be_noted_is_named(shop: Shop) -> None:
    taken = "UPDATE checkouts SET lease_token = gen_random_uuid()"

    def frozen(api: PaddleCheckouts, sale: Sale) -> Opened:
        opened = post(api, sale)
        execute(shop.engine, taken)
        return opened

    with (
        capture_logs() as logs,
        patch.object(PaddleCheckouts, "open", frozen),
        pytest.raises(CheckoutBusyError),
    ):
        create(shop.engine, shop.config, wish(), patience=0)

    (sold,) = shop.transactions()
    (line,) = [line for line in logs if line["event"] == "checkout_not_noted"]
    assert (line["log_level"], line["transaction"]) == ("error", sold["id"])
