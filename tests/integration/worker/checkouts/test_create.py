"""Checkouts are opened once for each reference, whatever is lost on the way."""

import threading
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from tasks.create import create as create_task
from tests.factories import add_line, one, rows
from tests.integration.worker.checkouts.conftest import SECRET, Shop
from tests.opening import PRICE, WISH, execute, lost, never_sent, post, wish
from worker import database
from worker.checkouts.create import create
from worker.checkouts.wish import (
    CheckoutBusyError,
    CheckoutError,
    CheckoutWaitsError,
)
from worker.cli.checkout import group
from worker.learner_token import check
from worker.providers.checkouts import Opened, Sale
from worker.providers.errors import ApiError
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.providers.paddle.create_checkout import create_checkout

STATES = "SELECT state FROM checkouts"


def overtaken(self: PaddleCheckouts, sale: Sale) -> Opened:
    """Post, so slowly that somebody else takes the row."""
    with database.engine().begin() as connection:
        connection.exec_driver_sql(
            "UPDATE checkouts SET lease_token = gen_random_uuid()"
        )
    return post(self, sale)


def test_a_checkout_is_opened_for_a_known_learner(shop: Shop) -> None:
    opened = create(shop.engine, shop.config, WISH)

    (sold,) = shop.transactions()
    assert opened == Opened(sold["id"], sold["checkout"]["url"])
    assert sold["custom_data"]["reference"] == "order-17"
    token = sold["custom_data"]["learner"]
    claim = check(token, "local", [SECRET], datetime.now(UTC), unsigned_allowed=False)
    assert claim.user_id == "user-42"
    customer = shop.paddle.store.get("customer", sold["customer_id"])
    assert customer is not None
    assert customer["email"] == "ada@example.com"
    assert rows(
        shop.engine,
        "SELECT reference, owner, state, transaction_id, checkout_url, problem"
        " FROM opened_checkouts",
    ) == [("order-17", "user-42", "opened", opened.transaction_id, opened.url, None)]
    assert one(shop.engine, "SELECT email FROM checkouts") is None


def test_asked_again_it_is_the_same_checkout(shop: Shop) -> None:
    first = create(shop.engine, shop.config, WISH)

    assert create(shop.engine, shop.config, WISH) == first
    assert len(shop.transactions()) == 1


def test_a_known_customer_is_found_whatever_the_case(shop: Shop) -> None:
    given = {"email": "Ada@Example.com"}
    known = shop.api.post("/customers", json=given).json()["data"]

    create(shop.engine, shop.config, WISH)

    assert shop.transactions()[0]["customer_id"] == known["id"]
    assert len(shop.paddle.store.all("customer")) == 1


def test_a_discount_is_found_by_its_code(shop: Shop) -> None:
    made = shop.control.post(
        "discount", {"type": "percentage", "amount": "10", "code": "SUMMER"}
    )

    create(shop.engine, shop.config, wish(discount_code="summer"))

    assert shop.transactions()[0]["discount_id"] == (
        made.get("discount_id") or made["id"]
    )


def test_a_time_out_after_success_makes_no_second_one(shop: Shop) -> None:
    with patch.object(PaddleCheckouts, "open", lost):
        opened = create(shop.engine, shop.config, WISH)

    assert [sold["id"] for sold in shop.transactions()] == [opened.transaction_id]
    assert create(shop.engine, shop.config, WISH) == opened


def test_two_at_once_with_one_reference_open_one(shop: Shop) -> None:
    opened: list[Opened] = []
    threads = [
        threading.Thread(
            target=lambda: opened.append(create(shop.engine, shop.config, WISH))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(opened) == 4
    assert {one.transaction_id for one in opened} == {
        sold["id"] for sold in shop.transactions()
    }
    assert len(shop.transactions()) == 1


@pytest.mark.parametrize(
    ("change", "developer", "buyer"),
    [
        ({"prices": [f"pri_{'0' * 26}"]}, "catalog sync", "cannot be bought"),
        ({"discount_code": "NONE"}, "no active discount", "discount code"),
        (
            {"return_url": "https://elsewhere.example/"},
            "on a domain that Paddle has not approved",
            "cannot be bought",
        ),
    ],
    ids=["price", "discount", "domain"],
)
def test_a_refusal_is_a_sentence_for_each(
    change: dict[str, object], developer: str, buyer: str, shop: Shop
) -> None:
    with pytest.raises(CheckoutError) as raised:
        create(shop.engine, shop.config, wish(**change))

    assert developer in str(raised.value)
    assert buyer in raised.value.buyer
    (told,) = rows(
        shop.engine, "SELECT state, problem, buyer_words FROM opened_checkouts"
    )
    assert told == ("refused", str(raised.value), raised.value.buyer)


@pytest.mark.parametrize(
    ("dashboard", "developer"),
    [
        (
            {"default_payment_link": None},
            "Set one under Checkout > Checkout settings, or name a `return_url`",
        ),
        ({"permissions": ["transaction.read"]}, "(forbidden: transaction.write)"),
    ],
    ids=["default", "permission"],
)
def test_what_a_person_has_to_mend_is_a_sentence_for_each_too_and_waits(
    dashboard: dict[str, object], developer: str, shop: Shop
) -> None:
    shop.control.post("dashboard", dashboard)

    with pytest.raises(CheckoutWaitsError) as raised:
        create(shop.engine, shop.config, wish())

    assert developer in str(raised.value)
    assert "cannot be bought" in raised.value.buyer
    (told,) = rows(
        shop.engine, "SELECT state, problem, buyer_words FROM opened_checkouts"
    )
    assert told == ("pending", str(raised.value), raised.value.buyer)


def test_what_was_refused_can_be_asked_for_otherwise(shop: Shop) -> None:
    with pytest.raises(CheckoutError):
        create(shop.engine, shop.config, wish(discount_code="NONE"))

    opened = create(shop.engine, shop.config, wish())

    assert opened.transaction_id == shop.transactions()[0]["id"]
    assert one(shop.engine, "SELECT problem FROM opened_checkouts") is None


@pytest.mark.parametrize("change", [{"learner_ref": "user-43"}, {"prices": {PRICE: 2}}])
def test_a_reference_is_of_one_order(change: dict[str, object], shop: Shop) -> None:
    create(shop.engine, shop.config, wish())

    with pytest.raises(CheckoutError, match="used for another order") as raised:
        create(shop.engine, shop.config, wish(**change))
    assert raised.value.buyer.startswith("This cannot be bought")

    assert len(shop.transactions()) == 1


def test_a_checkout_that_a_browser_opened_under_the_reference_is_not_taken(
    shop: Shop,
) -> None:
    shop.control.post(
        "purchase",
        {
            "email": "eve@example.com",
            "prices": [PRICE],
            "custom_data": {"reference": "order-17"},
            "until": "draft",
        },
    )
    with (
        patch.object(PaddleCheckouts, "open", never_sent),
        pytest.raises(CheckoutWaitsError),
    ):
        create(shop.engine, shop.config, wish())

    assert rows(shop.engine, STATES) == [("pending",)]


@pytest.mark.parametrize(
    "email",
    [
        "nobody",
        "a@b\0.example",
        "two words@b.example",
        "nobody@x.example,ada@example.com",
        "nobody,ada@example.com",
    ],
)
def test_a_mistyped_address_is_refused_in_the_row_before_anybody_is_asked(
    email: str, shop: Shop
) -> None:
    told = create_task([PRICE], "user-42", "order-17", email=email)

    assert told == "refused: the reason is in opened_checkouts"
    words = "SELECT state, problem, buyer_words FROM opened_checkouts"
    assert rows(shop.engine, words) == [
        (
            "refused",
            "The e-mail address is none.",
            "This e-mail address cannot be used. Please check it.",
        )
    ]
    assert shop.paddle.store.all("customer") == shop.transactions() == []
    # Typed anew it is the same order.
    assert create(shop.engine, shop.config, WISH).url


def test_what_no_row_can_tell_fails_in_flower(shop: Shop) -> None:
    opened = create(shop.engine, shop.config, wish())

    with pytest.raises(CheckoutError, match="used for another order"):
        create_task([PRICE], "user-43", "order-17")
    with pytest.raises(CheckoutError, match="no id of a price"):
        create_task(["price_1"], "user-43", "order-18")

    owned = "SELECT owner, transaction_id FROM opened_checkouts"
    assert rows(shop.engine, owned) == [("user-42", opened.transaction_id)]


def test_who_was_overtaken_is_told_to_ask_again(shop: Shop) -> None:
    with (
        patch.object(PaddleCheckouts, "open", overtaken),
        pytest.raises(CheckoutBusyError, match="ask again"),
    ):
        create(shop.engine, shop.config, WISH, patience=0)

    assert rows(shop.engine, STATES) == [("pending",)]


@pytest.mark.parametrize(("days", "is_refused"), [(28, 0), (29, 1)])
def test_an_address_is_handed_out_as_long_as_the_learner_in_it_is_believed(
    days: int, is_refused: int, shop: Shop
) -> None:
    opened = create(shop.engine, shop.config, WISH)
    execute(
        shop.engine, f"UPDATE checkouts SET posted_at = now() - interval '{days} d'"
    )

    if is_refused:
        with pytest.raises(CheckoutError, match="another reference"):
            create(shop.engine, shop.config, WISH)
    else:
        assert create(shop.engine, shop.config, WISH) == opened
    assert len(shop.transactions()) == 1


def test_the_task_opens_it_and_the_shop_reads_where(shop: Shop) -> None:
    told = create_task([PRICE], "user-42", "order-17", email="ada@example.com")

    (sold,) = shop.transactions()
    assert told == f"{sold['id']} opened"
    address = "SELECT checkout_url FROM opened_checkouts WHERE reference = 'order-17'"
    assert one(shop.engine, address) == sold["checkout"]["url"]


def test_the_task_leaves_a_refusal_in_the_view(shop: Shop) -> None:
    told = create_task([PRICE], "user-42", "order-17", discount_code="NONE")

    assert "opened_checkouts" in told
    assert one(shop.engine, "SELECT state FROM opened_checkouts") == "refused"


def test_a_shop_in_python_calls_one_function(shop: Shop) -> None:
    opened = create_checkout([PRICE], "user-42", None, None, "order-18")

    assert shop.transactions()[0]["id"] == opened.transaction_id


def test_the_command_prints_the_address(shop: Shop) -> None:
    words = ("create", "--price", f"{PRICE}=2", "--learner", "user-42")
    done = CliRunner().invoke(group, (*words, "--reference", "order-19"))

    (sold,) = shop.transactions()
    assert done.exception is None, done.output
    assert done.stdout.splitlines()[-1] == sold["checkout"]["url"]
    assert sold["items"][0]["quantity"] == 2


def test_the_command_says_what_is_wrong_to_both(shop: Shop) -> None:
    words = ("create", "--price", PRICE, "--learner", "user-42", "--discount", "NO")
    done = CliRunner().invoke(group, (*words, "--reference", "order-19"))

    assert "no active discount" in str(done.exception)
    assert "The buyer is told: This discount code" in str(done.exception)


def test_what_the_provider_wrote_stands_on_the_terminal_and_nowhere_else(
    shop: Shop,
) -> None:
    refused = ApiError(400, "invalid_field", "ada@example.com is no price")
    words = ("create", "--price", PRICE, "--learner", "user-42")
    with patch.object(PaddleCheckouts, "open", side_effect=refused):
        done = CliRunner().invoke(group, (*words, "--reference", "order-19"))
        with pytest.raises(CheckoutError) as raised:
            create(shop.engine, shop.config, wish())

    assert "The provider says: ada@example.com is no price" in str(done.exception)
    assert "ada@example.com" not in str(raised.value)
    told = rows(shop.engine, "SELECT to_jsonb(s)::text FROM checkouts s")
    assert len(told) == 2
    assert not [row for row in told if "ada@" in row[0]]


def test_without_a_secret_it_waits_for_one(shop: Shop) -> None:
    bare = shop.config.model_copy(update={"learner_secrets": ()})

    with pytest.raises(CheckoutWaitsError, match="LEARNER_SECRETS is not set"):
        create(shop.engine, bare, WISH)
    assert rows(shop.engine, STATES) == [("pending",)]
    assert shop.transactions() == shop.paddle.store.all("customer") == []

    assert create(shop.engine, shop.config, WISH).url


def test_the_share_of_opened_checkouts_is_told_by_price_and_day(shop: Shop) -> None:
    execute(
        shop.engine,
        "INSERT INTO transactions (provider, id, status, origin, opened_at) VALUES"
        " ('paddle', 'txn_1', 'completed', 'web', '2026-11-01 10:00Z'),"
        " ('paddle', 'txn_2', 'draft', 'api', '2026-11-01 23:59Z'),"
        " ('paddle', 'txn_3', 'paid', 'subscription_recurring', '2026-11-01 11:00Z')",
    )
    for name in ("txn_1", "txn_2", "txn_3"):
        add_line(shop.engine, name, "pri_a")

    told = rows(
        shop.engine, "SELECT day::text, price_id, opened, paid FROM checkout_conversion"
    )

    assert told == [("2026-11-01", "pri_a", 2, 1)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prices": []}, "1 to 100 prices"),
        ({"prices": {PRICE: 0}}, "quantity"),
        ({"reference": ""}, "reference"),
        ({"reference": "a\nb"}, "reference"),
        ({"prices": ["price_1"]}, "no id of a price"),
        ({"learner_ref": ""}, "user id"),
        ({"discount_code": "SUM\0MER"}, "discount code"),
        ({"return_url": "javascript:alert(1)"}, "no address of a page"),
        ({"return_url": "https://a.example/\0"}, "no address of a page"),
        ({"return_url": "https://[a.example/"}, "no address of a page"),
    ],
    ids=[
        "none",
        "quantity",
        "empty",
        "lines",
        "price",
        "learner",
        "code",
        "script",
        "zero",
        "bracket",
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anybody_is_asked(
    change: dict[str, object], words: str, shop: Shop
) -> None:
    with pytest.raises(CheckoutError, match=words):
        create(shop.engine, shop.config, wish(**change))

    assert rows(shop.engine, STATES) == []
