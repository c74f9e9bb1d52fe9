"""The demo's operator lets rest what was broken on purpose, and nothing else."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from tests.alerts import add_alert
from tests.factories import add_bytes, rows
from worker.dead_letters import Burial, bury
from worker.demo.operator import let_rest, untold_kinds
from worker.failures import Failure, Verdict
from worker.work_tables import INBOX, NOTIFICATIONS, Claimant, WorkTable

TOLD, SECRET = "worker/told.py:1 read", "worker/secret.py:2 read"
MALFORMED = "sha256:aa"
POISON = "evt_poison"
TRUTH = {
    "extras": [
        {"kind": "malformed", "event_id": None, "sha256": "aa"},
        {"kind": "poison", "event_id": POISON, "sha256": "bb"},
        {"kind": "stale", "event_id": "evt_real", "sha256": "cc"},
    ]
}


def die(connection: Connection, table: WorkTable, row: int, place: str) -> None:
    why = Failure(Verdict.PERMANENT, "OddError", "odd", place=place)
    bury(connection, table, Claimant("t", "w"), [Burial(row, 1, why)])


def event_dies(connection: Connection, event_id: str, place: str) -> int:
    row = add_bytes(connection, event_id.encode(), event_id)
    die(connection, INBOX, row, place)
    return row


def tell(connection: Connection, place: str, **values: Any) -> None:
    subject = f"events.record OddError {place}"
    add_alert(connection, kind="dead_letters", subject=subject, **values)


def discarded(engine: Engine) -> set[str]:
    query = """
    SELECT i.event_id FROM dead_letters l JOIN inbox i ON i.id = l.row_id
    WHERE l.state = 'discarded'"""
    return {event for (event,) in rows(engine, query)}


def test_what_was_broken_on_purpose_is_discarded_once_it_was_told(
    core: Engine,
) -> None:
    with core.begin() as connection:
        event_dies(connection, MALFORMED, TOLD)
        event_dies(connection, POISON, SECRET)
        tell(connection, TOLD)

    assert let_rest(core, TRUTH) == 1
    assert discarded(core) == {MALFORMED}


@pytest.mark.parametrize("event_id", ["evt_real", "evt_unknown"])
def test_a_real_event_stays_open_among_them(core: Engine, event_id: str) -> None:
    with core.begin() as connection:
        event_dies(connection, event_id, TOLD)
        event_dies(connection, POISON, TOLD)
        tell(connection, TOLD)

    assert let_rest(core, TRUTH) == 1
    assert discarded(core) == {POISON}


def test_a_row_of_another_table_under_the_same_number_stays_open(
    core: Engine,
) -> None:
    with core.begin() as connection:
        row = event_dies(connection, POISON, TOLD)
        die(connection, NOTIFICATIONS, row, TOLD)
        tell(connection, TOLD)
        subject = f"notifications.send OddError {TOLD}"
        add_alert(connection, kind="dead_letters", subject=subject)

    assert let_rest(core, TRUTH) == 1
    left = rows(core, "SELECT work_table FROM dead_letters WHERE state = 'open'")
    assert left == [("notifications",)]


def test_a_kind_is_untold_until_its_alert_was_told(core: Engine) -> None:
    with core.begin() as connection:
        event_dies(connection, MALFORMED, TOLD)
        event_dies(connection, POISON, SECRET)
        tell(connection, TOLD)
        tell(connection, SECRET, told_severity=None)
        kinds = untold_kinds(connection)

    assert [kind.place for kind in kinds] == [SECRET]
    assert let_rest(core, TRUTH) == 1
