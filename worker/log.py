"""One log for every process: a line of JSON, or of colour, per thing that happened.

Configured once per process. Everything goes through the same renderer, Celery's own
loggers too, so that no line can be broken by what stands in it and no traceback can
carry a learner's data: of an error only its class and the places are written, of
ours also the text, which is made to be shown. That holds for a line that cannot be
written, too.
"""

import logging
import logging.config
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from structlog.typing import EventDict, Processor

from worker.log_records import (
    bounded,
    error_of,
    error_without_data,
    is_worth_a_line,
    lost_line_of,
    one_line,
    task_of,
)
from worker.settings import Settings

#: What these say at INFO is a request per line with its address, or a line a second.
QUIET = (
    "celery.beat",
    "celery.worker.strategy",
    "httpcore",
    "httpx",
    "kombu",
    "mail.log",
    "tornado.access",
    "uvicorn.access",
)

#: Is told of each error that is logged, with the exception if there is one.
Listener = Callable[[EventDict, BaseException | None], None]
_listeners: list[Listener] = []


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each line; of one that it cannot write it says so, and no value.

    Celery's soft limit strikes between any two instructions, also in here, where
    ``logging`` would keep it to itself: the task would never learn of its limit.
    """

    def __init__(self, stream: TextIO, form: str, process: str) -> None:
        """Write to a stream; see ``configure`` for the rest."""
        super().__init__(stream)
        self._form = form
        self._process = process

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's)
        """Tell of a line that is lost; write it again if only the soft limit struck.

        Raises:
            SoftTimeLimitExceeded: If that is what struck.
        """
        error = sys.exc_info()[1]
        if isinstance(error, SoftTimeLimitExceeded):
            # It may already have been written: twice is better than not at all.
            self.emit(record)
            raise error
        # What a stream raises that is closed, broken or of another encoding.
        with suppress(OSError, ValueError):
            line = lost_line_of(record, error, self._form, self._process)
            self.stream.write(line + self.terminator)
            self.flush()


def on_error(listener: Listener) -> None:
    """Tell somebody of each error that is logged in this process."""
    if listener not in _listeners:
        _listeners.append(listener)


def configure(config: Settings, process: str, stream: TextIO | None = None) -> None:
    """Send the logs of this process to standard error.

    Args:
        config: Says the format and the least level.
        process: Which of ours it is, as in ``Procfile``; part of every line.
        stream: Where to write instead.
    """
    _configure(config.log_format, config.log_level, process, stream or sys.stderr)


def configure_command() -> None:
    """Send warnings of a command to standard error: its output is for scripts.

    Reads no settings, since a command must be able to say that they are wrong.
    """
    _configure("console", "WARNING", "paddlewheel", sys.stderr)


def _configure(form: str, level: str, process: str, stream: TextIO) -> None:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"process": process, **event},
        _tell_of_errors,
        error_without_data,
        bounded,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = LineHandler(stream, form, process)
    handler.setFormatter(_formatter(form, shared, stream))
    handler.addFilter(is_worth_a_line)
    _install(handler, level)


def _tell_of_errors(_logger: object, _method: str, event: EventDict) -> EventDict:
    if event.get("level") in {"error", "critical"}:
        for listener in _listeners:
            _tell(listener, event)
    return event


def _tell(listener: Listener, event: EventDict) -> None:
    try:
        listener(event, error_of(event))
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001, S110 (who logs must not fail because of him)
        pass


def _formatter(form: str, shared: list[Processor], stream: TextIO) -> logging.Formatter:
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        last.append(structlog.processors.JSONRenderer(sort_keys=False))
    else:
        last += [one_line, structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    return structlog.stdlib.ProcessorFormatter(
        processors=last,
        foreign_pre_chain=[structlog.stdlib.add_logger_name, task_of, *shared],
    )


def _install(handler: logging.Handler, level: str) -> None:
    root = logging.root
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # Through dictConfig, because these are loggers of others: ours are structlog's.
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "loggers": {name: {"level": "WARNING"} for name in QUIET},
        }
    )
    logging.captureWarnings(capture=True)
