"""A line that cannot be written: what is told of it, and what goes on."""

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from tests.fixtures.logs import only
from worker import log as logs

CANARY = "ada@example.com"


@pytest.fixture(autouse=True, params=[True, False], ids=["loud", "quiet"])
def how_loud_logging_is(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", request.param)


class Odd:
    """Raises each of these once, when somebody wants to write it."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __repr__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "odd"


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_line_that_cannot_be_written_leaves_one_without_values(
    form: str, written: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    def do(log: Any) -> None:
        log.info("rows_rung", mail=CANARY, odd=Odd(ValueError(CANARY)))

    text = written(do, log_format=form)
    assert len(text.splitlines()) == 1
    assert all(word in text for word in ("log_line_lost", "ValueError", "rows_rung"))
    assert CANARY not in text
    assert capsys.readouterr() == ("", "")


def test_a_lost_line_of_others_quotes_nothing_of_them(
    written: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    def do(log: Any) -> None:
        logging.getLogger("other").warning("it said %s", Odd(ValueError(CANARY)))
        logging.getLogger("other").warning("%d", CANARY)
        log.warning(CANARY, odd=Odd(ValueError(CANARY)))

    lines = [json.loads(line) for line in written(do).splitlines()]
    assert [line.pop("error_class") for line in lines] == [
        "ValueError",
        "TypeError",
        "ValueError",
    ]
    for line in lines:
        assert line.pop("timestamp").endswith("Z")
        assert line == {"event": "log_line_lost", "level": "error", "process": "test"}
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_soft_limit_that_strikes_a_line_costs_none_and_goes_on(
    form: str, written: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    def do(log: Any) -> None:
        with pytest.raises(SoftTimeLimitExceeded):
            log.warning("lease_lost", odd=Odd(SoftTimeLimitExceeded()))
        with pytest.raises(SoftTimeLimitExceeded):
            logging.getLogger("o").warning("said %s", Odd(SoftTimeLimitExceeded()))

    ours, theirs = written(do, log_format=form).splitlines()
    assert "lease_lost" in ours
    assert "said odd" in theirs
    assert capsys.readouterr() == ("", "")


def test_a_soft_limit_goes_on_even_if_its_line_is_lost(
    written: Callable[..., str],
) -> None:
    def do(log: Any) -> None:
        with pytest.raises(SoftTimeLimitExceeded):
            log.info("seen", odd=Odd(SoftTimeLimitExceeded(), ValueError(CANARY)))

    entry = only(written(do))
    assert (entry["event"], entry["lost"]) == ("log_line_lost", "seen")


def test_a_soft_limit_that_strikes_a_listener_goes_on(
    written: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = [ValueError(CANARY), SoftTimeLimitExceeded()]

    def listen(_event: object, _error: object) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(logs, "_listeners", [listen])

    def do(log: Any) -> None:
        log.error("first")
        with pytest.raises(SoftTimeLimitExceeded):
            log.error("second")

    assert only(written(do))["event"] == "first"
    assert errors == []


def test_who_logs_to_a_closed_stream_goes_on(
    written: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    def do(log: Any) -> None:
        (handler,) = logging.root.handlers
        assert isinstance(handler, logging.StreamHandler)
        good, handler.stream = handler.stream, io.StringIO()
        handler.stream.close()
        log.warning("seen", mail=CANARY)
        handler.stream = good
        log.warning("again")

    assert only(written(do))["event"] == "again"
    assert capsys.readouterr() == ("", "")
