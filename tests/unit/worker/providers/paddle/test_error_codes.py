"""Every error code asks for time, another request, or a person."""

from datetime import timedelta

import httpx
import pytest

from worker.failures import Verdict, failure_of
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiLockedError,
    ApiRefusedError,
)
from worker.providers.paddle.answers import error_of
from worker.providers.paddle.error_codes import CODES, Remedy, sorted_by

ERRORS = {
    Remedy.LATER_FOR_ALL: (ApiBusyError, Verdict.MACHINERY),
    Remedy.LATER_WHEN_UP: (ApiDownError, Verdict.MACHINERY),
    Remedy.LATER_FOR_THIS: (ApiLockedError, Verdict.RETRY),
    Remedy.PERSON: (ApiRefusedError, Verdict.MACHINERY),
    Remedy.NEVER: (ApiError, Verdict.PERMANENT),
}


def answered(status: int, code: str, **headers: str) -> Exception:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.Response(status, headers=named)
    return error_of("/customers", response, f'{{"error":{{"code":"{code}"}}}}'.encode())


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_the_error_of_its_remedy_and_names_itself(code: str) -> None:
    error = answered(400, code)

    kind, verdict = ERRORS[CODES[code].remedy]
    assert type(error) is kind
    assert failure_of(error).verdict is verdict
    assert code in str(error)


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
