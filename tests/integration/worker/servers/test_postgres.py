"""The embedded PostgreSQL: survives what happens to it, and shuts others out."""

import stat

import psycopg
import pytest

from worker.servers.postgres import Postgres


def remember(server: Postgres, number: int) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def remembered(server: Postgres) -> list[int]:
    with psycopg.connect(server.url) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept")]


def test_data_and_address_outlive_a_restart(own_postgres: Postgres) -> None:
    before = own_postgres.url
    remember(own_postgres, 1)

    own_postgres.restart()

    assert own_postgres.url == before
    assert remembered(own_postgres) == [1]


def test_it_starts_again_after_a_kill_with_sessions_open(
    own_postgres: Postgres,
) -> None:
    remember(own_postgres, 2)
    with psycopg.connect(own_postgres.url):
        own_postgres.kill()
        own_postgres.start()

    assert remembered(own_postgres) == [2]


def test_a_pid_file_that_names_a_living_stranger_does_not_matter(
    own_postgres: Postgres,
) -> None:
    remember(own_postgres, 3)
    own_postgres.stop()
    (own_postgres.data / "postmaster.pid").write_text("1\n/somewhere\n")

    own_postgres.start()

    assert remembered(own_postgres) == [3]


def test_nobody_enters_without_the_password(own_postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(own_postgres.url.replace(own_postgres.password, "guess"))


def test_only_the_owner_can_read_the_password_and_the_data(
    own_postgres: Postgres,
) -> None:
    password = own_postgres.home / "password"

    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_postgres.data.stat().st_mode) == 0o700
    assert not (own_postgres.home / "password.initdb").exists()
