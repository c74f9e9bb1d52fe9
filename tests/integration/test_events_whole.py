"""A walk of the list of events says that it was whole only where it was."""

import pytest
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunStage
from tests.factories import add_events, make_due, one
from tests.purchases import Body
from tests.reconciling import (
    Lists,
    add_run,
    ago,
    cursor,
    event,
    place_cursor,
    read,
    walk,
)
from worker.drain import Job, drain_each
from worker.reconciliation.events import Events
from worker.reconciliation.events_end import CUT
from worker.reconciliation.walker import Walker
from worker.settings import settings
from worker.work_tables import RUNS, Claimant

REASON = "SELECT reason FROM reconciliation_runs WHERE id = :id"
REACHED = "SELECT reached_at FROM cursors WHERE name LIKE 'events:%'"


@pytest.fixture
def leg() -> Events:
    return Events()


def deliver(engine: Engine, *bodies: Body) -> None:
    add_events(engine, [body | {"notification_id": "ntf_1"} for body in bodies])


def test_a_list_that_ends_before_what_was_delivered_was_cut(
    core: Engine, leg: Events
) -> None:
    reached = ago(60)
    place_cursor(core, "evt_0001", reached)
    delivered, late = event(4, 20), event(3, 25)
    deliver(core, delivered)
    api = Lists([event(1, 60), event(2, 30)])

    run = walk(core, leg, api)

    assert one(core, REASON, id=run) == CUT
    assert one(core, REACHED) < ago(29)
    assert cursor(core) == "evt_0002"

    api.events += [late, delivered]
    again = walk(core, leg, api)
    assert one(core, REASON, id=again) is None
    assert one(core, "SELECT count(*) FROM reconciled_events") == 2
    assert one(core, REACHED) > ago(11)


@pytest.mark.parametrize(("name", "minutes"), [("ntfsimevt_4", 20), ("evt_0004", 5)])
def test_what_no_list_has_yet_says_nothing(
    core: Engine, leg: Events, name: str, minutes: float
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    deliver(core, event(4, minutes) | {"event_id": name})

    run = walk(core, leg, Lists([event(1, 60), event(2, 30)]))

    assert one(core, REASON, id=run) is None
    assert read(core, run).began_at > one(core, REACHED) > ago(11)


def test_an_event_that_backs_off_holds_no_run_up_and_is_counted_later(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(1, 60), event(2, 30)])
    run = walk(core, leg, api)
    heal = "UPDATE reconciliation_runs SET state = 'pending', stage = :stage"
    edit(core, heal, stage=RunStage.HEAL)
    work(core)
    assert one(core, "SELECT state FROM reconciliation_runs") == "pending"

    edit(core, "UPDATE inbox SET last_error = 'a server is down'")
    work(core)
    state = "SELECT state FROM reconciliation_runs WHERE id = :id"
    assert one(core, state, id=run) == "complete"

    edit(core, "UPDATE inbox SET state = 'processed', finished_at = now()")
    add_run(core, stage=RunStage.HEAL)
    work(core)
    healed = "SELECT healed FROM reconciliation_runs WHERE id = :id"
    assert one(core, healed, id=run) == 1


def edit(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def work(engine: Engine) -> None:
    """Run the task once over what is due."""
    job = Job(engine, RUNS, Claimant("test", "here"), settings())
    make_due(engine, RUNS)
    with Walker(engine, settings(), {RunKind.EVENTS: Events()}) as walker:
        drain_each(job, walker)
