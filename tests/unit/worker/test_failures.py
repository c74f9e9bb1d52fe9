"""Errors sorted: try again, give up, or blame the machinery; told without data."""

from collections.abc import Callable
from traceback import walk_tb

import psycopg
import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from worker.errors import (
    ConflictError,
    LostLeaseError,
    MalformedPayloadError,
    TransientError,
)
from worker.failures import Verdict, failure_of

SECRET = "jo@example.com"


def from_database(kind: type[DBAPIError], cause: Exception) -> DBAPIError:
    return kind(f"INSERT … {SECRET}", {"email": SECRET}, cause)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (MalformedPayloadError("data.id is empty"), Verdict.PERMANENT),
        (ConflictError("another content"), Verdict.PERMANENT),
        (TransientError("busy"), Verdict.RETRY),
        (LostLeaseError("taken over"), Verdict.RETRY),
        (RuntimeError(SECRET), Verdict.RETRY),
        (MemoryError(), Verdict.RETRY),
        (PoolTimeoutError(), Verdict.MACHINERY),
        (DisconnectionError(), Verdict.MACHINERY),
        (
            from_database(DataError, psycopg.errors.NumericValueOutOfRange(SECRET)),
            Verdict.PERMANENT,
        ),
        (from_database(DataError, psycopg.DataError(SECRET)), Verdict.PERMANENT),
        (
            from_database(IntegrityError, psycopg.errors.UniqueViolation(SECRET)),
            Verdict.RETRY,
        ),
        (
            from_database(OperationalError, psycopg.OperationalError(SECRET)),
            Verdict.MACHINERY,
        ),
        (
            from_database(OperationalError, psycopg.errors.DeadlockDetected(SECRET)),
            Verdict.MACHINERY,
        ),
        (
            from_database(OperationalError, psycopg.errors.LockNotAvailable(SECRET)),
            Verdict.MACHINERY,
        ),
        (
            from_database(
                OperationalError, psycopg.errors.ProgramLimitExceeded(SECRET)
            ),
            Verdict.RETRY,
        ),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'orig', '')!r:.30}",
)
def test_each_error_has_its_verdict_and_quotes_nothing(
    error: Exception, verdict: Verdict
) -> None:
    failure = failure_of(error)

    assert failure.verdict is verdict
    assert SECRET not in failure.sentence
    assert failure.error_class == type(error).__name__


def test_an_error_of_our_own_is_told_in_its_words() -> None:
    assert failure_of(MalformedPayloadError("data.id is empty")).sentence == (
        "MalformedPayloadError: data.id is empty"
    )


def test_a_foreign_error_is_told_by_its_place_in_our_code() -> None:
    with pytest.raises(RuntimeError) as raised:
        fail()

    told = failure_of(raised.value).error
    assert told.startswith("at tests/unit/worker/test_failures.py:")
    assert told.endswith(" fail")


def fail() -> None:
    raise RuntimeError(SECRET)


def fail_in_words() -> None:
    secret = Held(SECRET)
    raise MalformedPayloadError("data.id is empty") from ValueError(secret.text)


class Held:
    """Something that can be seen to be gone."""

    def __init__(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize("raising", [fail, fail_in_words])
def test_a_failure_knows_its_place_and_its_error(raising: Callable[[], None]) -> None:
    with pytest.raises(Exception, match=r".") as raised:
        raising()

    failure = failure_of(raised.value)

    assert failure.place.startswith("tests/unit/worker/test_failures.py:")
    assert failure.place.endswith(f" {raising.__name__}")
    assert failure.cause is raised.value
    assert SECRET not in repr(failure)


def test_the_place_is_ours_where_a_library_raised() -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(int).validate_python(SECRET)

    place = failure_of(raised.value).place
    assert place.startswith("tests/unit/worker/test_failures.py:")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    failure = failure_of(ConflictError("another content"))

    assert failure.place == ""
    assert "unknown place" in failure_of(RuntimeError(SECRET)).error


def test_what_a_failed_row_held_is_let_go_before_its_batch_ends() -> None:
    with pytest.raises(MalformedPayloadError) as raised:
        fail_in_words()

    failure_of(raised.value)

    innermost = [frame for frame, _ in walk_tb(raised.value.__traceback__)][-1]
    assert innermost.f_locals == {}


def test_a_refusal_by_the_driver_is_not_told_as_a_lost_connection() -> None:
    error = from_database(DataError, psycopg.DataError(SECRET))

    assert "connection lost" not in failure_of(error).sentence
