"""The embedded Valkey: what it was told, it keeps, and only for those who may ask."""

import stat

import pytest
from redis import AuthenticationError, Redis

from worker.servers.valkey import Valkey


def test_data_and_address_outlive_a_restart_and_a_kill(own_valkey: Valkey) -> None:
    before = own_valkey.url
    with Redis.from_url(before) as client:
        client.lpush("queue", "one")
        own_valkey.restart()
        client.lpush("queue", "two")
        own_valkey.kill()
        own_valkey.start()

        assert own_valkey.url == before
        assert client.lrange("queue", 0, -1) == [b"two", b"one"]


def test_it_keeps_messages_when_memory_is_short_and_writes_them_down(
    own_valkey: Valkey,
) -> None:
    wanted = {
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
    }
    with Redis.from_url(own_valkey.url, decode_responses=True) as client:
        assert client.config_get(*wanted) == wanted


def test_nobody_enters_without_the_password(own_valkey: Valkey) -> None:
    with (
        Redis(host="127.0.0.1", port=own_valkey.port) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.ping()


def test_the_password_is_in_no_process_list_and_in_no_open_file(
    own_valkey: Valkey,
) -> None:
    modes = {
        stat.S_IMODE((own_valkey.home / name).stat().st_mode)
        for name in ("password", "valkey.conf", "log")
    }

    assert modes == {0o600}
    assert own_valkey.password not in " ".join(own_valkey._command())
