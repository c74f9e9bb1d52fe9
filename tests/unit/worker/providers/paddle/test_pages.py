"""Pages of Paddle's lists: they go forward, end, and never end in silence."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from worker.channels.deadline import Deadline
from worker.providers.api import ApiList, Asked, ListPage
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiRefusedError,
    NoTurnError,
)
from worker.providers.paddle.account import Account
from worker.providers.paddle.api import PaddleApi

KEY = "pdl_local_c4n4ry"
CUSTOMERS = Asked(ApiList.CUSTOMERS)
Answer = Callable[[httpx.Request], httpx.Response]


class Door:
    """Counts who passes, and what they tell; closed, it lets nobody pass."""

    def __init__(self, closed: NoTurnError | None = None) -> None:
        self.closed = closed
        self.entered = 0
        self.left: list[Exception | None] = []

    def enter(self) -> Deadline | None:
        if self.closed:
            raise self.closed
        self.entered += 1
        return None

    def leave(self, error: Exception | None) -> None:
        self.left.append(error)


def asking(answer: Answer, gate: Door | None = None) -> PaddleApi:
    account = Account("http://paddle.test", KEY, gate=gate or Door())
    return PaddleApi(account, transport=httpx.MockTransport(answer))


def content(
    ids: Sequence[str], *, more: bool, after: str | None = None, total: int = -1
) -> dict[str, Any]:
    # ``next`` is always there.
    following = f"http://paddle.test/customers?after={after or (ids or ['x'])[-1]}"
    pagination = {
        "per_page": 2,
        "next": following,
        "has_more": more,
        "estimated_total": total,
    }
    data = [{"id": one} for one in ids]
    return {"data": data, "meta": {"request_id": "r", "pagination": pagination}}


def page(
    ids: str, asked: Asked = CUSTOMERS, *, more: bool = False, after: str | None = None
) -> ListPage:
    found = content(list(ids), more=more, after=after)
    with asking(lambda _: httpx.Response(200, json=found)) as api:
        return api.page(asked)


def ids_of(one: ListPage) -> str:
    return "".join(json.loads(entity)["id"] for entity in one.entities)


def sent(asked: Asked) -> dict[str, str]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=content([], more=False))

    with asking(answer) as api:
        api.page(asked)
    return {"path": seen[0].url.path, **seen[0].url.params}


def test_what_is_asked_for() -> None:
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)

    assert sent(CUSTOMERS) == {
        "path": "/customers",
        "order_by": "id[ASC]",
        "per_page": "200",
        "status": "active,archived",
    }
    assert sent(Asked(ApiList.TRANSACTIONS, "txn_1", changed_since=since)) == {
        "path": "/transactions",
        "order_by": "id[ASC]",
        "per_page": "30",
        "after": "txn_1",
        "updated_at[GTE]": "2026-03-01T12:00:00.000000Z",
    }
    assert sent(Asked(ApiList.EVENTS, newest_first=True, most=1)) == {
        "path": "/events",
        "order_by": "id[DESC]",
        "per_page": "1",
    }


def test_next_is_there_on_the_last_page_too_and_is_not_followed() -> None:
    last = page("ab", more=False)

    assert (ids_of(last), last.following) == ("ab", "")


def test_the_next_page_begins_behind_the_last_entity_whatever_next_says() -> None:
    # A ``next`` that leaves some out, and one that repeats some.
    assert page(
        "cd", Asked(ApiList.CUSTOMERS, "b"), more=True, after="x"
    ).following == ("d")
    assert page(
        "cd", Asked(ApiList.CUSTOMERS, "b"), more=True, after="c"
    ).following == ("d")


@pytest.mark.parametrize(
    ("ids", "asked"),
    [
        # The same again, some of it again, further back, not in order, twice.
        ("ab", Asked(ApiList.CUSTOMERS, "b")),
        ("bc", Asked(ApiList.CUSTOMERS, "b")),
        ("a", Asked(ApiList.CUSTOMERS, "x")),
        ("dc", Asked(ApiList.CUSTOMERS, "b")),
        ("cc", Asked(ApiList.CUSTOMERS, "b")),
        ("cd", Asked(ApiList.CUSTOMERS, newest_first=True)),
        ("c", Asked(ApiList.CUSTOMERS, "b", newest_first=True)),
    ],
)
def test_a_page_that_repeats_or_jumps_back_is_none(ids: str, asked: Asked) -> None:
    with pytest.raises(ApiDownError, match="pages of /customers do not go forward"):
        page(ids, asked)


def test_a_list_backwards_goes_one_way_too() -> None:
    found = page("dc", Asked(ApiList.CUSTOMERS, "e", newest_first=True), more=True)

    assert (ids_of(found), found.following) == ("dc", "c")


def test_an_empty_page_in_the_middle_goes_on_where_next_says() -> None:
    found = page("", Asked(ApiList.CUSTOMERS, "b"), more=True, after="f")

    assert (found.entities, found.following) == ((), "f")


@pytest.mark.parametrize("after", ["b", "a"])
def test_an_empty_page_that_leads_nowhere_would_loop(after: str) -> None:
    with pytest.raises(ApiDownError, match="pages of /customers do not end"):
        page("", Asked(ApiList.CUSTOMERS, "b"), more=True, after=after)


def test_an_empty_page_without_next_would_loop() -> None:
    found = content([], more=True)
    found["meta"]["pagination"]["next"] = None

    with (
        asking(lambda _: httpx.Response(200, json=found)) as api,
        pytest.raises(ApiDownError, match="do not end"),
    ):
        api.page(CUSTOMERS)


def test_a_list_that_ends_short_says_how_many_there_should_be() -> None:
    found = content(["a"], more=False, total=30)
    with asking(lambda _: httpx.Response(200, json=found)) as api:
        assert api.page(CUSTOMERS).total == 30


@pytest.mark.parametrize(
    ("told", "total"), [(0, 0), (7, 7), (-1, None), (100_001, None)]
)
def test_an_estimate_that_was_not_made_is_none(told: int, total: int | None) -> None:
    found = content(["a"], more=False, total=told)
    with asking(lambda _: httpx.Response(200, json=found)) as api:
        assert api.page(CUSTOMERS).total == total


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_no_that_is_not_paddles_own_says_nothing_of_a_list(status: int) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text="<h1>Not here</h1>")

    with asking(answer) as api:
        with pytest.raises(ApiDownError, match=str(status)):
            api.page(Asked(ApiList.EVENTS, "evt_1"))
        with pytest.raises(ApiDownError, match=str(status)):
            list(api.prices())


def test_events_are_known_by_another_name() -> None:
    found = content([], more=True) | {"data": [{"event_id": "evt_1", "data": {}}]}
    with asking(lambda _: httpx.Response(200, json=found)) as api:
        assert api.page(Asked(ApiList.EVENTS)).following == "evt_1"
        with pytest.raises(ApiDownError, match="something else"):
            api.page(CUSTOMERS)


@pytest.mark.parametrize(
    ("response", "error", "seconds"),
    [
        (httpx.Response(429, headers={"retry-after": "9"}), ApiBusyError, 9),
        (httpx.Response(429), ApiBusyError, 60),
        (httpx.Response(503, headers={"retry-after": "9"}), ApiBusyError, 9),
        (httpx.Response(503), ApiDownError, 0),
        (httpx.Response(500, html="<h1>Sorry</h1>"), ApiDownError, 0),
        (httpx.Response(200, html="<h1>Sorry</h1>"), ApiDownError, 0),
        (
            httpx.Response(403, json={"error": {"code": "forbidden"}}),
            ApiRefusedError,
            0,
        ),
        (httpx.Response(403, html="<h1>Sorry</h1>"), ApiDownError, 0),
        (
            httpx.Response(302, headers={"location": "http://elsewhere.test/"}),
            ApiDownError,
            0,
        ),
    ],
)
def test_what_comes_instead_of_a_page(
    response: httpx.Response, error: type[Exception], seconds: int
) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return response

    with asking(answer) as api, pytest.raises(error) as raised:
        api.page(CUSTOMERS)

    assert vars(raised.value)["wait_at_least"].total_seconds() == seconds
    assert hosts == ["paddle.test"]
    assert "Sorry" not in str(raised.value)


class Cut(httpx.SyncByteStream):
    """Half an answer."""

    def __iter__(self) -> Any:
        yield b'{"data":[{"id":'
        raise httpx.RemoteProtocolError(f"peer closed: {KEY}")


def test_an_answer_that_is_cut_half_way_is_told_to_the_gate() -> None:
    gate = Door()
    with (
        asking(lambda _: httpx.Response(200, stream=Cut()), gate) as api,
        pytest.raises(ApiDownError, match="no answer: RemoteProtocolError") as cut,
    ):
        api.page(CUSTOMERS)

    assert gate.left == [cut.value]
    assert KEY not in str(cut.value)


def test_the_key_is_in_no_message() -> None:
    problem = {"error": {"code": "invalid_token", "detail": f"{KEY} is unknown"}}
    with (
        asking(lambda _: httpx.Response(403, json=problem)) as api,
        pytest.raises(ApiRefusedError) as refused,
    ):
        api.page(CUSTOMERS)

    assert KEY not in repr(refused.value)


def test_without_a_turn_nobody_is_asked() -> None:
    gate = Door(NoTurnError("not now", datetime.resolution))

    def answer(_: httpx.Request) -> httpx.Response:
        pytest.fail("was asked")

    with asking(answer, gate) as api, pytest.raises(NoTurnError):
        api.page(CUSTOMERS)
    assert gate.left == []


def test_what_the_gate_itself_runs_into_is_not_swallowed() -> None:
    class Broken(Door):
        def leave(self, error: Exception | None) -> None:
            raise ConnectionError("of the gate")

    answers = [httpx.Response(200, json=content([], more=False)), httpx.Response(500)]
    with asking(lambda _: answers.pop(), Broken()) as api:
        for _ in range(2):
            with pytest.raises(ConnectionError, match="of the gate"):
                api.page(CUSTOMERS)


def test_destinations_are_ours_by_their_secret() -> None:
    data = [
        {
            "id": f"ntfset_{number}",
            "active": number == 1,
            "endpoint_secret_key": f"secret {number}",
            "subscribed_events": [{"name": "customer.created", "x": 1}],
        }
        for number in (1, 2)
    ]
    account = Account("http://paddle.test", KEY, frozenset({"secret 1"}))
    answer = httpx.Response(200, json=content([], more=False) | {"data": data})

    with PaddleApi(account, transport=httpx.MockTransport(lambda _: answer)) as api:
        first, second = api.destinations()

    assert (first.id, first.is_active, first.is_ours) == ("ntfset_1", True, True)
    assert (second.is_active, second.is_ours) == (False, False)
    assert first.subscribed == {"customer.created"}


def test_a_404_of_somebody_on_the_way_is_no_missing_customer() -> None:
    with (
        asking(lambda _: httpx.Response(404, html="<h1>Not found</h1>")) as api,
        pytest.raises(ApiDownError, match="answered 404"),
    ):
        api.customer("ctm_1")


def test_a_request_is_over_when_its_gate_says() -> None:
    class Late(Door):
        def enter(self) -> Deadline:
            return Deadline(0)

    gate = Late()
    with (
        asking(
            lambda _: httpx.Response(200, json=content([], more=False)), gate
        ) as api,
        pytest.raises(ApiDownError, match="TimeoutError"),
    ):
        api.page(CUSTOMERS)
    assert [type(error) for error in gate.left] == [ApiDownError]
