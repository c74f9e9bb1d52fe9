"""Which rows of a claim go out, looked at together, while everything else goes on."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, event, text

from models.notices import ChannelName
from tasks.record import record
from tests import outgoing
from tests.factories import add_events, add_offer, one, rows
from tests.integration.test_interleavings import (
    PID,
    SECONDS,
    WAITING,
    Session,
    activating,
)
from tests.notices import BUYER, JUST_NOW, STATES, of_another, purchase, refund, tell
from worker import lifecycle
from worker.errors import LostLeaseError
from worker.lifecycle import Ending, Lease
from worker.notices import ahead
from worker.notices.ahead import AHEAD, Turns
from worker.notices.reading import Notice
from worker.notices.suppressing import suppress
from worker.settings import Settings, settings
from worker.work_tables import NOTIFICATIONS, Claimant

#: More than are looked at together.
MANY = AHEAD + 10
_MOVE = text("""
INSERT INTO grants (provider, source_id, line_id, course_key, learner_id,
                    former_learners, state, cause)
SELECT 'paddle', 'txn_1', 'l1', course_key, :heir, ARRAY[learner_id], 'active',
       'purchased'
FROM enrollments WHERE id = :id
""")


def claim(engine: Engine) -> Lease:
    who = Claimant("test", "here")
    lease = lifecycle.claim(engine, NOTIFICATIONS, who, settings())
    assert lease is not None
    return lease


def welcomes(engine: Engine, number: int) -> list[int]:
    """Add mails that wait."""
    with engine.begin() as connection:
        return [outgoing.add_notification(connection) for _ in range(number)]


def close(connection: Connection, row_id: int) -> None:
    """Let nothing more be sent to the learner of a mail."""
    query = """
    SELECT l.email FROM notifications n JOIN learners l ON l.id = n.learner_id
    WHERE n.id = :id
    """
    address = connection.execute(text(query), {"id": row_id}).scalar_one()
    suppress(connection, ChannelName.MAIL, address, "no such user", None)


def end(engine: Engine, row_id: int) -> None:
    """End the access that a mail is about."""
    with engine.begin() as connection:
        query = """
        UPDATE enrollments e SET state = 'ended' FROM notifications n
        WHERE n.enrollment_id = e.id AND n.id = :id
        """
        connection.execute(text(query), {"id": row_id})


def test_a_claim_of_many_comes_to_its_ends_with_few_statements(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is.
    monkeypatch.setattr(ahead, "FRESH_SECONDS", 3600.0)
    ids = welcomes(core, MANY)
    closed, moved = [ids[2], ids[-1]], ids[7]
    with core.begin() as connection:
        for row_id in closed:
            close(connection, row_id)
        access = connection.execute(
            text("SELECT enrollment_id FROM notifications WHERE id = :id"),
            {"id": moved},
        ).scalar_one()
        heir = outgoing.add_learner(connection)
        connection.execute(_MOVE, {"heir": heir, "id": access})
    lease, turns = claim(core), Turns(settings())

    asked: list[str] = []
    event.listen(
        core, "before_cursor_execute", lambda _c, _k, told, *_: asked.append(told)
    )
    with core.connect() as connection:
        told = {one: turns.read(connection, lease, one) for one in lease.rows}

    # Two looks, and three that are asked once more, held and ended.
    assert len(asked) <= 2 * 4 + 3 * 6
    assert {row for row, turn in told.items() if isinstance(turn, Notice)} == {*ids} - {
        *closed,
        moved,
    }
    ended = "SELECT id, state, reason FROM notifications WHERE finished_at IS NOT NULL"
    assert set(rows(core, ended)) == {
        (closed[0], "skipped", "suppressed"),
        (closed[1], "skipped", "suppressed"),
        (moved, "skipped", "no access any more"),
    }


@pytest.mark.parametrize(("fresh", "goes"), [(0.0, False), (3600.0, True)])
def test_a_look_counts_for_as_long_as_it_is_fresh(
    core: Engine, monkeypatch: pytest.MonkeyPatch, fresh: float, *, goes: bool
) -> None:
    monkeypatch.setattr(ahead, "FRESH_SECONDS", fresh)
    first, other = welcomes(core, 2)
    lease, turns = claim(core), Turns(settings())
    with core.connect() as connection:
        assert isinstance(turns.read(connection, lease, first), Notice)
        end(core, other)
        assert isinstance(turns.read(connection, lease, other), Notice) == goes
    state = "SELECT state FROM notifications WHERE id = :id"
    assert one(core, state, id=other) == ("pending" if goes else "skipped")


def test_what_another_has_claimed_meanwhile_is_not_ended_here(core: Engine) -> None:
    first, other = welcomes(core, 2)
    end(core, other)
    lease, turns = claim(core), Turns(settings())
    with core.connect() as connection:
        turns.read(connection, lease, first)
        with core.begin() as behind:
            behind.execute(
                text("UPDATE notifications SET next_attempt_at = now() WHERE id = :id"),
                {"id": other},
            )
        assert list(claim(core).rows) == [other]
        with pytest.raises(LostLeaseError):
            turns.read(connection, lease, other)
    assert one(core, "SELECT state FROM notifications WHERE id = :id", id=other) == (
        "pending"
    )


@pytest.fixture
def refunded(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """Two welcomes that wait, to access that is there and to access that is gone."""
    configured(notify_off="ended,restored")
    add_offer(core, "pri_monthly", "python-basics")
    for number in (1, 2):
        tell(core, *of_another(number, [BUYER, purchase()]))
    tell(core, *of_another(2, [refund()]))
    return core


def hold_commits(engine: Engine) -> tuple[threading.Event, threading.Event]:
    """Hold what is to be committed; return: somebody is there, and they may."""
    reached, may_commit = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        reached.set()
        assert may_commit.wait(SECONDS)

    event.listen(engine, "commit", hold)
    return reached, may_commit


def until(is_so: Callable[[], object]) -> None:
    over = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < over
        time.sleep(0.01)


def come_back(engine: Engine) -> list[int]:
    """Take the refund back, and return what is to be done about access."""
    add_events(engine, of_another(2, [refund("reversed", at=JUST_NOW / 4)]))
    record([], 1)
    query = "SELECT id FROM access_changes WHERE state = 'pending'"
    return [row_id for (row_id,) in rows(engine, query)]


def test_access_that_comes_back_before_the_decision_is_committed_is_welcomed(
    refunded: Engine, sessions: Callable[[], Engine]
) -> None:
    lease, turns = claim(refunded), Turns(settings())
    first, other = lease.rows
    with sessions().connect() as connection, ThreadPoolExecutor(1) as pool:
        pid = connection.scalar(PID) or 0
        connection.commit()
        turns.read(connection, lease, first)
        activated = Session(sessions(), *activating(come_back(refunded)))
        assert activated.until_applied_or_waiting(refunded)
        deciding = pool.submit(turns.read, connection, lease, other)
        until(lambda: one(refunded, str(WAITING), pid=pid) or deciding.done())
        activated.commit()
        assert isinstance(deciding.result(SECONDS), Notice)


def test_access_that_comes_back_after_the_decision_is_welcomed_later(
    refunded: Engine, sessions: Callable[[], Engine]
) -> None:
    lease, turns = claim(refunded), Turns(settings())
    first, other = lease.rows
    own = sessions()
    with own.connect() as connection, ThreadPoolExecutor(1) as pool:
        turns.read(connection, lease, first)
        reached, may_commit = hold_commits(own)
        deciding = pool.submit(turns.read, connection, lease, other)
        assert reached.wait(SECONDS)
        activated = Session(sessions(), *activating(come_back(refunded)))
        assert not activated.until_applied_or_waiting(refunded)
        may_commit.set()
        assert isinstance(deciding.result(SECONDS), Ending)
        activated.commit()
    assert rows(refunded, STATES) == [("welcome", "pending", None)] * 2
