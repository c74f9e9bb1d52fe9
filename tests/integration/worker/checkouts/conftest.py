"""A shop with a local Paddle that sells, and delivers nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from local_paddle.catalog import Offer
from local_paddle.server import LocalPaddle, Options, running
from tests.fixtures.configuration import WEBHOOK_SECRET
from tests.opening import PRICE
from worker.local_shop import Client
from worker.settings import Settings

API_KEY = "pdl_local_apikey_for_checkouts"
SECRET = "a secret for tests that has 32 characters"
OFFERS = (Offer(PRICE, "Basics", ("basics",)),)


@dataclass
class Shop:
    """The settings, the database and the local Paddle of a shop."""

    config: Settings
    engine: Engine
    paddle: LocalPaddle
    api: httpx.Client
    control: Client

    def transactions(self) -> list[dict[str, Any]]:
        """Every transaction that there is, oldest first."""
        return self.paddle.store.all("transaction")


@pytest.fixture
def paddle(tmp_path: Path) -> Iterator[tuple[LocalPaddle, str]]:
    """A local Paddle of the test's own."""
    nowhere = "http://127.0.0.1:9/webhooks/paddle"
    options = Options(tmp_path / "paddle", API_KEY, WEBHOOK_SECRET, nowhere, OFFERS)
    with running(options) as (local, url):
        local.limit.allow(1_000_000)
        yield local, url


@pytest.fixture
def shop(
    core: Engine,
    configured: Callable[..., Settings],
    paddle: tuple[LocalPaddle, str],
) -> Iterator[Shop]:
    """The shop."""
    local, url = paddle
    config = configured(
        paddle_api_url=url, paddle_api_key=API_KEY, learner_secrets=SECRET
    )
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with (
        httpx.Client(base_url=url, headers=headers) as api,
        Client(url, API_KEY) as control,
    ):
        yield Shop(config, core, local, api, control)
