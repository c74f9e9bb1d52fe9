"""After a restore of the database nobody hears again what he was told before: each kind."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from models.notices import NoticeKind
from tasks.activate import activate
from tasks.expire import expire
from tasks.record import record
from tasks.remind import plan
from tests.factories import add_events, rows
from tests.notices import (
    BUYER,
    JUST_NOW,
    STATES,
    checkout,
    declined,
    parked,
    past_due,
    purchase,
    refund,
    tell,
    trial,
    turns,
)
from tests.purchases import Body
from tests.reconciling import add_run
from tests.subscriptions import (
    adjusted,
    charge,
    customer,
    pass_time,
    scheduled,
    subscription,
)
from worker.errors import TransientError
from worker.notices.reading import Notice

TOLD_BEFORE = "told before the database was restored"
#: By kind: what the backup knows, and what was delivered after it.
LOST: dict[NoticeKind, Callable[[], tuple[list[Body], list[Body]]]] = {
    NoticeKind.WELCOME: lambda: ([BUYER], [purchase()]),
    NoticeKind.SUSPENDED: lambda: ([BUYER, subscription(at=-1)], [paused()]),
    NoticeKind.ENDED: lambda: ([BUYER, purchase(at=-1)], [refund()]),
    NoticeKind.RESTORED: lambda: (
        [BUYER, purchase(at=-1), refund(at=-0.5)],
        [purchase(id="txn_second")],
    ),
    NoticeKind.REFUND_CONFIRMED: lambda: ([BUYER, purchase(at=-1)], [refund()]),
    NoticeKind.RENEWAL_FAILED: lambda: ([BUYER, subscription(at=-1)], [past_due()]),
    NoticeKind.PAYMENT_FAILED: lambda: ([BUYER], [declined()]),
    NoticeKind.ORDER_CONFIRMATION: lambda: ([BUYER], [purchase()]),
}
#: What the clock makes due, while others' events are delivered; all but the first is in
#: the backup.
BY_CLOCK: dict[NoticeKind, Callable[[], tuple[list[Body], list[Body]]]] = {
    NoticeKind.PAYMENT_RECEIVED: lambda: ([BUYER], [parked()]),
    NoticeKind.TRIAL_ENDING: lambda: ([BUYER, trial()], []),
    NoticeKind.CHECKOUT_LEFT_OPEN: lambda: ([BUYER, checkout()], []),
    NoticeKind.ENDED: lambda: ([BUYER, canceling()], []),
}
WALK = """
UPDATE reconciliation_runs SET state = 'complete', finished_at = clock_timestamp()
WHERE kind = 'events'
"""
OLDER = "UPDATE reconciled_events SET found_at = now() - interval '11 minutes'"
LATE = """
UPDATE notifications SET created_at = now() - interval '11 minutes';
UPDATE enrollment_history SET changed_at = now() - interval '11 minutes'
WHERE cause_kind = 'clock'
"""
_NOTE = text("""
INSERT INTO reconciled_events (inbox_id, run_id, reason, explanation)
SELECT unnest(CAST(:ids AS bigint[])), :run, :reason, :explanation
""")


def paused(at: float = JUST_NOW) -> Body:
    return subscription("paused", at=at, period=None)


def canceling() -> Body:
    """Return a subscription that is to end tomorrow."""
    return subscription(at=-1, scheduled_change=scheduled("cancel", 1))


def somebody(at: float = -0.001) -> Body:
    """Return an event about somebody else, of a minute ago."""
    body = customer(at, email="ann@example.com")
    body["data"]["id"] = "ctm_somebody"
    return body


def bring(
    engine: Engine,
    bodies: list[Body],
    explanation: str | None = "forgotten",
    reason: str = "missed",
) -> None:
    """Find what no delivery has brought, and carry out what follows."""
    find(engine, bodies, explanation, reason)
    record([], 1)
    activate([], 1)


def find(
    engine: Engine, bodies: list[Body], explanation: str | None, reason: str = "missed"
) -> None:
    """Find what no delivery has brought, and leave it in the inbox."""
    ids, run = add_events(engine, bodies), add_run_once(engine)
    values = {"ids": ids, "run": run, "reason": reason, "explanation": explanation}
    with engine.begin() as connection:
        connection.execute(_NOTE, values)


def add_run_once(engine: Engine) -> int:
    found = rows(engine, "SELECT id FROM reconciliation_runs")
    return int(found[0][0]) if found else add_run(engine)


def alter(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def go_back(engine: Engine, known: list[Body]) -> None:
    """Restore a backup that knows this, and whose people were told of it."""
    for body in known:
        tell(engine, body)
        turns(engine)


def told(engine: Engine) -> list[str]:
    """Let every message have its turn, and return the kinds of those that go out."""
    return [str(found.kind) for found in turns(engine) if isinstance(found, Notice)]


@pytest.mark.parametrize("kind", LOST)
def test_what_was_delivered_before_is_told_to_nobody(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = LOST[kind]()
    go_back(shop, known)
    bring(shop, lost)
    assert told(shop) == []
    assert (kind, "skipped", TOLD_BEFORE) in rows(shop, STATES)


@pytest.mark.parametrize("kind", LOST)
def test_what_was_never_delivered_is_told(kind: NoticeKind, shop: Engine) -> None:
    known, lost = LOST[kind]()
    go_back(shop, known)
    bring(shop, lost, "failed")
    assert kind in told(shop)


@pytest.mark.parametrize("refund_arrived", [True, False])
def test_a_subscription_s_refund_was_told_if_it_arrived_whatever_comes_with_it(
    shop: Engine, *, refund_arrived: bool
) -> None:
    go_back(shop, [BUYER, subscription(at=-1), charge(at=-0.9)])
    leaving = subscription(at=JUST_NOW, scheduled_change=scheduled("cancel", 1))
    find(shop, [adjusted(at=-0.5)], "forgotten" if refund_arrived else "failed")
    bring(shop, [leaving], "failed" if refund_arrived else "forgotten")
    assert ("suspended" in told(shop)) is not refund_arrived


@pytest.mark.parametrize("kind", LOST)
def test_it_waits_until_it_is_known_but_not_for_ever(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = LOST[kind]()
    go_back(shop, known)
    bring(shop, lost, None)
    with pytest.raises(TransientError, match="not yet known"):
        turns(shop)
    alter(shop, OLDER)
    assert kind in told(shop)


@pytest.mark.parametrize(
    "kind",
    [
        NoticeKind.SUSPENDED,
        NoticeKind.ENDED,
        NoticeKind.REFUND_CONFIRMED,
        NoticeKind.ORDER_CONFIRMATION,
    ],
)
def test_what_comes_as_an_object_first_waits_for_the_events(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = LOST[kind]()
    go_back(shop, known)
    bring(shop, lost, None, reason="differs")
    with pytest.raises(TransientError, match="not yet known"):
        turns(shop)
    bring(shop, LOST[kind]()[1])
    alter(shop, WALK)
    assert kind not in told(shop)
    assert (kind, "skipped", TOLD_BEFORE) in rows(shop, STATES)


def become_due(engine: Engine, kind: NoticeKind) -> None:
    """Let the time come, and the tasks look that the clock starts."""
    if kind is NoticeKind.ENDED:
        pass_time(engine, 1.5)
        expire()
        activate([], 1)
    plan()


@pytest.mark.parametrize("kind", BY_CLOCK)
def test_what_the_clock_made_due_while_events_came_in_is_told_to_nobody(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = BY_CLOCK[kind]()
    go_back(shop, known)
    bring(shop, [*lost, somebody()])
    become_due(shop, kind)
    assert kind not in told(shop)
    assert (kind, "skipped", TOLD_BEFORE) in rows(shop, STATES)


@pytest.mark.parametrize("kind", BY_CLOCK)
def test_what_the_clock_made_due_while_nothing_arrived_is_told(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = BY_CLOCK[kind]()
    go_back(shop, known)
    bring(shop, [*lost, somebody()], "failed")
    become_due(shop, kind)
    assert kind in told(shop)


@pytest.mark.parametrize("kind", BY_CLOCK)
def test_what_is_noticed_late_waits_for_a_walk_but_not_for_ever(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = BY_CLOCK[kind]()
    go_back(shop, known)
    tell(shop, *lost)
    add_run(shop)
    alter(shop, WALK)
    become_due(shop, kind)
    with pytest.raises(TransientError, match="not yet known"):
        turns(shop)
    alter(shop, LATE)
    assert kind in told(shop)


@pytest.mark.parametrize("kind", BY_CLOCK)
def test_what_became_due_after_the_last_that_had_arrived_is_told(
    kind: NoticeKind, shop: Engine
) -> None:
    known, lost = BY_CLOCK[kind]()
    go_back(shop, known)
    bring(shop, [somebody(at=-2)])
    tell(shop, *lost)
    become_due(shop, kind)
    assert kind in told(shop)


def test_what_the_backup_knows_as_waiting_is_told(shop: Engine) -> None:
    go_back(shop, [BUYER, checkout(hours=2)])
    plan()
    on_time = "UPDATE notifications SET created_at = now() - interval '1 hour'"
    alter(shop, on_time)
    bring(shop, [somebody()])
    assert told(shop) == ["checkout_left_open"]


def test_what_follows_what_was_told_before_a_restore_is_told(shop: Engine) -> None:
    bring(shop, [BUYER, subscription(at=-0.5)])
    assert told(shop) == []
    tell(shop, paused(at=-0.4))
    assert told(shop) == ["suspended"]
    bring(shop, [subscription(at=-0.3, period=-0.3)])
    assert told(shop) == []
    tell(shop, paused(at=-0.2))
    assert told(shop) == ["suspended"]
