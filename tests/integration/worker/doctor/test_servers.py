"""The doctor names what is wrong with settings, database and broker."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import time_machine
from redis import Redis
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from tests.fixtures.frozen import frozen
from tests.integration.worker.doctor.conftest import Ask, Deployment, beat
from worker.cli.commands import EXIT_USAGE
from worker.cli.main import app
from worker.doctor.scene import TURN_SECONDS
from worker.environment import check_stamp
from worker.parent_database import CONNECT_TIMEOUT_SECONDS
from worker.servers.postgres import Postgres
from worker.servers.valkey import Valkey
from worker.settings import Environment, Settings

Configure = Callable[..., Settings]
NOWHERE = "127.0.0.1:9"
#: Nobody in particular, as most hosts make one; servers outlive a test.
PLAIN_ROLE = """
DO $$ BEGIN CREATE ROLE plain LOGIN PASSWORD 'word';
EXCEPTION WHEN duplicate_object THEN NULL; END $$
"""


def test_a_setting_that_is_missing_is_the_one_thing_told(
    ask: Ask, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured()
    monkeypatch.delenv("MAIL_FROM")
    from worker.settings import settings  # noqa: PLC0415 (its cache is what counts)

    settings.cache_clear()

    told = ask()

    assert told.exit_code == 2
    assert list(told.checks) == ["settings"]
    assert told.words("settings").startswith("MAIL_FROM is not set")


def test_a_check_that_does_not_exist_is_a_mistake_of_its_own(
    configured: Configure,
) -> None:
    configured()

    done = CliRunner().invoke(app, ["doctor", "--only", "databse", "--json"])

    assert done.exit_code == EXIT_USAGE
    assert done.stdout == ""
    assert "There is no check databse. There are: settings," in done.stderr


def test_a_catalog_that_cannot_be_read_is_named(
    ask: Ask, configured: Configure, tmp_path: Path
) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text("[courses.a\n")
    configured(catalog_file=file)

    told = ask("catalog")

    assert told.exit_code == 2
    assert told.severity("catalog") == "broken"
    assert str(file) in told.command("catalog")


def test_a_catalog_that_is_a_folder_is_named(
    ask: Ask, configured: Configure, tmp_path: Path
) -> None:
    configured(catalog_file=tmp_path)

    told = ask("catalog")

    assert told.exit_code == 2
    assert told.words("catalog") == f"{tmp_path} cannot be read: Is a directory."


def test_a_doctor_that_cannot_begin_is_broken_and_prints_no_traceback(
    ask: Ask, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured()
    monkeypatch.setattr("worker.doctor.table.CHECKS", None)

    told = ask()

    assert told.exit_code == 2
    assert told.words("doctor").startswith("The doctor could not begin to look: Type")
    assert told.severity("doctor") == "broken"


def test_a_database_that_is_not_there_is_named_once(
    ask: Ask, configured: Configure
) -> None:
    configured(database_url=f"postgresql://nobody@{NOWHERE}/none")

    told = ask("migrations", "partitions", "clock")

    assert told.exit_code == 2
    assert told.severity("database") == "broken"
    assert "nothing listens" in told.words("database")
    line = "pg_isready -h 127.0.0.1 -p 9; set DATABASE_URL to where it runs"
    assert told.command("database").startswith(line)
    followers = ("migrations", "environment", "partitions", "clock")
    assert {told.severity(one) for one in followers if one in told.checks} == {
        "skipped"
    }
    assert told.words("partitions") == "not looked at: see database"


def test_a_wrong_password_is_named(
    ask: Ask, configured: Configure, postgres: Postgres
) -> None:
    right = postgres.url.split("@")[1]
    configured(database_url=f"postgresql://postgres:wrong@{right}")

    told = ask("database")

    assert told.exit_code == 2
    assert "does not take the user or the password" in told.words("database")
    assert told.command("database").startswith("psql -h 127.0.0.1 -p ")
    assert "-U postgres -d " in told.command("database")
    assert "wrong" not in told.words("database") + told.command("database")


@pytest.mark.drill
def test_what_needs_no_frozen_database_is_answered_all_the_same(
    ask: Ask,
    deployment: Deployment,
    own_postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Every turn and every connection is waited for in vain here.
    monkeypatch.setattr("worker.doctor.scene.TURN_SECONDS", TURN_SECONDS)
    bound = "worker.parent_database.CONNECT_TIMEOUT_SECONDS"
    monkeypatch.setattr(bound, CONNECT_TIMEOUT_SECONDS)
    deployment.settings(database_url=own_postgres.url)

    with frozen(own_postgres):
        told = ask()

    assert told.exit_code == 2
    assert told.severity("database") == "broken"
    assert told.words("database").startswith("The database does not answer: it hangs")
    assert told.severity("waiting") == "skipped"
    # What needs no database is answered all the same.
    assert told.severity("broker") == "ok"
    assert told.severity("api key") == "ok"


def test_a_database_without_tables_is_sent_to_release(
    ask: Ask, configured: Configure, postgres: Postgres
) -> None:
    configured(database_url=postgres.create_database("doctor_empty"))

    told = ask("migrations", "partitions")

    assert told.exit_code == 2
    assert told.words("migrations") == "The database has no tables yet."
    assert told.command("migrations") == "./paddlewheel release"
    assert told.severity("partitions") == "skipped"


def test_a_database_that_lags_behind_is_sent_to_release(
    ask: Ask, configured: Configure, own_postgres: Postgres, own_engine: Engine
) -> None:
    configured(database_url=own_postgres.url)
    _set_version(own_engine, "0003")

    told = ask("migrations")

    assert told.exit_code == 2
    assert "is at 0003, this release needs 00" in told.words("migrations")
    assert told.command("migrations") == "./paddlewheel release"


def test_a_database_of_a_newer_release_is_not_sent_to_release(
    ask: Ask, configured: Configure, own_postgres: Postgres, own_engine: Engine
) -> None:
    configured(database_url=own_postgres.url)
    _set_version(own_engine, "9999")

    told = ask("migrations")

    assert told.exit_code == 2
    assert "at 9999, which this release does not know" in told.words("migrations")
    assert "release here too" in told.command("migrations")


def test_the_database_of_another_environment_is_named(
    ask: Ask, configured: Configure, engine: Engine
) -> None:
    check_stamp(engine, Environment.PRODUCTION)
    configured()

    told = ask("environment")

    assert told.exit_code == 2
    assert "belongs to production" in told.words("environment")
    assert "DATABASE_URL" in told.command("environment")


def test_a_database_that_bears_no_stamp_is_sent_to_release_and_not_stamped(
    ask: Ask, configured: Configure, engine: Engine
) -> None:
    configured()

    told = ask("environment")

    assert told.exit_code == 1
    assert told.command("environment") == "./paddlewheel release"
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM deployment")) == 0


def test_missing_partitions_are_told_and_mended(
    ask: Ask, configured: Configure, own_postgres: Postgres, own_engine: Engine
) -> None:
    configured(database_url=own_postgres.url)
    month = f"inbox_bodies_{datetime.now(UTC):%Y%m}"
    with own_engine.begin() as connection:
        connection.execute(text("SELECT ensure_inbox_partitions(3)"))
        connection.execute(text(f"DROP TABLE {month}"))

    told = ask("partitions")
    mended = ask("partitions", fix=True)

    assert told.exit_code == 1
    assert told.command("partitions") == "./paddlewheel doctor --fix"
    assert mended.exit_code == 0
    assert mended.checks["partitions"]["done"] == "made 1 partition"
    assert ask("partitions").severity("partitions") == "ok"


def test_a_server_with_few_connections_is_told(
    ask: Ask,
    configured: Configure,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured()
    monkeypatch.setattr("worker.doctor.database.OF_THE_OTHERS", 10_000)

    told = ask("connections")

    assert told.exit_code == 1
    assert "10000" in told.words("connections")
    assert "max_connections" in told.command("connections")


def test_a_role_that_sees_nobody_s_sessions_counts_them_all_the_same(
    ask: Ask, configured: Configure, own_postgres: Postgres, own_engine: Engine
) -> None:
    with psycopg.connect(own_postgres.url, autocommit=True) as owner:
        owner.execute(PLAIN_ROLE)
        server = own_postgres.url.split("@")[1]
        configured(database_url=f"postgresql://plain:word@{server}")
        with own_engine.connect(), psycopg.connect(own_postgres.url):
            told = ask("connections")

    assert told.exit_code == 0
    assert "; 2 are somebody else's" in told.words("connections")


def test_a_table_that_somebody_has_locked_is_asked_for_once_more(
    ask: Ask, configured: Configure, engine: Engine
) -> None:
    configured()
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE heartbeats"))
        told = ask("beat")

    assert told.exit_code == 1
    assert "did not come to answer this" in told.words("beat")
    assert (
        told.command("beat") == "again, in a minute: ./paddlewheel doctor --only beat"
    )


def test_a_table_that_is_gone_is_sent_to_release(
    ask: Ask, configured: Configure, own_postgres: Postgres, own_engine: Engine
) -> None:
    configured(database_url=own_postgres.url)
    with own_engine.begin() as connection:
        connection.execute(text("ALTER TABLE heartbeats RENAME TO gone"))

    told = ask("beat")

    assert told.exit_code == 2
    assert "lacks a table or a column of this release" in told.words("beat")
    assert told.command("beat") == "./paddlewheel release"


@pytest.mark.parametrize(
    ("off", "code"), [(timedelta(seconds=20), 1), (timedelta(minutes=-5), 2)]
)
def test_a_clock_that_is_off_is_told(
    ask: Ask, deployment: Deployment, off: timedelta, code: int
) -> None:
    with time_machine.travel(datetime.now(UTC) + off, tick=True):
        told = ask("clock")

    assert told.exit_code == code
    assert ("ahead of" if code == 1 else "behind") in told.words("clock")


def test_a_broker_that_is_not_there_is_named_once(
    ask: Ask, configured: Configure
) -> None:
    configured(broker_url=f"redis://{NOWHERE}/0")

    told = ask("broker keeps", "queues", "release")

    assert told.exit_code == 2
    assert told.severity("broker") == "broken"
    line = f"redis-cli -u redis://{NOWHERE}/0 ping; set BROKER_URL to where it runs"
    assert told.command("broker").startswith(line)
    assert told.severity("queues") == "skipped"


def test_a_broker_s_wrong_password_is_named(
    ask: Ask, configured: Configure, valkey: Valkey
) -> None:
    configured(broker_url=f"redis://:wrong@127.0.0.1:{valkey.port}/0")

    told = ask("broker")

    assert told.exit_code == 2
    assert "password" in told.words("broker")


@pytest.fixture
def broker_of_ours(configured: Configure, own_valkey: Valkey) -> Iterator[Redis]:
    """A broker that the test may set as it likes."""
    configured(broker_url=own_valkey.url)
    with Redis.from_url(own_valkey.url) as client:
        yield client


@pytest.mark.parametrize(
    ("setting", "code", "expected"),
    [
        (("appendonly", "no"), 1, "appendonly is off"),
        (("maxmemory-policy", "allkeys-lru"), 2, "maxmemory-policy is allkeys-lru"),
    ],
)
def test_a_broker_that_forgets_is_told(
    ask: Ask,
    broker_of_ours: Redis,
    setting: tuple[str, str],
    code: int,
    expected: str,
) -> None:
    broker_of_ours.config_set(*setting)

    told = ask("broker keeps")

    assert told.exit_code == code
    assert expected in told.words("broker keeps")
    assert "CONFIG SET" in told.command("broker keeps")


def test_beat_and_the_watchman_are_missed(
    ask: Ask, configured: Configure, engine: Engine
) -> None:
    configured()
    never = ask("beat", "watchman")
    beat(engine, "beat", "watchman", ago="1 h")
    silent = ask("beat", "watchman")

    assert never.exit_code == silent.exit_code == 2
    assert "never a sign" in never.words("beat")
    assert silent.words("beat").startswith("Silent for 3,6")
    assert "line `beat`" in silent.command("beat")
    assert silent.severity("watchman") == "look"


def test_signs_of_life_are_well(
    ask: Ask, configured: Configure, engine: Engine
) -> None:
    configured()
    beat(engine, "beat", "watchman")

    assert ask("beat", "watchman").exit_code == 0


def _set_version(engine: Engine, version: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = :version"),
            {"version": version},
        )
