"""Messages that are looked at together, and what happens beside them."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import NoResultFound

from tests import outgoing
from worker import lifecycle
from worker.errors import LostLeaseError, TransientError
from worker.lifecycle import Lease
from worker.notices.ahead import Turns
from worker.notices.reading import Notice
from worker.notices.sending import Sending
from worker.settings import settings
from worker.work_tables import NOTIFICATIONS, Claimant


def claim(engine: Engine, task_id: str) -> Lease:
    who = Claimant(task_id, "here")
    lease = lifecycle.claim(engine, NOTIFICATIONS, who, settings())
    assert lease is not None
    return lease


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def suspended(
    connection: Connection, enrollment: int, learner: int, version: int
) -> int:
    """Add the message of one version that access rests."""
    return outgoing.add_notification(
        connection,
        kind="suspended",
        key=f"suspended:{enrollment}:{version}",
        learner_id=learner,
        enrollment_id=enrollment,
        version=version,
    )


def test_a_row_that_cannot_be_read_fails_alone(core: Engine) -> None:
    with core.begin() as connection:
        before = outgoing.add_notification(connection)
        ada = outgoing.add_learner(connection)
        broken = suspended(connection, outgoing.add_enrollment(connection), ada, 1)
        after = outgoing.add_notification(connection)
    change(core, f"UPDATE notifications SET enrollment_id = NULL WHERE id = {broken}")
    turns, lease = Turns(settings()), claim(core, "here")
    with core.connect() as connection:
        assert isinstance(turns.read(connection, lease, before), Notice)
        with pytest.raises(NoResultFound):
            turns.read(connection, lease, broken)
        assert isinstance(turns.read(connection, lease, after), Notice)


def test_two_claims_never_tell_of_the_same_change_at_once(core: Engine) -> None:
    with core.begin() as connection:
        ada = outgoing.add_learner(connection)
        rests = outgoing.add_enrollment(connection, learner_id=ada, state="suspended")
        outgoing.add_notification(
            connection, learner_id=ada, enrollment_id=rests, state="sent"
        )
        older = suspended(connection, rests, ada, 2)
        newer = suspended(connection, rests, ada, 4)
    # Put off once, as by a mail server that was busy.
    due = (
        "UPDATE notifications SET next_attempt_at = now() + interval '{}' WHERE id = {}"
    )
    change(core, due.format("1 hour", older))
    first, one = Turns(settings()), claim(core, "one")
    with core.connect() as connection:
        assert isinstance(first.read(connection, one, newer), Notice)
        change(core, due.format("0", older))
        with pytest.raises(TransientError, match="is going out"):
            Turns(settings()).read(connection, claim(core, "other"), older)


def test_who_wakes_after_the_lease_sends_nothing(core: Engine) -> None:
    # Meanwhile another message may have gone out, as if this one were not.
    with core.begin() as connection:
        row_id = outgoing.add_notification(connection)
    lease = claim(core, "here")
    with core.connect() as connection:
        assert isinstance(Turns(settings()).read(connection, lease, row_id), Notice)
        change(core, "UPDATE notifications SET leased_until = now()")
        sending = Sending(connection, lease, row_id, "<1@x>", timedelta(seconds=30))
        with pytest.raises(LostLeaseError):
            sending.begin()
