"""``digest.write``: yesterday's digest, once, whoever asks how often."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from tasks.digest import write
from tests.factories import one, rows
from worker.alerts.digest_day import write_digest
from worker.settings import Settings

MESSAGES = "SELECT id, key, kind, severity, state, alert_id FROM alert_messages"
YESTERDAY = "SELECT ((now() AT TIME ZONE 'UTC')::date - 1)::text"


@pytest.fixture
def config(configured: Callable[..., Settings]) -> Settings:
    """Settings by which yesterday's digest is always due."""
    return configured(digest_hour=0)


def stamp(engine: Engine, ago: timedelta) -> None:
    """Let the deployment be of some time ago."""
    with engine.begin() as connection:
        connection.execute(
            # The session's receiver may have stamped the database just before.
            text(
                "INSERT INTO deployment VALUES (1, 'local', now() - :ago)"
                " ON CONFLICT (id) DO UPDATE SET stamped_at = excluded.stamped_at"
            ),
            {"ago": ago},
        )


@pytest.fixture
def old(core: Engine, config: Settings) -> Engine:
    """A deployment of three days ago."""
    del config
    stamp(core, timedelta(days=3))
    return core


def test_it_is_written_and_rung_for(old: Engine, broker: Redis) -> None:
    said = write()

    ((message, key, *rest),) = rows(old, MESSAGES)
    assert said == f"message {message}"
    assert key == f"digest:{one(old, YESTERDAY)}"
    assert rest == ["digest", "info", "pending", None]
    assert broker.llen("maintenance") == 1


def test_only_yesterday_s_is_written_however_long_the_outage(old: Engine) -> None:
    write()

    assert one(old, "SELECT count(*) FROM alert_messages") == 1


def test_a_second_beat_writes_and_rings_for_nothing(old: Engine, broker: Redis) -> None:
    write()
    broker.flushdb()

    assert write() == "none is due"

    assert one(old, "SELECT count(*) FROM alert_messages") == 1
    assert broker.llen("maintenance") == 0


def test_one_that_was_told_is_not_told_again(old: Engine) -> None:
    write()
    with old.begin() as connection:
        connection.execute(text("UPDATE alert_messages SET state = 'sent'"))

    assert write() == "none is due"


def test_of_two_at_once_one_writes(
    old: Engine, sessions: Callable[[], Engine], config: Settings
) -> None:
    start = Barrier(2)

    def run(engine: Engine) -> int | None:
        start.wait(timeout=10)
        return write_digest(engine, config)

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(run, [sessions(), sessions()]))

    assert [message for message in written if message is not None] == [
        one(old, "SELECT id FROM alert_messages")
    ]


def test_who_comes_while_it_is_counted_leaves_at_once(
    old: Engine, sessions: Callable[[], Engine], config: Settings
) -> None:
    key = {"key": f"digest:{one(old, YESTERDAY)}"}
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
    with sessions().begin() as other:
        other.execute(lock, key)
        assert write_digest(old, config) is None
        assert one(old, "SELECT count(*) FROM alert_messages") == 0

    assert write_digest(old, config) is not None


def test_there_is_none_before_the_first_whole_day(
    core: Engine, config: Settings
) -> None:
    stamp(core, timedelta())

    assert write_digest(core, config) is None


def test_a_database_that_was_never_stamped_has_none(
    core: Engine, config: Settings
) -> None:
    assert write_digest(core, config) is None
