"""Errors to Sentry, off without ``SENTRY_DSN``: classes and places, never data.

Whatever is logged as an error goes there, once: the name of the log event, the class
of the error, the files and lines it came through, the names of process, task and
environment, and the steps before it by their ids (``worker/crumbs.py``). Not sent:
bodies, arguments, local variables, addresses, the texts of errors that are not ours
(``worker/scrubbing.py``). So no integration is on that hooks requests, SQL or Celery:
an outcome that is no fault (a batch put off, a run that only tells of rows that died)
is not logged as an error either. Of rows that die one event leaves for each kind of
death in a batch (``worker/deaths.py``).
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from structlog.typing import EventDict

from worker.crumbs import MOST_CRUMBS
from worker.log import on_error
from worker.scrubbing import scrubbed
from worker.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk._types import LogLevelStr

SHUTDOWN_SECONDS = 2
#: How long an error of somebody else's logger is not told again.
REPEAT_SECONDS = 600
#: Logger, task and class of error: few, none from outside.
_told_at: dict[str, float] = {}
#: What makes rows that died one kind.
KIND = ("table", "error_class", "place")
#: What alerts call it to what Sentry calls it.
LEVELS: "Mapping[str, LogLevelStr]" = {
    "info": "info",
    "warning": "warning",
    "critical": "fatal",
}
#: Of what a line says, what an event may say too: names and numbers.
TAGS = ("process", "task", "task_id", "table", "rows", "letter", "place")


def start_sentry(config: Settings, process: str) -> None:
    """Switch Sentry on in this process and its children, if there is a DSN.

    Args:
        config: Has the DSN, and the environment that events are filed under.
        process: Which of ours it is, as in ``Procfile``.
    """
    if config.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=config.sentry_dsn.get_secret_value(),
        environment=config.paddle_environment.value,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=MOST_CRUMBS,
        before_send=scrubbed,
        shutdown_timeout=SHUTDOWN_SECONDS,
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        integrations=[
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            DedupeIntegration(),
            ExcepthookIntegration(),
        ],
    )
    sentry_sdk.set_tag("process", process)
    on_error(tell_sentry)


def tell_sentry(event: EventDict, error: BaseException | None) -> None:
    """Send what was logged as an error, and what others log again and again once."""
    if "logger" in event:
        what = (event["logger"], event.get("task"), type(error).__name__)
        if _was_told(" ".join(map(str, what))):
            return
    with sentry_sdk.new_scope() as scope:
        name = str(event.get("event", ""))
        # A sentence of somebody else's logger may quote anything.
        scope.set_tag("event", str(event["logger"]) if "logger" in event else name)
        for tag in TAGS:
            if event.get(tag) is not None:
                scope.set_tag(tag, str(event[tag]))
        if "letter" in event:
            # What makes one alert makes one issue.
            scope.fingerprint = [name, *(str(event.get(part)) for part in KIND)]
        if error is not None:
            scope.capture_exception(error)
        else:
            scope.capture_message(_sentence(event), level="error")


def _was_told(what: str) -> bool:
    """Tell whether the same was told a short time ago, by this process.

    While a broker is away beat logs an error for each message that it cannot send.
    """
    now = time.monotonic()
    told_at = _told_at.get(what)
    if told_at is not None and now - told_at < REPEAT_SECONDS:
        return True
    _told_at[what] = now
    return False


def _sentence(event: EventDict) -> str:
    if "logger" in event:
        return f"{event['logger']} logged an error"
    said = [str(event[part]) for part in ("event", "error_class") if event.get(part)]
    return ": ".join(said)


def tell_alert(
    title: str, level: str, fingerprint: str, tags: Mapping[str, str]
) -> None:
    """Send what people are told of an alert. Without a DSN: nothing.

    Args:
        title: One line; safe to show.
        level: ``info``, ``warning`` or ``critical``, as alerts have it.
        fingerprint: Of the alert: Sentry makes one issue of its messages.
        tags: Short texts to search by: kind, alert id.
    """
    if not sentry_sdk.is_initialized():
        return
    with sentry_sdk.new_scope() as scope:
        scope.fingerprint = [fingerprint]
        for name, value in tags.items():
            scope.set_tag(name, value)
        scope.capture_message(title, level=LEVELS[level])
