"""The comparison with Paddle's sandbox, tried where no key is at hand.

The same requests go to two local Paddles. What one of them answers is changed on the
way, as the real one may differ: each change must be told, by step and field.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.account import Account, Answer
from tests.sandbox.play import play
from tests.sandbox.shapes import differences
from tests.sandbox.side import KEY, local_account

RUN = "ab12cd34"
Change = Callable[[dict[str, Any]], object]
Meddling = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Between(httpx.BaseTransport):
    """Lets a test meddle with the answers to one request."""

    def __init__(self, method: str, path: str, meddle: Meddling) -> None:
        self._wire = httpx.HTTPTransport()
        self._asked = (method, path)
        self._meddle = meddle

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._wire.handle_request(request)
        answer.read()
        method, path = self._asked
        if request.method == method and path in ("", request.url.path):
            return self._meddle(request, answer)
        return answer

    def close(self) -> None:
        self._wire.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """What the local Paddle answers, unchanged."""
    with local_account(tmp_path_factory.mktemp("local")) as account:
        return play(account, RUN)


def unlike(local: list[Answer], folder: Path, between: Between) -> list[str]:
    with local_account(folder, between) as other:
        return differences(local, play(other, RUN))


def remaining(account: Account) -> list[tuple[str, str]]:
    """Return what is still in use of all that a play makes."""
    found = []
    for path in ("products", "prices", "discounts", "customers"):
        listed = account.ask(path, "GET", f"/{path}?status=active").body["data"]
        found += [(path, entity["id"]) for entity in listed]
    everybody = account.ask("all", "GET", "/customers?status=archived").body["data"]
    for buyer in everybody:
        path = f"/customers/{buyer['id']}/addresses"
        found += [(path, a["id"]) for a in account.ask("a", "GET", path).body["data"]]
    settings = account.ask("d", "GET", "/notification-settings").body["data"]
    return found + [("setting", one["id"]) for one in settings[1:]]


def test_the_same_paddle_answers_alike_and_keeps_nothing(
    local: list[Answer], tmp_path: Path
) -> None:
    with local_account(tmp_path) as other:
        theirs = play(other, RUN)

        assert differences(local, theirs) == []
        assert other.left == []
        assert remaining(other) == []
    assert sum(answer.is_success for answer in theirs) > 40
    assert len({answer.step for answer in theirs}) == len(theirs)


@pytest.mark.parametrize(
    ("step", "change", "told"),
    [
        pytest.param(
            "a customer",
            lambda body: body["data"].pop("locale"),
            'data.locale: nothing, in the local Paddle "en"',
            id="a field less",
        ),
        pytest.param(
            "a product",
            lambda body: body["data"].update(seats=3),
            "data.seats: 3, in the local Paddle nothing",
            id="a field more",
        ),
        pytest.param(
            "a discount",
            lambda body: body["data"].update(restrict_to=[]),
            "data.restrict_to: list of 0, in the local Paddle null",
            id="another nullability",
        ),
        pytest.param(
            "a draft",
            lambda body: body["data"].update(origin="web"),
            'data.origin: "web", in the local Paddle "api"',
            id="another word of an enumeration",
        ),
        pytest.param(
            "a draft",
            lambda body: body["data"].update(created_at=1_700_000_000),
            "data.created_at: 1700000000, in the local Paddle instant",
            id="another type",
        ),
        pytest.param(
            "a ready transaction",
            lambda body: body["data"]["details"]["totals"].update(tax="10.5"),
            "data.details.totals.tax: decimal in text,"
            " in the local Paddle integer in text",
            id="another form of money",
        ),
        pytest.param(
            "the same customer again",
            lambda body: body["error"].update(code="conflict"),
            'error.code: "conflict", in the local Paddle "customer_already_exists"',
            id="another error code",
        ),
        pytest.param(
            "a product without a name",
            lambda body: body["error"]["errors"][0].update(field="title"),
            'error.errors[0].field: "title", in the local Paddle "name"',
            id="another field complained of",
        ),
        pytest.param(
            "adjustments",
            lambda body: body["meta"]["pagination"].update(per_page=50),
            "meta.pagination.per_page: 50, in the local Paddle 10",
            id="another page size",
        ),
        pytest.param(
            "addresses that deliver",
            lambda body: body["meta"].clear(),
            "meta.request_id: nothing, in the local Paddle uuid",
            id="a bare envelope",
        ),
        pytest.param(
            "discounts by code",
            lambda body: body["data"].clear(),
            "data: list of 0, in the local Paddle list of 1",
            id="a shorter list",
        ),
    ],
)
def test_an_answer_of_another_shape_is_told(
    step: str, change: Change, told: str, local: list[Answer]
) -> None:
    theirs = copy.deepcopy(local)
    change(next(answer for answer in theirs if answer.step == step).body)

    assert f"{step}: {told}" in differences(local, theirs)


def test_another_status_and_media_type_are_told(local: list[Answer]) -> None:
    page = Answer(local[0].step, 502, "text/html", "no JSON")

    assert differences(local[:1], [page])[:3] == [
        "no key: HTTP status: 502, in the local Paddle 403",
        "no key: media type: text/html, in the local Paddle application/json",
        "no key: body: text, in the local Paddle object",
    ]


def test_what_is_anybodys_own_is_no_difference(local: list[Answer]) -> None:
    theirs = copy.deepcopy(local)
    made = next(answer for answer in theirs if answer.step == "a product").body
    made["data"] |= {
        "id": "pro_01hv8wptq8987qeep44cyrewp9",
        "name": "Another",
        "created_at": "2026-01-01T00:00:00Z",
    }

    assert differences(local, theirs) == []


def test_what_cannot_be_made_ends_the_play_and_all_is_removed(
    local: list[Answer], tmp_path: Path
) -> None:
    error = {
        "type": "request_error",
        "code": "transaction_default_checkout_url_not_set",
    }
    refused = httpx.Response(400, json={"error": error, "meta": {}})
    between = Between("POST", "/transactions", lambda *_: refused)
    with local_account(tmp_path, between) as other:
        found = differences(local, play(other, RUN))

        assert other.left == []
        assert remaining(other) == []
    assert "a draft: HTTP status: 400, in the local Paddle 201" in found
    assert f'a draft: error.code: "{error["code"]}", in the local Paddle nothing' in (
        found
    )
    assert any(line.startswith("a ready transaction: only the local") for line in found)


def test_what_breaks_leaves_nothing_either(tmp_path: Path) -> None:
    def hang_up(request: httpx.Request, _: httpx.Response) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    between = Between("POST", "/customers", hang_up)
    with local_account(tmp_path, between) as other:
        with pytest.raises(httpx.ReadTimeout):
            play(other, RUN)

        assert other.left == []
        assert remaining(other) == []


def test_what_only_paddle_takes_is_removed_too(
    local: list[Answer], tmp_path: Path
) -> None:
    def take(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if b'"odd":' not in request.content:
            return answer
        wanted = json.loads(request.content)
        del wanted["odd"]
        key = {"Authorization": request.headers["Authorization"]}
        return httpx.post(request.url, json=wanted, headers=key)

    with local_account(tmp_path, Between("POST", "/products", take)) as other:
        found = differences(local, play(other, RUN))

        assert remaining(other) == []
    assert found[0] == (
        "a product with an odd field: HTTP status: 201, in the local Paddle 400"
    )


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    refused = httpx.Response(500, json={})
    between = Between("DELETE", "", lambda *_: refused)
    with local_account(tmp_path, between) as other:
        answers = play(other, RUN)

    made = next(answer for answer in answers if answer.step == "a destination")
    assert other.left == [f"DELETE /notification-settings/{made.body['data']['id']}"]


def test_the_key_is_never_told(local: list[Answer], tmp_path: Path) -> None:
    key = KEY.get_secret_value()

    def echo(request: httpx.Request, _: httpx.Response) -> httpx.Response:
        sent = request.headers["Authorization"]
        return httpx.Response(400, json={"error": {"code": key, sent: sent}})

    with local_account(tmp_path, Between("GET", "/ips", echo)) as other:
        found = differences(local, play(other, RUN))

    told = found + [str(answer.body) for answer in other.answers]
    assert "'...'" in str(told)
    assert key not in str(told) + repr(other) + repr(other.answers)


def test_a_deleted_destination_takes_no_more(tmp_path: Path) -> None:
    with local_account(tmp_path) as account:
        wanted = {
            "description": "Second",
            "destination": "http://127.0.0.1:9/",
            "type": "url",
            "subscribed_events": ["product.created"],
        }
        made = account.ask("made", "POST", "/notification-settings", wanted)
        path = f"/notification-settings/{made.body['data']['id']}"
        product = {"name": "Course", "tax_category": "standard"}
        account.ask("told", "POST", "/products", product)
        assert account.ask("gone", "DELETE", path).status == 204
        account.ask("untold", "POST", "/products", product)

        told = account.ask(
            "all",
            "GET",
            f"/notifications?notification_setting_id={made.body['data']['id']}",
        )
        again = account.ask("again", "DELETE", path)

    assert [one["status"] for one in told.body["data"]] == ["failed"]
    assert again.status == 404
