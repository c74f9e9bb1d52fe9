"""The spool beside Postgres, on a Redis in memory; on Valkey see the integration."""

from collections.abc import Callable
from pathlib import Path

import fakeredis
import pytest

from worker import quarantine
from worker.dead_letters import StrayMessage
from worker.settings import Settings

STRAY = StrayMessage("d1" * 32, b"\x00raw\xff", None, None, "worker-1", "Odd", "is odd")


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> fakeredis.FakeRedis:
    fake = fakeredis.FakeRedis()
    monkeypatch.setattr("worker.quarantine.Redis.from_url", lambda *_, **__: fake)
    monkeypatch.setattr(quarantine, "_rest_until", float("inf"))
    return fake


def bytes_of(item: bytes | str) -> bytes:
    assert isinstance(item, bytes)
    return item


def test_a_message_is_kept_in_redis_while_postgres_is_away(
    redis: fakeredis.FakeRedis, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    config = make_settings(state_dir=tmp_path)

    quarantine.quarantine(STRAY, config)

    (kept,) = map(bytes_of, redis.lrange(quarantine.SPOOL_KEY, 0, -1))
    assert quarantine._unpacked(kept).raw == STRAY.raw
    assert quarantine._unpacked(kept).digest == STRAY.digest
    assert not quarantine.spool_dir(config).exists()


def test_without_redis_it_is_kept_in_a_file(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(quarantine, "_rest_until", float("inf"))
    config = make_settings(state_dir=tmp_path, broker_url="amqp://127.0.0.1:9")

    quarantine.quarantine(STRAY, config)

    (file,) = quarantine.spool_dir(config).iterdir()
    assert quarantine._unpacked(file.read_bytes()).raw == STRAY.raw
