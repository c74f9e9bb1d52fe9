"""The last step before a message may be out, beside what changes its access."""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Connection, Engine, text

from tasks.activate import activate
from tests.factories import add_events, one, rows
from tests.integration.test_interleavings import (
    PID,
    SECONDS,
    WAITING,
    Session,
    record_now,
    recording,
)
from tests.purchases import (
    CUSTOMER,
    LINE,
    TRANSACTION,
    Body,
    adjustment,
    published,
    transaction,
)
from worker import lifecycle
from worker.drain import Result
from worker.notices.sending import Sending
from worker.settings import settings
from worker.work_tables import NOTIFICATIONS, Claimant


def numbered(body: Body, number: int) -> Body:
    """Return the same event of another purchase by the same customer."""
    told = json.dumps(body)
    for name in (body["event_id"], TRANSACTION, LINE, '"adj_1', '"adjitm_1'):
        told = told.replace(name, f"{name}_{number}")
    changed: Body = json.loads(told)
    assert changed["data"]["customer_id"] == CUSTOMER
    return changed


def until_waiting(observer: Engine, pid: int) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with observer.connect() as connection:
            if connection.scalar(WAITING, {"pid": pid}):
                return
        time.sleep(0.01)
    raise AssertionError("not waiting")


def keep_first(connection: Connection, _: object) -> Mapping[int, Result]:
    """Hold the grant that is written first."""
    named = {"id": f"{TRANSACTION}_1"}
    query = text("SELECT FROM grants WHERE source_id = :id FOR UPDATE")
    connection.execute(query, named)
    return {}


def test_a_mail_beside_refunds_of_two_purchases_locks_grants_as_they_are_written(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    record_now(core, published("customer.created"))
    # Met in the other order than that of their names.
    for number in (2, 1):
        record_now(core, numbered(transaction("transaction.completed"), number))
    activate([], 1)
    who = Claimant("test", "here")
    lease = lifecycle.claim(core, NOTIFICATIONS, who, settings())
    assert lease is not None
    refunds = add_events(core, [numbered(adjustment(), n) for n in (1, 2)])

    first = Session(sessions(), keep_first, [])
    assert first.until_applied_or_waiting(core)
    refunding = Session(sessions(), *recording(refunds))
    assert not refunding.until_applied_or_waiting(core)
    with sessions().connect() as connection, ThreadPoolExecutor(1) as pool:
        pid = connection.scalar(PID) or 0
        connection.commit()
        [row_id] = lease.rows
        sending = Sending(connection, lease, row_id, "<1@x>", timedelta(seconds=30))
        begun = pool.submit(sending.begin)
        until_waiting(core, pid)
        first.commit()
        refunding.commit()
        begun.result(SECONDS)

    assert one(core, "SELECT state FROM notifications") == "sending"
    assert rows(core, "SELECT state FROM grants") == [("ended",), ("ended",)]
