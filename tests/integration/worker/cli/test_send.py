"""What is sent through the local Paddle by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local_paddle.catalog import Offer
from local_paddle.server import Options, running
from tests.fixtures.configuration import WEBHOOK_SECRET
from worker.cli.send import group
from worker.errors import SettingsError
from worker.local_shop import Client, ControlError
from worker.providers.api import OpenGate
from worker.providers.paddle.account import Account
from worker.providers.paddle.asking import Asker
from worker.settings import Settings

KEY = "pdl_local_apikey_for_sending"
PRICE = "pri_01jd0pyth0nbas1cs0000000a1"
Configure = Callable[..., Settings]


@pytest.fixture
def paddle(configured: Configure, tmp_path: Path) -> Iterator[str]:
    """Return where a local Paddle is that the settings name."""
    nowhere = "http://127.0.0.1:9/webhooks/paddle"
    offers = (Offer(PRICE, "Basics", ("basics",)),)
    options = Options(tmp_path / "paddle", KEY, WEBHOOK_SECRET, nowhere, offers)
    with running(options) as (_, url):
        configured(paddle_api_url=url, paddle_api_key=KEY)
        yield url


@pytest.fixture
def draft(paddle: str) -> str:
    """Return the transaction of a checkout that no buyer is named of."""
    asker = Asker(Account(paddle, KEY, frozenset(), OpenGate()), 10)
    given = {"items": [{"price_id": PRICE, "quantity": 1}]}
    asker.send("POST", "/transactions", given)
    asker.close()
    with Client(paddle, KEY) as shop:
        return str(shop.listed("/transactions")[0]["id"])


def test_an_open_checkout_is_paid_by_its_buyer(paddle: str, draft: str) -> None:
    words = ("pay", draft, "--email", "ada@example.com", "--country", "DE")

    told = CliRunner().invoke(group, words)

    assert told.exception is None
    assert f"./paddlewheel explain {draft}" in told.output
    with Client(paddle, KEY) as shop:
        truth = shop.truth()
    assert [(one["email"], one["has_access"]) for one in truth["access"]] == [
        ("ada@example.com", True)
    ]


def test_without_a_buyer_it_says_what_is_missing(draft: str) -> None:
    told = CliRunner().invoke(group, ("pay", draft))

    assert isinstance(told.exception, ControlError)
    assert "name the buyer's email" in str(told.exception)


def test_nobody_pays_at_the_real_paddle(configured: Configure) -> None:
    configured(paddle_environment="sandbox", paddle_api_key=None)

    told = CliRunner().invoke(group, ("pay", "txn_1"))

    assert isinstance(told.exception, SettingsError)
    assert "only with PADDLE_ENVIRONMENT=local" in str(told.exception)
