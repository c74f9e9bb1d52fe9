"""When a receiver does not start, and what it says."""

import socket
import subprocess
import sys
from collections.abc import Callable

import psycopg
from sqlalchemy import Engine, text

from tests.fixtures.processes import eventually
from tests.fixtures.receivers import Running, StartReceiver
from web_hook.enqueue import FLUSHERS
from worker.servers.postgres import Postgres
from worker.settings import ROOT

Env = Callable[..., dict[str, str]]


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "web_hook"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_without_a_secret_it_does_not_start(process_env: Env) -> None:
    env = {k: v for k, v in process_env().items() if k != "PADDLE_WEBHOOK_SECRETS"}
    ended = run(env)
    assert ended.returncode == 1
    assert "PADDLE_WEBHOOK_SECRETS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_a_sentence(process_env: Env, engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(process_env(web_port=port))
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1] == (
        f"Cannot listen on 127.0.0.1:{port} (Address already in use): stop what runs"
        " there, or set WEB_PORT."
    )


def test_the_database_of_another_environment_is_refused(
    process_env: Env, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO deployment (environment) VALUES ('production')"
                " ON CONFLICT (id) DO UPDATE SET environment = excluded.environment"
            )
        )
    ended = run(process_env())
    assert ended.returncode == 1
    assert "belongs to the production environment" in ended.stderr


def test_a_database_that_changed_hands_gets_nothing(
    start_receiver: StartReceiver, engine: Engine
) -> None:
    others = receiving(engine)
    receiver = start_receiver()
    eventually(lambda: len(receiving(engine) - others) == FLUSHERS, what="it connects")
    with engine.begin() as connection:
        connection.execute(text("UPDATE deployment SET environment = 'sandbox'"))
        # Only its own: the receiver that tests share would stumble later.
        for pid in receiving(engine) - others:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    assert receiver.post(b"{}") == 503
    wait_trouble(receiver, "the database belongs to another environment\n")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM inbox")) == 0


def receiving(engine: Engine) -> set[int]:
    """Return the backends of receivers."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = :name"
    with engine.connect() as connection:
        given = {"name": "paddlewheel receiver"}
        return set(connection.execute(text(query), given).scalars())


def test_an_empty_database_is_told_by_ready(
    start_receiver: StartReceiver, postgres: Postgres
) -> None:
    url = postgres.create_database("never_migrated")
    receiver = start_receiver(database_url=url, path="/health")
    wait_trouble(receiver, "the database is not migrated: run alembic upgrade head\n")
    assert receiver.post(b"{}") == 503


def test_a_database_behind_this_release_is_told_by_ready(
    start_receiver: StartReceiver, engine: Engine, database_url: str
) -> None:
    receiver = start_receiver()
    with psycopg.connect(database_url, autocommit=True) as connection:
        head = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert head
        try:
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
            wait_trouble(
                receiver, "the database is not migrated: run alembic upgrade head\n"
            )
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            receiver.wait_ready()
        finally:
            connection.execute("UPDATE alembic_version SET version_num = %s", head)


def wait_trouble(receiver: Running, sentence: str) -> None:
    """Wait until ``/ready`` has asked again, and says this."""
    eventually(lambda: receiver.get("/ready") == (503, sentence), what=sentence)
