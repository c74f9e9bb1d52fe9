"""What a log line carries, and what it never does."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from tests.fixtures.logs import only
from worker import log as logs
from worker.errors import PermanentError

CANARY = "ada@example.com"
FORGED = 'ok\n{"event": "forged"}\r\x1b[2K\u2028\x85end'


def test_a_line_has_event_level_time_process_and_fields(
    written: Callable[..., str],
) -> None:
    entry = only(written(lambda log: log.info("rows_rung", inbox=3)))
    assert entry["event"] == "rows_rung"
    assert entry["inbox"] == 3
    assert (entry["level"], entry["process"]) == ("info", "test")
    assert entry["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written(written: Callable[..., str]) -> None:
    assert written(lambda log: log.info("quiet"), log_level="WARNING") == ""


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_text_can_forge_a_line(form: str, written: Callable[..., str]) -> None:
    def do(log: Any) -> None:
        log.info("seen", path=FORGED)
        log.info(FORGED)
        logging.getLogger("other").warning("it said %s", FORGED)

    text = written(do, log_format=form)
    assert len(text.splitlines()) == 3
    assert "\x1b[2K" not in text


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_foreign_error_is_told_by_class_and_place(
    form: str, written: Callable[..., str]
) -> None:
    def do(log: Any) -> None:
        try:
            int(CANARY)
        except ValueError:
            log.exception("odd")
            logging.getLogger("other").exception("odd too")

    text = written(do, log_format=form)
    assert CANARY not in text
    assert len(text.splitlines()) == 2
    assert text.count("ValueError") == 2
    assert "tests/unit/worker/test_log.py" in text


def test_an_error_of_ours_is_told_with_its_sentence(
    written: Callable[..., str],
) -> None:
    def do(log: Any) -> None:
        log.error("refused", exc_info=PermanentError("the price is unknown"))

    assert only(written(do))["error"] == "the price is unknown"


def test_celery_speaks_in_events(written: Callable[..., str]) -> None:
    data = {"name": "events.record", "id": "t1", "return_value": "'3 processed'"}

    def do(_: Any) -> None:
        logging.getLogger("celery.app.trace").info(
            "Task %(name)s", data, extra={"data": data | {"runtime": 0.5}}
        )

    entry = only(written(do))
    assert entry["event"] == "task_succeeded"
    assert (entry["task"], entry["task_id"]) == ("events.record", "t1")
    assert (entry["outcome"], entry["seconds"]) == ("3 processed", 0.5)


def test_a_long_text_is_cut(written: Callable[..., str]) -> None:
    entry = only(written(lambda log: log.info("seen", text="x" * 10_000)))
    assert len(entry["text"]) < 2100


def test_libraries_that_log_addresses_are_quiet(written: Callable[..., str]) -> None:
    def do(_: Any) -> None:
        for name in ("httpx", "mail.log", "tornado.access"):
            logging.getLogger(name).info("GET /?email=%s", CANARY)

    assert written(do) == ""


def test_a_commands_warnings_leave_its_output_alone(
    written: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    written(lambda _: None)
    logs.configure_command()
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("ring_dropped")
    out, err = capsys.readouterr()
    assert out == ""
    assert "ring_dropped" in err
    assert "quiet" not in err
