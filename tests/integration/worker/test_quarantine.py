"""Stray messages while Postgres is away: kept beside it, moved later, never lost."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from worker import quarantine as module
from worker.dead_letters import StrayMessage
from worker.quarantine import SPOOL_KEY, move_spooled, quarantine, spool_dir
from worker.settings import Settings
from worker.stray import Fault, stray_of

RAW = b"\x00\xff garbage"
NOWHERE = "postgresql://nobody@127.0.0.1:9/none"
STRAY = stray_of(
    RAW, Fault("InvalidMessage", "odd"), "here", task="a\x00b", task_id="t1"
)


@pytest.fixture(autouse=True)
def no_rest() -> Iterator[None]:
    """Forget that a database was away: it was another test's."""
    module._rest_until = 0.0
    yield
    module._rest_until = 0.0


@pytest.fixture
def away(
    make_settings: Callable[..., Settings],
    broker_url: str,
    broker: Redis,
    tmp_path: Path,
) -> Callable[..., Settings]:
    """Return settings whose Postgres does not answer."""

    def settings(**overrides: object) -> Settings:
        given = {"database_url": NOWHERE, "broker_url": broker_url}
        return make_settings(**given | {"state_dir": tmp_path} | overrides)

    return settings


def letters(engine: Engine) -> list[StrayMessage]:
    query = text(
        "SELECT substr(subject, 9), message, task, task_id, worker, error_class, error"
        " FROM dead_letters ORDER BY id"
    )
    with engine.connect() as connection:
        return [StrayMessage(*row) for row in connection.execute(query)]


def test_a_stray_message_is_filed_as_it_came(
    engine: Engine, make_settings: Callable[..., Settings], database_url: str
) -> None:
    quarantine(STRAY, make_settings(database_url=database_url))
    assert letters(engine) == [STRAY]
    assert STRAY.task == "a?b"


def test_while_postgres_is_away_it_lies_in_redis_and_moves_once(
    engine: Engine, away: Callable[..., Settings], broker: Redis
) -> None:
    quarantine(STRAY, away())
    quarantine(STRAY, away())
    assert broker.llen(SPOOL_KEY) == 2
    assert move_spooled(engine, away()) == 2
    assert move_spooled(engine, away()) == 0
    assert letters(engine) == [STRAY]
    assert broker.llen(SPOOL_KEY) == 0


@pytest.mark.parametrize(
    "where",
    ["amqp://127.0.0.1:9//", "redis://127.0.0.1:9/0"],
    ids=["amqp", "redis"],
)
def test_where_redis_cannot_keep_it_a_file_does(
    where: str, engine: Engine, away: Callable[..., Settings]
) -> None:
    config = away(broker_url=where)
    quarantine(STRAY, config)
    assert [file.stem for file in spool_dir(config).iterdir()] == [STRAY.digest]
    assert move_spooled(engine, config) == 1
    assert letters(engine) == [STRAY]
    assert list(spool_dir(config).iterdir()) == []


def test_where_nothing_can_keep_it_nothing_is_raised(
    away: Callable[..., Settings], tmp_path: Path
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    quarantine(STRAY, away(broker_url="redis://127.0.0.1:9/0", state_dir=blocked))


def test_garbage_in_the_quarantine_itself_is_filed_too(
    engine: Engine, away: Callable[..., Settings], broker: Redis
) -> None:
    for item in (b"\xff", b"{}", b'{"raw": 5}', b"[]"):
        broker.lpush(SPOOL_KEY, item)
    assert move_spooled(engine, away()) == 4
    assert {letter.error_class for letter in letters(engine)} == {"UnreadableSpool"}


@pytest.mark.parametrize(
    "change",
    [
        {"error": "a\0b"},
        {"error_class": "\ud800"},
        {"worker": "\0"},
        {"digest": "9" * 5000},
        {"digest": "\0"},
    ],
    ids=["nul", "surrogate", "worker", "long digest", "nul digest"],
)
def test_what_postgres_cannot_keep_holds_nothing_up(
    change: dict[str, str],
    engine: Engine,
    away: Callable[..., Settings],
    broker: Redis,
) -> None:
    quarantine(STRAY, away())
    packed: list[bytes] = broker.lrange(SPOOL_KEY, 0, -1)  # type: ignore[assignment]
    broker.lpush(SPOOL_KEY, json.dumps(json.loads(packed[0]) | change))
    assert move_spooled(engine, away()) == 2
    assert broker.llen(SPOOL_KEY) == 0
