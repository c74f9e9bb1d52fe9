"""Runs of the checks of our own rows, in a shop with a purchase and a present."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope, RunStage
from tasks.activate import activate
from tasks.record import record
from tests.factories import add_event, one, rows
from tests.purchases import Body, published, transaction
from worker.by_hand import Wish, give
from worker.reconciliation.inside import Inside, close_repaired, is_under_way
from worker.reconciliation.run import Progress, Run

HOOK = {
    "platform_hook_url": "http://127.0.0.1:9/hook",
    "platform_hook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
_RUN = """
INSERT INTO reconciliation_runs (provider, kind, scope, state)
VALUES ('paddle', 'access', 'all', 'complete')
RETURNING id, created_at
"""
#: Nobody is at work any more.
_AGES = (
    "UPDATE grants SET changed_at = changed_at - interval '1 hour'",
    "UPDATE enrollments SET changed_at = changed_at - interval '1 hour'",
    "UPDATE learners SET created_at = created_at - interval '1 hour'",
    "UPDATE access_changes SET created_at = created_at - interval '1 hour'",
    "UPDATE platform_deliveries SET created_at = created_at - interval '2 hours'",
)


def alter(engine: Engine, *statements: str, **values: Any) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def tell(engine: Engine, *bodies: Body) -> None:
    with engine.begin() as connection:
        for body in bodies:
            add_event(connection, body)
    record([], 1)
    activate([], 1)
    alter(engine, *_AGES)


def a_run(engine: Engine, since: datetime | None) -> Run:
    with engine.begin() as connection:
        id_, began_at = connection.execute(text(_RUN)).one()
    return Run(
        id=id_,
        provider="paddle",
        kind=RunKind.ACCESS,
        scope=RunScope.RECENT if since else RunScope.ALL,
        stage=RunStage.WALK,
        began_at=began_at,
        since=since,
        mails=True,
        position="",
        expected=None,
        seen=0,
        found=0,
    )


def walk(engine: Engine, since: datetime | None = None) -> tuple[int, list[Progress]]:
    """Do one run as the walker does, and return its number and its steps."""
    run = a_run(engine, since)
    steps: list[Progress] = []
    while not steps or not steps[-1].is_over:
        with engine.begin() as connection:
            position = steps[-1].position if steps else ""
            now = Run(
                **{f: getattr(run, f) for f in run.__slots__} | {"position": position}
            )
            steps.append(Inside().keep(connection, now, None))
    activate([], 1)
    with engine.begin() as connection:
        assert not is_under_way(connection, run)
        close_repaired(connection, run)
    alter(engine, *_AGES)
    return run.id, steps


def found(steps: list[Progress]) -> int:
    return sum(step.found for step in steps)


def findings(engine: Engine, state: str) -> list[tuple[str, str]]:
    return rows(
        engine,
        "SELECT kind, subject FROM findings WHERE state = :state ORDER BY 1, 2",
        state=state,
    )


def open_shop(engine: Engine) -> None:
    """Sell something, and give somebody a present."""
    bought = transaction("transaction.completed", "perpetual")
    tell(engine, published("customer.created"), bought)
    alter(engine, "INSERT INTO courses VALUES ('present', 'course', 'Present')")
    with engine.begin() as connection:
        learner = one(engine, "SELECT id FROM learners")
        give(connection, Wish(learner, "present", "a friend"))
    activate([], 1)
    alter(engine, *_AGES)
