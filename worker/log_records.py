"""What becomes of a log record before it is written: constant names, no data.

Celery puts what it logs about a task also into the record as a mapping (celery 5.7
``app/trace.py``); from that come events with constant names instead of sentences.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from structlog.typing import EventDict

from worker.errors import PaddlewheelError
from worker.settings import ROOT

#: Longer texts are cut: a line must fit where lines are kept.
MAX_TEXT_CHARS = 2000
MAX_FRAMES = 12
#: C0, DEL and C1 controls, and the two Unicode line ends, as visible escapes. The
#: bidirectional controls too: they make a terminal show another text.
ESCAPES = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0x2028,
        0x2029,
    )
}
#: What an event of ours is called; any other text may quote data.
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: These succeed every few seconds with nothing to tell.
SILENT_SUCCESS = frozenset({"rows.sweep", "alerts.watch", "queues.pulse"})


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Tell whether a record should be written at all."""
    data = _task_data(record)
    return not (
        record.levelno <= logging.INFO
        and data is not None
        and data.get("name") in SILENT_SUCCESS
    )


def task_of(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace Celery's sentences about a task by an event with fields."""
    record = event.get("_record")
    data = _task_data(record) if isinstance(record, logging.LogRecord) else None
    if data is None:
        return event
    event["task"] = data.get("name")
    event["task_id"] = data.get("id")
    if "return_value" in data:
        event["event"] = "task_succeeded"
        event["outcome"] = str(data["return_value"]).strip("'")
        event["seconds"] = round(float(data.get("runtime") or 0), 3)
    elif "description" in data:
        event["event"] = "task_failed"
        event["outcome"] = str(data.get("exc", data["description"]))
    elif "exc" in data:
        event["event"] = "task_put_off"
        event["outcome"] = str(data["exc"])
    return event


def error_without_data(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its class, its place and, if it is ours, its text."""
    error = error_of(event)
    event.pop("exc_info", None)
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        # Else the formatter would write the traceback below the line.
        record.exc_info = record.exc_text = None
    if error is None:
        return event
    event["error_class"] = type(error).__name__
    event["at"] = places_of(error)
    if isinstance(error, PaddlewheelError):
        event.setdefault("error", str(error))
    return event


def places_of(error: BaseException) -> list[str]:
    """Return where an error came through, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [
        f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
        for frame in reversed(frames)
    ]


def _short(path: str) -> str:
    return path.removeprefix(f"{ROOT}/").rpartition("/site-packages/")[2]


def bounded(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Cut texts that are too long for a line."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
            event[key] = value[:MAX_TEXT_CHARS] + "…"
    return event


def one_line(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Make control characters visible, so that no text can forge another line."""
    return {key: _visible(value) for key, value in event.items()}


def _visible(value: Any) -> Any:  # noqa: ANN401 (whatever was logged)
    if isinstance(value, list):
        return " < ".join(str(_visible(item)) for item in value)
    text = value if isinstance(value, str) else repr(value)
    escaped = text.translate(ESCAPES)
    return escaped if isinstance(value, str) or escaped != text else value


def _task_data(record: logging.LogRecord) -> dict[str, Any] | None:
    data = getattr(record, "data", None)
    return data if isinstance(data, dict) and "name" in data and "id" in data else None


def error_of(event: EventDict) -> BaseException | None:
    """Return the exception that an event or its record carries."""
    given: Any = event.get("exc_info")
    record = event.get("_record")
    if not given and isinstance(record, logging.LogRecord):
        given = record.exc_info
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    return error if isinstance(error, BaseException) else None


def lost_line_of(
    record: logging.LogRecord, error: BaseException | None, form: str, process: str
) -> str:
    """Return a line that stands in for one that could not be written.

    It is made without the processors, one of which may be what failed, and holds the
    class of the error and the name of the event, if it has one: constants of ours.

    Args:
        record: What could not be written.
        error: Why.
        form: ``json``, or anything else for a line to read.
        process: Which of ours it is.
    """
    at = datetime.fromtimestamp(record.created, UTC)
    line = {
        "process": process,
        "event": "log_line_lost",
        "level": "error",
        "timestamp": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "error_class": type(error).__name__,
    }
    lost = record.msg.get("event") if isinstance(record.msg, dict) else None
    if isinstance(lost, str) and EVENT_NAME.fullmatch(lost):
        line["lost"] = lost
    if form == "json":
        return json.dumps(line)
    return " ".join(f"{key}={value}" for key, value in line.items())
