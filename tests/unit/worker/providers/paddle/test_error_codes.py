"""Every error code asks for time, another request, or a person."""

from datetime import timedelta

import httpx
import pytest

from worker.failures import Verdict, failure_of
from worker.providers.checkouts import Buyer, Problem, Sale
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiLockedError,
    ApiRefusedError,
)
from worker.providers.paddle.account import Account
from worker.providers.paddle.answers import error_of
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.providers.paddle.error_codes import CODES, Remedy, sorted_by
from worker.providers.paddle.problems import problem_of

ERRORS: dict[Remedy, tuple[type[Exception], Verdict]] = {
    Remedy.LATER_FOR_ALL: (ApiBusyError, Verdict.MACHINERY),
    Remedy.LATER_WHEN_UP: (ApiDownError, Verdict.MACHINERY),
    Remedy.LATER_FOR_THIS: (ApiLockedError, Verdict.RETRY),
    Remedy.PERSON: (ApiRefusedError, Verdict.MACHINERY),
    Remedy.NEVER: (ApiError, Verdict.PERMANENT),
}
#: What such an answer has; all others have 400.
STATUSES = {
    Remedy.LATER_FOR_ALL: 429,
    Remedy.LATER_WHEN_UP: 503,
    Remedy.LATER_FOR_THIS: 409,
    Remedy.PERSON: 403,
}
DOWN = Problem("Paddle: no answer: ReadTimeout.", Buyer.SOON)
NO_KEY = Problem("Paddle: there is no key.", Buyer.SHOP)


def answered(status: int, code: str, **headers: str) -> Exception:
    return answered_by(status, f'{{"error":{{"code":"{code}"}}}}', **headers)


def answered_by(status: int, content: str, **headers: str) -> Exception:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.Response(status, headers=named)
    return error_of("/customers", response, content.encode())


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_the_error_of_its_remedy_and_names_itself(code: str) -> None:
    error = answered(400, code)

    kind, verdict = ERRORS[CODES[code].remedy]
    assert type(error) is kind
    assert failure_of(error).verdict is verdict
    assert code in str(error)


@pytest.mark.parametrize("code", CODES)
def test_each_code_ends_as_its_two_sentences_and_as_nothing_that_paddle_wrote(
    code: str,
) -> None:
    known, detail = CODES[code], "ada@example.com may not"
    said = {"error": {"code": code, "detail": detail}}
    answer = httpx.Response(STATUSES.get(known.remedy, 400), json=said)
    account = Account("https://paddle.example", "pdl_key")
    transport = httpx.MockTransport(lambda _: answer)

    with (
        PaddleCheckouts(account, 5, transport) as api,
        pytest.raises(ERRORS[known.remedy][0]) as refused,
    ):
        api.open(Sale((("pri_1", 1),), {}))

    permission = ": transaction.write" if code == "forbidden" else ""
    assert api.problem_of(refused.value) == Problem(
        f"{known.words} ({code}{permission})", known.buyer or Buyer.SHOP
    )
    assert detail not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            answered_by(502, "<h1>Bad gateway</h1>"),
            Problem(f"{CODES['bad_gateway'].words} (no code)", Buyer.SOON),
        ),
        (
            answered(503, "service_unavailable", retry_after="9"),
            Problem(
                f"{CODES['service_unavailable'].words} (service_unavailable)",
                Buyer.SOON,
            ),
        ),
        (ApiDownError("no answer: ReadTimeout"), DOWN),
        (ApiRefusedError("there is no key"), NO_KEY),
    ],
    ids=["proxy", "pause", "none", "key"],
)
def test_proxies_pauses_and_no_answer_at_all_are_told_too(
    error: Exception, problem: Problem
) -> None:
    assert problem_of(error) == problem


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (409, "concurrent_modification", Remedy.LATER_FOR_THIS),
        (409, "subscription_locked_renewal", Remedy.LATER_FOR_THIS),
        (409, "subscription_locked_by_something_new", Remedy.LATER_FOR_THIS),
        (400, "subscription_locked_by_something_new", Remedy.NEVER),
        (400, "subscription_locked_pending_changes", Remedy.NEVER),
        (409, "conflict", Remedy.NEVER),
        (404, "not_found", Remedy.NEVER),
        (418, "new", Remedy.NEVER),
        (401, "new", Remedy.PERSON),
        (403, "new", Remedy.PERSON),
        (408, "new", Remedy.LATER_WHEN_UP),
        (425, "new", Remedy.LATER_WHEN_UP),
        (429, "new", Remedy.LATER_FOR_ALL),
        (500, "not_found", Remedy.LATER_WHEN_UP),
        (302, "not_found", Remedy.LATER_WHEN_UP),
    ],
)
def test_the_code_decides_and_else_the_status(
    status: int, code: str, remedy: Remedy
) -> None:
    assert sorted_by(status, code).remedy is remedy


def test_a_lock_is_the_rows_own_and_says_how_long_it_lasts() -> None:
    renewing = answered(409, "subscription_locked_renewal")
    told = answered(409, "concurrent_modification", retry_after="7")

    assert failure_of(renewing).wait_at_least == timedelta(minutes=30)
    assert failure_of(told).wait_at_least == timedelta(seconds=7)


def test_a_person_is_told_whether_it_is_the_key_or_the_account() -> None:
    shop = answered(400, "transaction_default_checkout_url_not_set")

    assert "PADDLE_API_KEY is not believed" in str(answered(403, "invalid_token"))
    assert "PADDLE_API_KEY" not in str(shop)
    assert "set in Paddle's dashboard" in str(shop)
