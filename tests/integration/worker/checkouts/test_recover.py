"""Checkouts that were interrupted, are held up or take too long."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from billiard.exceptions import WorkerLostError
from sqlalchemy import Engine, text

from tasks.create import create as create_task
from tasks.recover import recover as recover_task
from tests.factories import make_due, one, rows
from tests.fixtures.answering import KEY, Answering, reply
from tests.integration.worker.checkouts.conftest import SECRET, Shop
from tests.opening import (
    PRICE,
    STATES,
    WISH,
    execute,
    killed,
    lost,
    never_sent,
    recover,
    settle,
    wish,
)
from worker.alerts.refused import Refused
from worker.checkouts.create import create
from worker.checkouts.wish import (
    CheckoutBusyError,
    CheckoutError,
    CheckoutRefusedError,
    CheckoutWaitsError,
    Wish,
)
from worker.providers.checkouts import Opened, Sale, Sought
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.settings import Settings, settings
from worker.signals import catch_failure
from worker.status import status_of
from worker.work_tables import CHECKOUTS, Claimant

#: Somebody has watched all the time: what is old counts as old.
WATCHED = """
INSERT INTO heartbeats VALUES ('alerts.watch', now(), now() - interval '9 days')
"""
#: Without a permission to look, and to ask for it.
NO_PERMISSION = {"permissions": ["customer.read"]}


def interrupted(shop: Shop, what: Wish = WISH) -> None:
    """Ask, and hear nothing of what was never sent."""
    with (
        patch.object(PaddleCheckouts, "open", never_sent),
        pytest.raises(CheckoutWaitsError, match="ReadTimeout"),
    ):
        create(shop.engine, shop.config, what)


def age(shop: Shop, span: str) -> None:
    execute(
        shop.engine, f"UPDATE checkouts SET pending_since = now() - interval '{span}'"
    )


def alerts(shop: Shop) -> list[str]:
    with shop.engine.begin() as connection:
        connection.execute(text(WATCHED))
        return [found.summary for found in Refused().look(connection, shop.config)]


def test_without_an_answer_it_is_not_asked_for_again_too_soon(shop: Shop) -> None:
    interrupted(shop)
    with pytest.raises(CheckoutWaitsError, match="is not known yet"):
        create(shop.engine, shop.config, WISH)
    make_due(shop.engine, CHECKOUTS)
    assert recover(shop.engine, shop.config) == "1 retry in 60 s"
    assert shop.transactions() == []

    settle(shop.engine)
    assert recover(shop.engine, shop.config) == "1 opened"

    assert len(shop.transactions()) == 1


def test_killed_between_the_request_and_the_note_it_is_found_again(shop: Shop) -> None:
    with (
        patch.object(PaddleCheckouts, "open", killed),
        pytest.raises(KeyboardInterrupt),
    ):
        create(shop.engine, shop.config, WISH)
    assert recover(shop.engine, shop.config) == "nothing due"

    settle(shop.engine)
    assert recover_task([], 1) == "1 opened"

    (sold,) = shop.transactions()
    told = rows(shop.engine, "SELECT state, transaction_id, crashes FROM checkouts")
    assert told == [("opened", sold["id"], 1)]


def test_a_lost_child_lets_its_checkout_go_at_once(shop: Shop) -> None:
    with (
        patch.object(PaddleCheckouts, "customer_of", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        create(shop.engine, shop.config, WISH, who=Claimant("task-1", "here"))
    assert recover(shop.engine, shop.config) == "nothing due"

    given = {"prices": [PRICE], "learner_ref": "user-42", "reference": "order-17"}
    catch_failure(create_task, "task-1", WorkerLostError(), kwargs=given)

    assert recover(shop.engine, shop.config) == "1 opened"


def test_what_kills_its_process_each_time_is_a_dead_letter_without_an_address(
    shop: Shop,
) -> None:
    for _ in range(shop.config.crash_limit):
        with (
            patch.object(PaddleCheckouts, "customer_of", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            create(shop.engine, shop.config, WISH)
        settle(shop.engine)

    assert recover(shop.engine, shop.config).startswith("1 dead (checkouts ")

    assert rows(shop.engine, STATES) == [("dead", None)]
    letters = "SELECT state, error_class FROM dead_letters"
    assert rows(shop.engine, letters) == [("open", "Poison")]
    # Whoever asks for it again begins anew.
    assert create(shop.engine, shop.config, WISH).url
    assert rows(shop.engine, letters) == [("replayed", "Poison")]


@pytest.mark.parametrize(
    ("cause", "change", "said"),
    [
        (
            {"permissions": ["transaction.read"]},
            {},
            "ApiRefusedError: PADDLE_API_KEY lacks the permission transaction.write",
        ),
        (
            {"default_payment_link": None},
            {},
            "ApiRefusedError: something has to be set in Paddle's dashboard first",
        ),
        ({}, {"learner_secrets": ()}, "NotSetUpError: LEARNER_SECRETS is not set"),
        ({}, {"paddle_api_key": None}, "NotSetUpError: PADDLE_API_KEY is not set"),
    ],
    ids=["permission", "link", "secret", "key"],
)
def test_that_a_person_has_to_mend_something_is_told(
    cause: dict[str, object], change: dict[str, object], said: str, shop: Shop
) -> None:
    shop.control.post("dashboard", cause)
    config = shop.config.model_copy(update=change)
    for reference in ("order-17", "order-18"):
        with pytest.raises(CheckoutWaitsError):
            create(shop.engine, config, wish(reference=reference))
    age(shop, "1 h")

    (told,) = alerts(shop)

    assert told.startswith(f"Checkouts cannot be opened: 2 rows waiting, last: {said}")
    with shop.engine.connect() as connection:
        stages = {one.name: one for one in status_of(connection).stages}
    assert stages["open checkouts"].backing_off == 2


def test_when_it_is_mended_all_go_on(shop: Shop) -> None:
    shop.control.post("dashboard", {"default_payment_link": None})
    for reference in ("order-17", "order-18"):
        with pytest.raises(CheckoutWaitsError):
            create(shop.engine, shop.config, wish(reference=reference))
    make_due(shop.engine, CHECKOUTS)
    shop.control.post("dashboard", {"default_payment_link": "https://shop.example/"})

    assert recover(shop.engine, shop.config) == "2 opened"
    assert alerts(shop) == []


@pytest.mark.parametrize(
    "change",
    [
        {"prices": [f"pri_{'0' * 26}"]},
        {"discount_code": "NONE"},
        {"email": "nobody"},
        {"return_url": "https://elsewhere.example/"},
    ],
    ids=["price", "discount", "address", "page"],
)
def test_what_one_call_has_wrong_calls_nobody(
    change: dict[str, object], shop: Shop
) -> None:
    with pytest.raises(CheckoutRefusedError):
        create(shop.engine, shop.config, wish(**change))
    age(shop, "1 h")

    assert alerts(shop) == []
    assert one(shop.engine, "SELECT count(*) FROM dead_letters") == 0


def test_waits_grow_to_five_minutes_and_who_asks_again_does_not_wait(
    shop: Shop,
) -> None:
    shop.control.post("dashboard", {"default_payment_link": None})
    for _ in range(12):
        with pytest.raises(CheckoutWaitsError):
            create(shop.engine, shop.config, wish())

    wait = "SELECT next_attempt_at - now() BETWEEN '3 min' AND '7 min' FROM checkouts"
    assert one(shop.engine, wait)
    assert recover(shop.engine, shop.config) == "nothing due"
    assert rows(shop.engine, "SELECT state, attempts, failures FROM checkouts") == [
        ("pending", 12, 0)
    ]


def test_who_was_held_up_may_ask_for_another_order(shop: Shop) -> None:
    shop.control.post("dashboard", {"default_payment_link": None})
    with pytest.raises(CheckoutWaitsError):
        create(shop.engine, shop.config, wish())
    shop.control.post("dashboard", {"default_payment_link": "https://shop.example/"})

    create(shop.engine, shop.config, wish(prices={PRICE: 3}))

    assert shop.transactions()[0]["items"][0]["quantity"] == 3


def test_while_there_may_be_a_transaction_it_is_that_order(shop: Shop) -> None:
    interrupted(shop)

    with pytest.raises(CheckoutError, match="used for another order"):
        create(shop.engine, shop.config, wish(prices={PRICE: 3}))


def test_a_row_that_somebody_holds_is_waited_for(shop: Shop) -> None:
    interrupted(shop)
    held = (
        "UPDATE checkouts SET lease_token = gen_random_uuid(),"
        " leased_until = now() + interval '30 s',"
        " next_attempt_at = now() + interval '30 s'"
    )
    execute(shop.engine, held)

    with pytest.raises(CheckoutBusyError, match="ask again"):
        create(shop.engine, shop.config, WISH, patience=0)

    assert one(shop.engine, "SELECT attempts FROM checkouts") == 1


def test_without_a_secret_what_was_interrupted_waits_and_says_why(shop: Shop) -> None:
    for reference in ("order-17", "order-18"):
        interrupted(shop, wish(reference=reference))
    settle(shop.engine)
    bare = shop.config.model_copy(update={"learner_secrets": ()})

    assert recover(shop.engine, bare).startswith("2 retry in ")

    told = rows(shop.engine, "SELECT state, problem FROM opened_checkouts")
    why = "LEARNER_SECRETS is not set: nothing to sign with."
    assert told == [("pending", why)] * 2
    make_due(shop.engine, CHECKOUTS)
    assert recover(shop.engine, shop.config) == "2 opened"


@pytest.mark.parametrize(
    ("hours", "kept"), [(23, ("pending", "ada@example.com")), (25, ("abandoned", None))]
)
@pytest.mark.parametrize("gone", ["key", "permission", "provider"])
def test_nobody_s_address_is_kept_for_longer_than_a_day(
    gone: str, hours: int, kept: tuple[str, str | None], shop: Shop
) -> None:
    interrupted(shop)
    settle(shop.engine)
    age(shop, f"{hours} h")
    config = shop.config
    match gone:
        case "key":
            config = config.model_copy(update={"paddle_api_key": None})
        case "permission":
            shop.control.post("dashboard", NO_PERMISSION)
        case _:
            away = {"paddle_api_url": "http://127.0.0.1:9"}
            config = config.model_copy(update=away)

    recover(shop.engine, config)

    assert rows(shop.engine, STATES) == [kept]
    assert one(shop.engine, "SELECT posted_at IS NOT NULL FROM checkouts")


def test_what_was_given_up_without_a_look_is_looked_for_when_it_is_asked_for_again(
    shop: Shop,
) -> None:
    with (
        patch.object(PaddleCheckouts, "open", lost),
        patch.object(PaddleCheckouts, "find_opened", return_value=None),
        pytest.raises(CheckoutWaitsError),
    ):
        create(shop.engine, shop.config, WISH)
    settle(shop.engine)
    age(shop, "25 h")
    bare = shop.config.model_copy(update={"paddle_api_key": None})
    assert recover(shop.engine, bare) == "1 abandoned"

    opened = create(shop.engine, shop.config, WISH)

    assert [sold["id"] for sold in shop.transactions()] == [opened.transaction_id]


def test_what_nobody_could_open_for_a_day_is_given_up(shop: Shop) -> None:
    interrupted(shop)
    settle(shop.engine)
    age(shop, "25 h")

    assert recover(shop.engine, shop.config) == "1 abandoned"

    assert rows(shop.engine, STATES) == [("abandoned", None)]
    assert shop.transactions() == []
    told = "SELECT problem, buyer_words FROM opened_checkouts"
    assert rows(shop.engine, told) == [
        (
            "This checkout could not be opened for a day: ask for it again.",
            "This order is too old. Please begin again.",
        )
    ]
    # It is known that nothing is left of it.
    assert create(shop.engine, shop.config, wish(prices={PRICE: 2})).url


def test_one_that_does_not_answer_is_asked_once_in_a_run(shop: Shop) -> None:
    for reference in ("order-17", "order-18", "order-19"):
        interrupted(shop, wish(reference=reference))
    settle(shop.engine)
    asked: list[str] = []

    def silent(api: PaddleCheckouts, _: Sought) -> Opened:
        asked.append("asked")
        return never_sent(api, Sale((), {}))

    with patch.object(PaddleCheckouts, "find_opened", silent):
        assert recover(shop.engine, shop.config).startswith("3 retry in ")

    assert asked == ["asked"]


def test_an_opening_ends_as_a_whole_with_a_verdict_in_its_row(
    core: Engine, answering: Answering, configured: Callable[..., Settings]
) -> None:
    def page(request: BaseHTTPRequestHandler) -> None:
        """Answer at once with nothing, and that there is more behind."""
        after = parse_qs(urlsplit(request.path).query).get("after", ["0"])[0]
        answering.over.wait(0.05)
        following = f"{answering.url}/customers?after={int(after) + 1}"
        pagination = {"has_more": True, "next": following}
        reply(request, 200, {"data": [], "meta": {"pagination": pagination}})

    answering.answer = page
    configured(
        paddle_api_url=answering.url,
        paddle_api_key=KEY,
        learner_secrets=SECRET,
        paddle_requests_per_minute=10_000,
        lock_timeout_seconds=1,
        statement_timeout_seconds=2,
        soft_limit_seconds=2.5,
        hard_limit_seconds=3,
        lease_seconds=4,
    )
    assert settings().soft_limit_seconds == 2.5

    told = create_task([PRICE], "user-42", "order-17", email="ada@example.com")

    assert told == "not open yet: checkouts.recover goes on with it"
    error = "SELECT state, lease_token, last_error FROM checkouts"
    assert rows(core, error) == [
        ("pending", None, "ApiDownError: no answer: TimeoutError")
    ]
    assert len(answering.asked) > 2
