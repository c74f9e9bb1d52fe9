"""Where messages go that no task can take: a dead letter, or a spool on the way there.

So does the wish of a shop that its task could not note; its end is a row, not a letter.
Nothing here raises: an error in the worker's event loop would end the worker, its
message would be restored and end the next one. So where Postgres is away the message
is kept beside it (Redis: the list ``quarantine``; else, and if that fails too, files
in the state folder) and moved later by a maintenance task.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from worker.checkouts.noting import note_stray
from worker.dead_letters import StrayMessage, file_message
from worker.parent_database import parent_engine
from worker.settings import Settings
from worker.stray import Fault, stray_of

log = structlog.get_logger()

#: Key of the list in a Redis or Valkey broker; not a queue of Celery's.
SPOOL_KEY = "quarantine"
REDIS_TIMEOUT_SECONDS = 1
#: A database that was away is not asked again before: each try holds up the worker.
DATABASE_REST_SECONDS = 10
MAX_MOVED = 1000
#: SHA-256 in hex.
DIGEST = re.compile(r"[0-9a-f]{64}")

_rest_until = 0.0


def quarantine(stray: StrayMessage, config: Settings) -> None:
    """Keep a stray message, in Postgres if that answers at once. Never raises."""
    global _rest_until  # noqa: PLW0603 (one per process, as the event loop is)
    if time.monotonic() >= _rest_until:
        try:
            _take(parent_engine(config), stray, config)
        except Exception as error:  # noqa: BLE001 (drivers raise what they like)
            _rest_until = time.monotonic() + DATABASE_REST_SECONDS
            log.warning("dead_letter_not_filed", error_class=type(error).__name__)
        else:
            return
    _spool(stray, config)


def move_spooled(engine: Engine, config: Settings) -> int:
    """Move what was kept beside Postgres into it; run twice it changes nothing.

    Returns:
        How many messages were moved.
    """
    moved = 0
    for stray, forget in _spooled(config):
        _take(engine, stray, config)
        # Only now: a crash in between files it twice, and the digest makes that one.
        forget()
        moved += 1
        if moved == MAX_MOVED:
            break
    return moved


def _take(engine: Engine, stray: StrayMessage, config: Settings) -> None:
    if note_stray(engine, config, stray):
        return
    with engine.begin() as connection:
        file_message(connection, stray)
    log.error("message_quarantined", **_shown(stray))


def _spool(stray: StrayMessage, config: Settings) -> None:
    text = _packed(stray)
    for keep in (_keep_in_redis, _keep_in_file):
        try:
            where = keep(text, stray.digest, config)
        except Exception as error:  # noqa: BLE001 (never raises)
            log.warning("spool_failed", error_class=type(error).__name__)
        else:
            log.critical("message_spooled", where=where, **_shown(stray))
            return
    log.critical("message_lost", **_shown(stray))


def _keep_in_redis(text: str, _digest: str, config: Settings) -> str:
    with closing(_redis(config)) as client:
        client.lpush(SPOOL_KEY, text)
    return "redis"


def _keep_in_file(text: str, digest: str, config: Settings) -> str:
    folder = spool_dir(config)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f"{digest}.new"
    draft.write_text(text)
    draft.replace(folder / f"{digest}.json")
    return "file"


def spool_dir(config: Settings) -> Path:
    """Return the folder of the messages that could be kept nowhere else."""
    return config.state_dir / "quarantine"


def _spooled(config: Settings) -> Iterator[tuple[StrayMessage, Callable[[], object]]]:
    for file in sorted(spool_dir(config).glob("*.json")):
        yield _unpacked(file.read_bytes()), file.unlink
    if config.is_amqp:
        return
    with suppress(RedisError), closing(_redis(config)) as client:
        waiting: list[bytes] = client.lrange(SPOOL_KEY, 0, MAX_MOVED - 1)  # type: ignore[assignment]
        for item in waiting:
            yield _unpacked(item), partial(client.lrem, SPOOL_KEY, 1, item)  # type: ignore[arg-type]


def _redis(config: Settings) -> Redis:
    if config.is_amqp:
        message = "this broker has no lists"
        raise RedisError(message)
    return Redis.from_url(
        config.broker_url,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        # Left to itself redis-py tries for many seconds more.
        retry=Retry(NoBackoff(), 0),
    )


def _packed(stray: StrayMessage) -> str:
    fields: dict[str, Any] = asdict(stray)
    return json.dumps(fields | {"raw": base64.b64encode(stray.raw).decode()})


def _unpacked(text: bytes) -> StrayMessage:
    try:
        fields = json.loads(text)
        raw = base64.b64decode(fields["raw"])
        fault = Fault(str(fields["error_class"]), str(fields["error"]))
        worker, task, task_id = (fields[n] for n in ("worker", "task", "task_id"))
        whole = stray_of(raw, fault, str(worker), task=task, task_id=task_id)
        # Of a message that was cut the digest is over more than is here.
        return replace(whole, digest=_checked_digest(str(fields["digest"])))
    except (ValueError, TypeError, KeyError, RecursionError):
        # Not ours: whoever put it there, a person should see it.
        fault = Fault("UnreadableSpool", "it lay in the quarantine and is no message")
        return stray_of(text, fault, "")


def _checked_digest(given: str) -> str:
    # One that an index cannot hold would keep all behind it from being moved.
    if not DIGEST.fullmatch(given):
        message = "it has no digest"
        raise ValueError(message)
    return given


def _shown(stray: StrayMessage) -> dict[str, str | None]:
    return {
        "digest": stray.digest[:12],
        "task": stray.task,
        "task_id": stray.task_id,
        "error_class": stray.error_class,
        "error": stray.error,
    }
