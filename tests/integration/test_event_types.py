"""Every event type goes the way that the table says; none of ours is a dead letter."""

import copy
import random
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Engine

from tasks.record import apply
from tasks.survey import survey
from tests.event_bodies import body_of
from tests.factories import add_events, change, one, rows
from tests.purchases import Body
from worker.after_commit import Rings
from worker.cli.release import _take_up
from worker.drain import Apply
from worker.outcome import Tally
from worker.providers.contract import UNKNOWN_TYPE
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.work_tables import INBOX, WorkTable

Record = Callable[[], None]
ENDS = "SELECT event_type, state, reason FROM inbox"
DEAD = "SELECT subject, error FROM dead_letters"
#: What the ledger must hold of each kind of entity after its own events alone.
LEDGER = {
    "transaction": ("transactions", "status IS NOT NULL", 3),
    "subscription": ("subscriptions", "status IS NOT NULL", 1),
    "adjustment": ("adjustments", "status = 'approved'", 1),
    "customer": ("customers", "email = 'edda@example.com'", 1),
    "address": ("addresses", "country = 'SE'", 1),
    "business": ("businesses", "name = 'The Honey House'", 1),
    "product": ("products", "course = 'beekeeping'", 1),
    "price": ("prices", "amount_minor = 12000", 1),
    "discount": ("discounts", "code = 'SWARM'", 1),
}


@pytest.fixture
def record(run: Callable[[WorkTable, Apply], Tally]) -> Record:
    """Return a function that records whatever is due."""

    def work() -> None:
        run(INBOX, partial(apply, Rings()))

    return work


def expected(event_type: str, state: str, reason: str | None) -> bool:
    """Tell whether an event of a type ended as its type does."""
    told = EVENT_TYPES[event_type]
    if told.outcome is Outcome.APPLIED:
        return state in ("processed", "stale") and reason is None
    return (state, reason) == ("ignored", told.reason)


@pytest.mark.parametrize("seed", range(3))
def test_every_type_ends_as_the_table_says_in_any_order(
    core: Engine, record: Record, seed: int
) -> None:
    bodies = [body_of(event_type) for event_type in EVENT_TYPES]
    random.Random(seed).shuffle(bodies)
    add_events(core, bodies)

    record()

    assert rows(core, DEAD) == []
    ends = rows(core, ENDS)
    assert len(ends) == len(EVENT_TYPES)
    assert [end for end in ends if not expected(*end)] == []


@pytest.mark.parametrize("entity", LEDGER)
def test_the_ledger_takes_over_what_is_applied(
    core: Engine, record: Record, entity: str
) -> None:
    types = [one.name for one in EVENT_TYPES.values() if one.entity == entity]
    add_events(core, [body_of(event_type) for event_type in types])

    record()

    table, holds, count = LEDGER[entity]
    assert one(core, f"SELECT count(*) FROM {table} WHERE {holds}") == count
    states = {state for _, state, _ in rows(core, ENDS)}
    assert states <= {"processed", "stale"}
    assert "processed" in states


def test_every_applied_entity_is_looked_for_in_the_ledger() -> None:
    applied = {o.entity for o in EVENT_TYPES.values() if o.outcome is Outcome.APPLIED}

    assert applied == set(LEDGER)


def teleported() -> Body:
    return copy.deepcopy(body_of("customer.created")) | {
        "event_type": "customer.teleported"
    }


def test_a_type_that_nobody_knows_is_kept_and_counted(
    core: Engine, record: Record
) -> None:
    ids = add_events(core, [teleported()])

    record()

    assert rows(core, ENDS) == [("customer.teleported", "ignored", UNKNOWN_TYPE)]
    assert one(core, "SELECT count(*) FROM customers") == 0
    assert one(core, "SELECT count(*) FROM inbox_bodies") == len(ids)
    for table, key in (("inbox", "id"), ("inbox_bodies", "inbox_id")):
        ago = f"UPDATE {table} SET received_at = received_at - interval '1 h'"
        with core.begin() as connection:
            connection.exec_driver_sql(f"{ago} WHERE {key} = {ids[0]}")
    assert survey() == "1 looked at"
    assert rows(core, "SELECT kind, path, events FROM schema_drift") == [
        ("type", "customer.teleported", 1)
    ]


def test_fields_and_values_that_nobody_knows_hold_up_nothing(
    core: Engine, record: Record
) -> None:
    applied = [o.name for o in EVENT_TYPES.values() if o.outcome is Outcome.APPLIED]
    bodies = [copy.deepcopy(body_of(event_type)) for event_type in applied]
    for body in bodies:
        body["data"] |= {"status": "teleported", "beam": {"of": ["light"]}}
    add_events(core, bodies)

    record()

    assert rows(core, DEAD) == []
    assert {state for _, state, _ in rows(core, ENDS)} <= {"processed", "stale"}
    told = "SELECT DISTINCT status FROM customers"
    assert rows(core, told) == [("teleported",)]


def test_a_release_takes_up_the_types_that_it_applies(
    core: Engine, record: Record
) -> None:
    ids = add_events(core, [body_of("address.created")])
    change(core, ids, "state", "ignored")
    change(core, ids, "reason", "not handled yet")

    assert _take_up(core) == 1
    record()

    assert one(core, "SELECT count(*) FROM addresses WHERE country = 'SE'") == 1
