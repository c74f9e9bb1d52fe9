"""The client on the local Paddle and the fake in memory answer alike."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from local_paddle.server import LocalPaddle, Options, running
from tests.fake_api import FakeApi
from tests.integration.local_paddle.conftest import (
    API_KEY,
    BASICS,
    OFFERS,
    SECRET,
    receiving,
)
from worker.local_shop import Client
from worker.providers.api import ApiList, Asked, Destination, ListPage, ProviderApi
from worker.providers.errors import ApiBusyError, ApiRefusedError
from worker.providers.paddle.account import Account
from worker.providers.paddle.api import PaddleApi

#: More than two pages of transactions hold.
PURCHASES = 62
MISSING = "ctm_01hv8wptq8987qeep44cyrewp9"
LISTS = (ApiList.EVENTS, ApiList.CUSTOMERS, ApiList.TRANSACTIONS)


@dataclass
class World:
    """A shop with some purchases, and what Paddle itself says of it."""

    paddle: LocalPaddle
    address: str
    lists: dict[ApiList, list[dict[str, Any]]]
    destinations: list[Destination]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One shop for all, as nothing here changes it."""
    folder = tmp_path_factory.mktemp("alike")
    with receiving() as receiver:
        options = Options(folder, API_KEY, SECRET, receiver.url, OFFERS)
        with running(options) as (paddle, url):
            paddle.limit.allow(1_000_000)
            with Client(url, API_KEY) as control:
                for number in range(PURCHASES):
                    control.purchase(f"{number}@example.com", prices=[BASICS])
            headers = {"Authorization": f"Bearer {API_KEY}"}
            with httpx.Client(base_url=url, headers=headers) as raw:
                lists = {one: listed(raw, f"/{one}") for one in LISTS}
                settings = listed(raw, "/notification-settings")
            yield World(paddle, url, lists, [destination(one) for one in settings])


def listed(raw: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Read a list without our client."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = raw.get(path, params={"order_by": "id[ASC]", **after}).json()
        found += answer["data"]
        if not answer["meta"]["pagination"]["has_more"]:
            return found
        after = {"after": found[-1].get("id") or found[-1]["event_id"]}


def destination(setting: dict[str, Any]) -> Destination:
    subscribed = frozenset(one["name"] for one in setting["subscribed_events"])
    return Destination(
        setting["id"], setting["active"], is_ours=True, subscribed=subscribed
    )


Ask = Callable[..., ProviderApi]


@pytest.fixture(params=["client", "fake"])
def ask(request: pytest.FixtureRequest, world: World) -> Ask:
    """Return a function that makes an API: with a key, for so many requests a minute."""

    def client(key: str = API_KEY, most: int = 1_000_000) -> ProviderApi:
        world.paddle.limit.allow(most)
        return PaddleApi(Account(world.address, key, frozenset({SECRET})))

    def fake(key: str = API_KEY, most: int = 1_000_000) -> ProviderApi:
        def before(_: str) -> None:
            if key != API_KEY:
                raise ApiRefusedError("PADDLE_API_KEY is not believed (invalid_token)")
            if len(api.asked) > most:
                message = "answered 429 (too_many_requests)"
                raise ApiBusyError(message, timedelta(minutes=1))

        api = FakeApi(
            {one: list(all_) for one, all_ in world.lists.items()},
            delivers_to=world.destinations,
            before=before,
        )
        return api

    return client if request.param == "client" else fake


def walked(api: ProviderApi, asked: Asked) -> list[ListPage]:
    """Go to the end of a list, but not for ever."""
    pages = [api.page(asked)]
    for _ in range(100):
        if not pages[-1].following:
            return pages
        after = pages[-1].following
        pages.append(api.page(replace(asked, after=after)))
    pytest.fail("the pages never end")


def entities_of(pages: list[ListPage]) -> list[dict[str, Any]]:
    return [json.loads(entity) for page in pages for entity in page.entities]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_comes_whole_in_its_order(ask: Ask, world: World, name: ApiList) -> None:
    with ask() as api:
        pages = walked(api, Asked(name))

    assert entities_of(pages) == world.lists[name]
    assert {page.total for page in pages[:1]} == {len(world.lists[name])}


def test_a_page_has_no_more_than_is_allowed_or_asked_for(ask: Ask) -> None:
    with ask() as api:
        pages = walked(api, Asked(ApiList.TRANSACTIONS))
        few = api.page(Asked(ApiList.TRANSACTIONS, most=2))
        many = api.page(Asked(ApiList.TRANSACTIONS, most=100))

    assert [len(page.entities) for page in pages] == [30, 30, PURCHASES - 60]
    assert (len(few.entities), len(many.entities)) == (2, 30)
    assert few.following == json.loads(few.entities[-1])["id"]


def test_newest_first_is_the_same_backwards(ask: Ask, world: World) -> None:
    with ask() as api:
        pages = walked(api, Asked(ApiList.TRANSACTIONS, newest_first=True))

    assert entities_of(pages) == world.lists[ApiList.TRANSACTIONS][::-1]


def test_a_list_that_is_empty_behind_an_id_is_over(ask: Ask, world: World) -> None:
    last = world.lists[ApiList.CUSTOMERS][-1]["id"]

    with ask() as api:
        page = api.page(Asked(ApiList.CUSTOMERS, last))

    assert (page.entities, page.following) == ((), "")


def test_only_what_was_changed_since(ask: Ask, world: World) -> None:
    transactions = world.lists[ApiList.TRANSACTIONS]
    since = datetime.fromisoformat(transactions[40]["updated_at"])
    wanted = [
        one
        for one in transactions
        if datetime.fromisoformat(one["updated_at"]) >= since
    ]
    assert 0 < len(wanted) < PURCHASES

    with ask() as api:
        pages = walked(api, Asked(ApiList.TRANSACTIONS, changed_since=since))

    assert entities_of(pages) == wanted
    assert pages[0].total == len(wanted)


def test_one_customer_and_one_that_is_not_there(ask: Ask, world: World) -> None:
    known = world.lists[ApiList.CUSTOMERS][7]

    with ask() as api:
        found = api.customer(known["id"])
        missing = api.customer(MISSING)

    assert found is not None
    assert json.loads(found) == known
    assert missing is None


def test_where_it_delivers(ask: Ask, world: World) -> None:
    with ask() as api:
        assert api.destinations() == world.destinations


def test_a_refused_key(ask: Ask) -> None:
    with ask("pdl_local_other") as api:
        for question in (api.destinations, lambda: api.page(Asked(ApiList.EVENTS))):
            with pytest.raises(ApiRefusedError, match="PADDLE_API_KEY is not believed"):
                question()


def test_too_many_requests(ask: Ask) -> None:
    with ask(most=1) as api:
        api.page(Asked(ApiList.CUSTOMERS))
        with pytest.raises(ApiBusyError, match=r"429 \(too_many_requests\)") as busy:
            api.page(Asked(ApiList.CUSTOMERS))

    assert timedelta() < busy.value.wait_at_least <= timedelta(minutes=1)
