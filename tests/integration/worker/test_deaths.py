"""What is an error: rows that died, once for each kind and batch, after the commit.

Sentry hears of what is logged as an error, and of nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from tests.factories import add_work, change, one
from worker.drain import Apply, Job, Result, drain, drain_each
from worker.errors import PermanentError, TransientError
from worker.failures import failure_of
from worker.lifecycle import Ending, Lease
from worker.settings import Settings
from worker.work_tables import INBOX, Claimant


@pytest.fixture
def job(engine: Engine, configured: Callable[..., Settings]) -> Callable[..., Job]:
    def make(**overrides: object) -> Job:
        config = configured(retry_first_seconds=60, **overrides)
        return Job(engine, INBOX, Claimant("task", "here"), config)

    return make


def errors_of(run: Callable[[], object]) -> list[dict[str, Any]]:
    """What was logged as an error meanwhile."""
    with capture_logs() as lines:
        run()
    return [dict(line) for line in lines if line["log_level"] in {"error", "critical"}]


def always(result: Callable[[int], Result]) -> Apply:
    def apply(_connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        return {row_id: result(row_id) for row_id in ids}

    return apply


def raised(error: Exception) -> Result:
    try:
        raise error
    except type(error) as caught:
        return failure_of(caught)


def test_many_deaths_of_one_kind_are_one_error(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 30)

    (error,) = errors_of(
        lambda: drain(job(), always(lambda _: raised(PermanentError("never"))))
    )

    assert (error["event"], error["table"], error["rows"]) == ("rows_died", "inbox", 30)
    assert error["letter"] == one(engine, "SELECT min(id) FROM dead_letters")
    assert (error["error_class"], error["error"]) == ("PermanentError", "never")
    assert error["place"].endswith(" raised")
    assert isinstance(error["exc_info"], PermanentError)


def test_each_batch_and_each_kind_is_told(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 8)

    def result(row_id: int) -> Result:
        kind = PermanentError if row_id % 2 else ValueError
        # A foreign error dies with its last attempt.
        return raised(kind("x"))

    found = errors_of(lambda: drain(job(batch_rows=4, retry_limit=1), always(result)))

    told = sorted((error["error_class"], error["rows"]) for error in found)
    assert told == [("PermanentError", 2)] * 2 + [("ValueError", 2)] * 2


def test_row_by_row_work_is_told_once_for_its_claim(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 5)

    def work(_engine: Engine, _lease: Lease, _row: int) -> Result:
        raise PermanentError("no such mailbox")

    assert [error["rows"] for error in errors_of(lambda: drain_each(job(), work))] == [
        5
    ]


def test_poison_is_told_without_a_place(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 1, crashes=3)

    (error,) = errors_of(lambda: drain(job(), always(lambda _: Ending("processed"))))

    assert (error["error_class"], error["place"]) == ("Poison", "")


@pytest.mark.parametrize("state", ["processed", "stale", "ignored"])
def test_an_ending_is_no_error(
    engine: Engine, job: Callable[..., Job], state: str
) -> None:
    add_work(engine, 3)

    assert errors_of(lambda: drain(job(), always(lambda _: Ending(state)))) == []
    assert one(engine, "SELECT count(*) FROM inbox WHERE state = :s", s=state) == 3


@pytest.mark.parametrize(
    "error",
    [
        TransientError("busy"),
        RuntimeError("may pass"),
        OperationalError("", None, psycopg.OperationalError()),
    ],
    ids=["transient", "foreign", "machinery"],
)
def test_what_is_put_off_is_no_error(
    engine: Engine, job: Callable[..., Job], error: Exception
) -> None:
    add_work(engine, 3)

    def fail(_connection: Connection, _ids: Sequence[int]) -> Mapping[int, Result]:
        raise error

    assert errors_of(lambda: drain(job(), fail)) == []
    waiting = "SELECT count(*) FROM inbox WHERE state = 'pending' AND last_error <> ''"
    assert one(engine, waiting) == 3


def test_the_last_attempt_is_one(engine: Engine, job: Callable[..., Job]) -> None:
    ids = add_work(engine, 1)
    made = job(retry_limit=2)
    change(engine, ids, "failures", 1)

    found = errors_of(
        lambda: drain(made, always(lambda _: raised(TransientError("busy"))))
    )

    assert [error["error_class"] for error in found] == ["TransientError"]


def test_a_death_that_was_not_committed_is_not_told(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 2)

    def fail(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        # Somebody else takes the rows over before the end of the work.
        connection.execute(
            text("UPDATE inbox SET lease_token = gen_random_uuid() WHERE id = ANY(:i)"),
            {"i": list(ids)},
        )
        return {row_id: raised(PermanentError("never")) for row_id in ids}

    assert errors_of(lambda: drain(job(), fail)) == []
    assert one(engine, "SELECT count(*) FROM dead_letters") == 0
