"""Why events were missed is asked for last: it is honest, and holds no walk up."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from models.reconciliation import RunKind
from tests.factories import make_due, one, rows
from tests.reconciling import (
    Lists,
    add_run,
    ago,
    cursor,
    event,
    notification,
    place_cursor,
    step,
    walk,
)
from worker.budget import Budget, Lane
from worker.drain import Job, drain_each
from worker.providers import clients
from worker.providers.api import ApiList, Asked, Destination, Gate, ListPage
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiListError,
    NoTurnError,
)
from worker.reconciliation import walker as walking
from worker.reconciliation.events import Events
from worker.reconciliation.refusals import PAUSE_OF_OUTAGE, is_fresh, refusal
from worker.reconciliation.walker import Walker
from worker.settings import Settings
from worker.work_tables import RUNS, Claimant

EXPLAINED = "SELECT explanation FROM reconciled_events"


@pytest.fixture
def leg() -> Events:
    return Events()


def one_missed(core: Engine) -> Lists:
    place_cursor(core, "evt_0001", ago(60))
    return Lists([event(1, 60), event(2, 30)])


def test_a_retry_that_comes_while_it_is_asked_is_no_restore(
    core: Engine, leg: Events
) -> None:
    api = one_missed(core)
    run = add_run(core)
    assert not step(core, leg, api, run).is_over

    # Paddle tries again, meets our row, and is answered 200.
    arrived = notification(1, api.events[1], "delivered")
    api.notifications = [arrived | {"delivered_at": datetime.now(UTC).isoformat()}]
    while not step(core, leg, api, run).is_over:
        pass

    assert one(core, EXPLAINED) == "retrying"


OUTAGES = {
    "down": ApiDownError("no answer"),
    "bad page": ApiListError("the pages do not go forward"),
    "busy": ApiBusyError("answered 429", timedelta(minutes=1)),
    "left alone": NoTurnError("is not asked now", timedelta(minutes=5)),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_an_explanation_that_cannot_be_had_holds_no_walk_up(
    core: Engine, leg: Events, outage: Exception
) -> None:
    api = one_missed(core)
    api.errors = {ApiList.NOTIFICATIONS: outage}
    walk(core, leg, api)
    assert one(core, EXPLAINED) is None
    assert cursor(core) == "evt_0002"
    with core.connect() as connection:
        # There is nothing that a person could mend.
        assert refusal(connection, "paddle") == ""
        assert is_fresh(connection, "paddle")

    api.errors = {}
    later = text("UPDATE cursors SET moved_at = now() - :pause")
    with core.begin() as connection:
        connection.execute(later, {"pause": PAUSE_OF_OUTAGE})
    walk(core, leg, api)
    assert one(core, EXPLAINED) == "unknown"


def test_who_gets_a_turn_soon_waits_for_it(core: Engine, leg: Events) -> None:
    api = one_missed(core)
    run = add_run(core)
    step(core, leg, api, run)
    step(core, leg, api, run)
    soon = NoTurnError("used up", timedelta(seconds=8))
    api.errors = {ApiList.NOTIFICATIONS: soon}

    with pytest.raises(NoTurnError):
        step(core, leg, api, run)

    api.errors = {}
    assert step(core, leg, api, run).is_over
    assert one(core, EXPLAINED) == "unknown"


class Gated(Lists):
    """Takes a turn for each request."""

    gate: Gate

    def page(self, asked: Asked) -> ListPage:
        self.gate.enter()
        return super().page(asked)

    def destinations(self) -> list[Destination]:
        self.gate.enter()
        return super().destinations()


def test_the_smallest_budget_is_enough_for_an_explanation(
    core: Engine,
    configured: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = configured(paddle_requests_per_minute=10)
    api = Gated(one_missed(core).events)
    api.gate = Budget(core, "paddle", Lane.RECONCILE, config)
    monkeypatch.setitem(clients.APIS, "paddle", lambda *_: api)
    monkeypatch.setattr(walking, "askable", lambda _: ["paddle"])
    add_run(core)
    job = Job(core, RUNS, Claimant("test", "here"), config)

    for _ in range(6):
        # The minute goes on, and one turn after the other comes.
        refill(core)
        make_due(core, RUNS)
        with Walker(core, config, {RunKind.EVENTS: Events()}) as walker:
            drain_each(job, walker)

    assert one(core, EXPLAINED) == "unknown"
    assert [asked.list for asked in api.asked] == [
        ApiList.EVENTS,
        ApiList.NOTIFICATIONS,
    ]


def refill(engine: Engine) -> None:
    with engine.begin() as connection:
        full = "UPDATE provider_budgets SET tokens = 100"
        connection.execute(text(full))


def found(engine: Engine) -> Sequence[object]:
    return rows(
        engine,
        """SELECT i.event_id, r.reason, r.mails FROM reconciled_events r
           JOIN inbox i ON i.id = r.inbox_id ORDER BY 1""",
    )


def test_what_happened_before_paddlewheel_was_not_missed_and_is_no_news(
    core: Engine, leg: Events
) -> None:
    with core.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO deployment (id, environment, stamped_at)
            VALUES (1, 'local', now() - interval '25 minutes')
            ON CONFLICT (id) DO UPDATE SET stamped_at = excluded.stamped_at
            """)
        )
    api = Lists([event(1, 40), event(2, 30), event(3, 20)])

    walk(core, leg, api, since=ago(35))

    assert found(core) == [
        ("evt_0002", "backfilled", False),
        ("evt_0003", "missed", True),
    ]
