"""Messages that no task of ours can take: what is wrong with them, what is kept.

Whoever can write to the broker can put anything there, and a body that is valid JSON
but not a list of three ends a whole Celery worker, then the next one (celery 5.7
``worker/strategy.py``). So a message is looked at before Celery does. What is told of
one never quotes it; the message itself is kept as bytes.
"""

import base64
import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import Task
from kombu.exceptions import ContentDisallowed

from worker.dead_letters import StrayMessage

#: More of a message is not kept; its digest is over the whole.
MAX_KEPT_BYTES = 1024 * 1024
MAX_NAME_CHARS = 200
#: Arguments, keyword arguments, and what Celery embeds.
BODY_PARTS = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message cannot be run."""

    error_class: str
    error: str


def fault_of(message: Any, known_tasks: Container[str]) -> Fault | None:  # noqa: ANN401 (kombu's)
    """Say what is wrong with a message before Celery looks at it. Never raises.

    Args:
        message: As kombu hands it over, with whatever in it.
        known_tasks: Names of the tasks that this worker has.
    """
    return _header_fault(message.headers, known_tasks) or _body_fault(message)


def _header_fault(headers: Any, known_tasks: Container[str]) -> Fault | None:  # noqa: ANN401
    if not isinstance(headers, dict) or not isinstance(headers.get("task"), str):
        return Fault("UnknownMessage", "it names no task")
    if headers["task"] not in known_tasks:
        return Fault("UnknownTask", "this worker has no task of that name")
    if not headers.get("id") or not isinstance(headers["id"], str):
        return Fault("InvalidMessage", "it has no task id")
    if not isinstance(headers.get("retries") or 0, int):
        return Fault("InvalidMessage", "its number of retries is no number")
    if not _are_limits(headers.get("timelimit")):
        return Fault("InvalidMessage", "its time limits are no numbers")
    return None


def _are_limits(given: Any) -> bool:  # noqa: ANN401
    if given is None:
        return True
    return (
        isinstance(given, list | tuple)
        and len(given) == 2  # noqa: PLR2004 (hard and soft)
        and all(limit is None or isinstance(limit, int | float) for limit in given)
    )


def _body_fault(message: Any) -> Fault | None:  # noqa: ANN401
    try:
        payload = message.payload
    except ContentDisallowed:
        return Fault("ContentRefused", "its content type is not application/json")
    except Exception as error:  # noqa: BLE001 (decoders raise what they like)
        name = type(error).__name__
        return Fault("UndecodableMessage", f"its body cannot be decoded ({name})")
    if not isinstance(payload, list | tuple) or len(payload) != BODY_PARTS:
        return Fault("InvalidMessage", "its body is not a list of three")
    args, kwargs, embedded = payload
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        return Fault("InvalidMessage", "its arguments are not a list and a mapping")
    if not isinstance(embedded, dict | None):
        return Fault("InvalidMessage", "what it embeds is not a mapping")
    return None


def stray_of_message(message: Any, fault: Fault, worker: str) -> StrayMessage:  # noqa: ANN401
    """Return what is kept of a message. Never raises, whatever it is."""
    headers = getattr(message, "headers", None)
    named = headers if isinstance(headers, dict) else {}
    return stray_of(
        frame_of(message),
        fault,
        worker,
        task=named.get("task"),
        task_id=named.get("id"),
    )


def stray_of_run(
    task: Task[Any, Any],
    task_id: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    fault: Fault,
) -> StrayMessage:
    """Return what is kept of a message that reached its task and was not for it."""
    frame = {"task": task.name, "id": task_id, "args": args, "kwargs": kwargs}
    raw = _json_of(frame)
    worker = str(task.request.hostname or "")
    return stray_of(raw, fault, worker, task=task.name, task_id=task_id)


def stray_of(
    raw: bytes,
    fault: Fault,
    worker: str,
    *,
    task: object = None,
    task_id: object = None,
) -> StrayMessage:
    """Return what is kept, fit for a text column."""
    return StrayMessage(
        digest=hashlib.sha256(raw).hexdigest(),
        raw=raw[:MAX_KEPT_BYTES],
        task=_name(task),
        task_id=_name(task_id),
        worker=_showable(worker),
        error_class=_showable(fault.error_class),
        error=_showable(fault.error),
    )


def frame_of(message: Any) -> bytes:  # noqa: ANN401
    """Return a message as bytes: the same for each delivery of the same message."""
    body = getattr(message, "body", None)
    if isinstance(body, str):
        body = body.encode(errors="surrogatepass")
    info = getattr(message, "delivery_info", None)
    frame = {
        "queue": info.get("routing_key") if isinstance(info, dict) else None,
        "content-type": getattr(message, "content_type", None),
        "content-encoding": getattr(message, "content_encoding", None),
        "headers": getattr(message, "headers", None),
        "body": (
            base64.b64encode(body).decode()
            if isinstance(body, bytes | bytearray | memoryview)
            else repr(body)
        ),
    }
    return _json_of(frame)


def _json_of(frame: dict[str, Any]) -> bytes:
    try:
        return json.dumps(frame, default=repr, sort_keys=True).encode()
    except (TypeError, ValueError, RecursionError):
        return repr(frame).encode(errors="backslashreplace")


def _name(given: object) -> str | None:
    return _showable(given) if isinstance(given, str) else None


def _showable(given: str) -> str:
    # PostgreSQL takes neither NUL nor lone surrogates, an operator no control codes.
    return "".join(c if c.isprintable() else "?" for c in given[:MAX_NAME_CHARS])
