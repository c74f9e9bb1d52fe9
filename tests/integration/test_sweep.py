"""``rows.sweep``: rings for what nobody rang for, bounded, and lets go of the doubtful."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import Engine, text

from tasks.sweep import LONG_QUEUE, MESSAGES_A_TICK, due, queue_of, sweep
from tests.factories import add_work, change, one, rows
from worker.base_task import BaseTask
from worker.queues import length_of
from worker.rings import MAX_IDS
from worker.settings import Settings
from worker.work_tables import ACCESS_CHANGES, INBOX, WORK_TABLES

QUEUES = ("critical", "access", "notify", "maintenance", "sweep")


@pytest.fixture
def broker(core: Engine, celery_app: Celery[BaseTask]) -> Iterator[Celery[BaseTask]]:
    """The broker, with all queues empty before and after."""
    empty(celery_app)
    yield celery_app
    empty(celery_app)


def empty(app: Celery[BaseTask]) -> None:
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        for queue in QUEUES:
            channel.queue_purge(queue)


def overdue(engine: Engine, count: int) -> list[int]:
    made = add_work(engine, count)
    change(engine, made, "rung_until", "2000-01-01")
    return made


def test_nothing_to_do_is_quiet_and_leaves_a_heartbeat(
    core: Engine, broker: Celery[BaseTask]
) -> None:
    assert sweep() == "quiet"
    assert rows(core, "SELECT name FROM heartbeats") == [("rows.sweep",)]
    assert length_of("critical") == 0


def test_a_lost_ring_is_rung_once_a_while(
    core: Engine, broker: Celery[BaseTask]
) -> None:
    overdue(core, 3)

    assert sweep() == "3 inbox"
    assert sweep() == "quiet"

    assert length_of("critical") == 1
    assert one(core, "SELECT count(*) FROM inbox WHERE rung_until > now()") == 3


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("rung_until", "2999-01-01"),
        ("next_attempt_at", "2999-01-01"),
        ("state", "processed"),
        ("schema_version", 99),
    ],
)
def test_rows_that_need_no_ring_get_none(
    core: Engine, broker: Celery[BaseTask], column: str, value: object
) -> None:
    change(core, overdue(core, 1), column, value)

    assert sweep() == "quiet"


def test_a_tick_rings_for_so_many_rows_and_no_more(
    core: Engine, broker: Celery[BaseTask]
) -> None:
    most = MESSAGES_A_TICK * MAX_IDS
    overdue(core, most + 1)

    assert [sweep(), sweep()] == [f"{most} inbox", "1 inbox"]
    assert length_of("critical") == MESSAGES_A_TICK + 1


def test_a_tick_keeps_to_it_whatever_the_plan(core: Engine) -> None:
    most = MESSAGES_A_TICK * MAX_IDS
    overdue(core, most + 9)

    with core.begin() as connection:
        # What ANALYZE leaves of a table that was empty then: a nested loop looks cheap.
        connection.execute(
            text("""
            SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', name,
                                             'relpages', 1, 'reltuples', 0::real)
            FROM unnest(ARRAY['inbox', 'pk_inbox', 'ix_inbox_due']) AS name
            """)
        )
        assert len(due(connection, INBOX)) == most
        connection.rollback()


def test_a_long_queue_gets_no_more_rings(
    core: Engine, broker: Celery[BaseTask]
) -> None:
    overdue(core, 1)
    for _ in range(LONG_QUEUE + 1):
        broker.send_task("events.record", args=[[], 1])

    assert sweep() == "quiet"
    assert length_of("critical") == LONG_QUEUE + 1
    assert one(core, "SELECT max(rung_until) < now() FROM inbox")


def test_with_billing_off_the_inbox_is_left_alone(
    core: Engine, broker: Celery[BaseTask], configured: Callable[..., Settings]
) -> None:
    configured(paddle_billing_enabled=False)
    overdue(core, 1)

    assert sweep() == "quiet"


def test_each_work_table_has_a_queue() -> None:
    queues = {queue_of(table) for table in WORK_TABLES}
    assert queues == {
        "critical",
        "access",
        "fetch",
        "notify",
        "maintenance",
        "reconcile",
    }
    assert (queue_of(INBOX), queue_of(ACCESS_CHANGES)) == ("critical", "access")


def test_a_mail_whose_process_died_becomes_doubtful(
    core: Engine, broker: Celery[BaseTask]
) -> None:
    with core.begin() as connection:
        connection.exec_driver_sql("""
            WITH person AS (INSERT INTO learners (email) VALUES ('a@b') RETURNING id)
            INSERT INTO notifications (key, kind, learner_id, state, leased_until)
            SELECT 'welcome:' || n, 'welcome', person.id, 'sending', until
            FROM person, (VALUES (1, now() - interval '1 s'), (2, now() + interval '1 h'))
              AS mail(n, until)
        """)

    assert sweep() == "1 doubtful"
    assert rows(core, "SELECT key, state FROM notifications ORDER BY key") == [
        ("welcome:1", "doubtful"),
        ("welcome:2", "sending"),
    ]
