"""A Celery consumer that no message can kill.

Celery's own acknowledges a message it cannot decode without a trace, drops unknown
ones, and ends the worker over some (celery 5.7 ``worker/consumer/consumer.py``; tried
out frame by frame). This one files each as a dead letter first.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import structlog
from celery.worker.consumer import Consumer

from worker import about  # noqa: F401 (so that workers answer what they are)
from worker.quarantine import quarantine
from worker.settings import settings
from worker.stray import Fault, fault_of, stray_of_message

log = structlog.get_logger()

#: What kombu's Redis transport raises over a list item that is no message at all. The
#: item is gone from Redis by then; starting the connection anew is all there is to do.
FRAME_ERRORS = (ValueError, TypeError, AttributeError)
#: What kombu looks for in an item; its absence is a KeyError, which it counts among
#: the lost connections.
FRAME_KEYS = {"properties", "delivery_tag", "delivery_info"}


class SafeConsumer(Consumer):
    """Files what cannot be run, then takes the next message."""

    # Celery's; their types come with no package.
    conninfo: Any
    connection: Any
    connection_errors: tuple[type[BaseException], ...]
    event_dispatcher: Any
    strategies: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (Celery's)
        """Survive items in the broker that are no messages."""
        super().__init__(*args, **kwargs)
        self.connection_errors = (*self.connection_errors, *FRAME_ERRORS)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:  # noqa: ANN401 (Celery's)
        """Return what is called with each message."""
        celerys_own = super().create_task_handler(*args, **kwargs)
        lost = (*self.conninfo.connection_errors, *self.conninfo.channel_errors)

        def on_task_received(message: Any) -> None:  # noqa: ANN401 (kombu's)
            fault = fault_of(message, self.strategies)
            if fault is not None:
                self._put_aside(message, fault)
                return
            try:
                celerys_own(message)
            except Exception as error:
                # kombu counts a KeyError among the lost connections.
                if isinstance(error, lost) and not isinstance(error, KeyError):
                    raise
                name = type(error).__name__
                self._put_aside(message, Fault("InvalidMessage", f"Celery: {name}"))

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:  # noqa: ANN401
        """File a message that kombu could not unpack."""
        name = type(exc).__name__
        error = f"its body cannot be unpacked ({name})"
        self._put_aside(message, Fault("UndecodableMessage", error))

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ANN401
        """File a message that names no task."""
        del body
        self._put_aside(message, Fault("UnknownMessage", "it names no task"))

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ANN401
        """File a message for a task that this worker does not have."""
        del body, exc
        error = "this worker has no task of that name"
        self._put_aside(message, Fault("UnknownTask", error))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ANN401
        """File a message that Celery found fault with."""
        del body
        name = type(exc).__name__
        self._put_aside(message, Fault("InvalidMessage", f"Celery refused it: {name}"))

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Leave errors that are no connection's to whoever starts the worker."""
        if _is_about_an_item(exc):
            _reraise(exc)
        super().on_connection_error_before_connected(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Tell a garbled item from a lost connection, and start anew for both."""
        if _is_about_an_item(exc):
            log.critical("broker_item_lost", error_class=type(exc).__name__)
        if self.connection is not None:
            self.connection.close = _close_of_lost(self.connection.close)
        super().on_connection_error_after_connected(exc)

    def _put_aside(self, message: Any, fault: Fault) -> None:  # noqa: ANN401
        """File first, then reject: what is lost in between comes again. Never raises."""
        stray = stray_of_message(message, fault, self.hostname)
        quarantine(stray, settings())
        try:
            message.reject()
        except Exception as error:  # noqa: BLE001 (the worker must live)
            log.warning("reject_failed", error_class=type(error).__name__)
        self._show_in_flower(stray.task_id, stray.task, fault)

    def _show_in_flower(
        self, task_id: str | None, task: str | None, why: Fault
    ) -> None:
        if not task_id or not self.event_dispatcher:
            return
        text = f"{why.error_class}: {why.error}. paddlewheel deadletters list"
        try:
            self.event_dispatcher.send("task-received", uuid=task_id, name=task)
            self.event_dispatcher.send("task-failed", uuid=task_id, exception=text)
        except Exception as error:  # noqa: BLE001 (the worker must live)
            log.warning("event_not_sent", error_class=type(error).__name__)


def _is_about_an_item(error: Exception) -> bool:
    if isinstance(error, KeyError):
        return bool(FRAME_KEYS & set(error.args))
    return isinstance(error, FRAME_ERRORS) and not isinstance(error, OSError)


def _close_of_lost(close: Callable[[], None]) -> Callable[[], None]:
    """Return the closing of a lost connection, without an error that ends the worker.

    Celery has taken the connection's transport away by then, and where a task was in
    the middle of its work kombu's channel wants to give its message back through it
    (celery and kombu 5.7). The message comes again by itself, late.
    """

    def closed() -> None:
        with suppress(AttributeError):
            close()

    return closed


def _reraise(error: Exception) -> NoReturn:
    raise error
