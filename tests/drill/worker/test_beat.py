"""Beat shows that it lives, and ticks whatever the database does."""

from collections.abc import Callable
from datetime import datetime

import pytest
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from tests.factories import one, rows
from tests.fixtures.frozen import frozen
from tests.fixtures.processes import eventually
from tests.fixtures.workers import CeleryProcess
from worker.heartbeats import BEAT, of_queue
from worker.pulses import QUEUES
from worker.release_mark import MARK_CHARS
from worker.servers.postgres import Postgres

pytestmark = pytest.mark.drill
Start = Callable[..., CeleryProcess]

#: Signs of life every 1.25 s.
SHORT = {"alert_silent_seconds": 5, "sweep_seconds": 0.5, "alert_watch_seconds": 1}
SCHEDULER = ("beat", "-S", "worker.beat:Scheduler")


def shown(engine: Engine) -> dict[str, datetime]:
    """Every heartbeat with its time; nothing while the database is away."""
    try:
        return dict(rows(engine, "SELECT name, beat_at FROM heartbeats"))
    except OperationalError:
        return {}


def test_beat_and_every_queue_show_themselves_again_and_again(
    broker: Redis, engine: Engine, start_celery: Start, start_worker: Start
) -> None:
    worker = start_worker(**SHORT)
    start_celery(*SCHEDULER, **SHORT)
    names = {BEAT, *map(of_queue, QUEUES)}

    eventually(lambda: names <= shown(engine).keys(), what="all have shown themselves")
    first = shown(engine)
    eventually(
        lambda: all(shown(engine)[name] > first[name] for name in names),
        what="all have shown themselves again",
    )

    release = one(engine, "SELECT release FROM heartbeats WHERE name = 'beat'")
    assert len(release) == MARK_CHARS
    told = [line for line in worker.lines() if line.get("task") == "queues.pulse"]
    assert told == []


@pytest.fixture
def beat(
    own_postgres: Postgres, own_engine: Engine, broker: Redis, start_celery: Start
) -> CeleryProcess:
    """A beat on a database of its own, which it has written to."""
    url = own_postgres.url
    one = start_celery(*SCHEDULER, database_url=url, **SHORT)
    eventually(lambda: BEAT in shown(own_engine), what="beat has shown itself")
    own_engine.dispose()
    return one


def test_beat_ticks_while_the_database_is_frozen(
    own_postgres: Postgres, own_engine: Engine, broker: Redis, beat: CeleryProcess
) -> None:
    before = shown(own_engine)[BEAT]
    own_engine.dispose()
    with frozen(own_postgres):
        assert_keeps_ticking(broker)
    assert_shows_itself_again(own_engine, before)
    assert beat.terminate() == 0


def test_beat_ticks_while_the_database_is_away(
    own_postgres: Postgres, own_engine: Engine, broker: Redis, beat: CeleryProcess
) -> None:
    before = shown(own_engine)[BEAT]
    own_postgres.kill()
    assert_keeps_ticking(broker)
    eventually(lambda: beat.lines("heartbeat_not_written"), what="it says so")
    own_postgres.start()
    assert_shows_itself_again(own_engine, before)
    assert len(beat.lines("heartbeat_not_written")) == 1
    assert beat.popen.poll() is None


def assert_keeps_ticking(broker: Redis) -> None:
    # For long enough that several heartbeats were due.
    broker.delete("sweep")
    eventually(lambda: broker.llen("sweep") >= 12, what="messages keep coming")


def assert_shows_itself_again(engine: Engine, before: datetime) -> None:
    what = "beat shows itself again"
    eventually(lambda: shown(engine).get(BEAT, before) > before, what=what)
