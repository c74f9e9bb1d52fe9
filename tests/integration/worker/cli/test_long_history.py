"""Lists of what is rare, out of a long history of what went well."""

from functools import partial
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from models.notices import NoticeKind
from models.outgoing import NotificationState
from tests import outgoing
from tests.integration.worker.alerts.test_cheap import nodes_of, statements_of
from worker.cli.main import app

MANY = 5_000
#: Of one learner and one enrollment, for there are foreign keys.
SENT = (
    """
    INSERT INTO notifications (key, kind, learner_id, enrollment_id, state, finished_at)
    SELECT 'key:' || n, 'welcome', e.learner_id, e.id, 'sent', now()
    FROM enrollments e, generate_series(1, :many) AS n
    """,
    """
    INSERT INTO platform_deliveries (kind, provider, subject_id, version, state)
    SELECT 'order.completed', 'paddle', 'txn_' || n, 1, 'sent'
    FROM generate_series(1, :many) AS n
    """,
)


@pytest.fixture
def past(core: Engine, broker: Redis) -> Engine:
    del broker
    with core.begin() as connection:
        outgoing.add_enrollment(connection)
        for statement in SENT:
            connection.execute(text(statement), {"many": MANY})
    with core.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("ANALYZE")
    return core


LISTS = [
    *(f"notifications list --state {s}" for s in NotificationState if s != "sent"),
    *(f"notifications list --kind {kind}" for kind in NoticeKind if kind != "welcome"),
    "platform list",
]


def test_a_list_of_what_is_rare_reads_no_history(past: Engine) -> None:
    read: dict[str, float] = {}

    def run(words: str) -> None:
        CliRunner().invoke(app, words.split(), catch_exceptions=False)

    for words in LISTS:
        asked = statements_of(Engine, partial(run, words))
        read[words] = sum(rows_read(past, *one) for one in asked) if asked else MANY

    assert [words for words, rows in read.items() if rows > MANY / 10] == []


def rows_read(engine: Engine, statement: str, parameters: Any) -> float:
    """Return how many rows a statement came upon, whether it took them or not."""
    with engine.connect() as connection:
        explained = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
        )
        nodes = list(nodes_of(explained.scalar_one()[0]["Plan"]))
    return sum(
        float(node["Actual Loops"])
        * float(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in nodes
        if "Relation Name" in node
    )
