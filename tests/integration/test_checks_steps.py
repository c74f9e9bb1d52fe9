"""Steps of a run of checks: bounded in time, short under locks, and through to the end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tests.checking import HOOK, alter, findings, found, open_shop, tell, walk
from tests.factories import one, rows
from tests.subscriptions import begun, charge, line
from worker.channels.deadline import Deadline
from worker.checks import looking
from worker.checks.check import Check
from worker.checks.table import BY_NAME, CHECKS
from worker.reconciliation import inside
from worker.settings import Settings, settings

_ROW = """
SELECT '{subject}' AS subject, NULL AS source, NULL AS provider, NULL AS source_id,
       NULL::bigint AS learner_id, NULL AS course_key, NULL AS currency,
       NULL::bigint AS amount_minor, {detail} AS detail
"""
#: As when its time is over; the sleep is where the server notices.
ENDLESS = f"{_ROW.format(subject='x', detail='NULL::jsonb')}, pg_cancel_backend(pg_backend_pid()), pg_sleep(60)"
TIME = _ROW.format(
    subject="time",
    detail="(SELECT jsonb_build_object('most', setting::int) FROM pg_settings"
    " WHERE name = 'statement_timeout')",
)
# Of whoever has locked some of a table's rows.
_LOCKS = text("""
SELECT count(*) FROM pg_locks
WHERE pid = pg_backend_pid() AND mode = 'RowShareLock'
  AND relation IN ('transactions'::regclass, 'subscriptions'::regclass)
""")


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A purchase, a subscription with three purchases besides, and a present."""
    configured(**HOOK)
    open_shop(core)
    alone: dict[str, Any] = {"subscription_id": None, "period": None}
    bought = [
        charge(number=n, at=-9, lines=[line(n, once=True)], **alone) for n in (1, 2, 3)
    ]
    tell(core, begun()[0], *bought)
    return core


def swap(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    """Let the first check ask something else."""
    first = replace(CHECKS[0], query=query)
    monkeypatch.setattr(inside, "CHECKS", (first, *CHECKS[1:]))
    monkeypatch.setattr(inside, "BY_NAME", {**BY_NAME, first.kind.value: first})


def test_a_check_that_takes_too_long_holds_no_other_up(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(monkeypatch, ENDLESS)
    alter(shop, "UPDATE enrollments SET state = 'ended' WHERE course_key = 'present'")

    _, steps = walk(shop)

    kind = CHECKS[0].kind
    assert [step.gap for step in steps if step.gap] == [
        f"{kind} took too long; SOFT_LIMIT_SECONDS bounds it"
    ]
    assert sum(step.seen for step in steps) == len(CHECKS)
    assert [kind for kind, _ in findings(shop, "cleared")] == ["access_disagrees"]


def test_a_look_ends_before_its_task(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(monkeypatch, TIME)
    before = one(shop, "SHOW statement_timeout")

    walk(shop)

    most = one(shop, "SELECT detail->'most' FROM findings WHERE subject = 'time'")
    # A step is begun in the first half of a task's time.
    assert 0 < most <= settings().soft_limit_seconds * 500
    with shop.begin() as connection:
        bounds = looking.Bounds(Deadline(60))
        assert looking.look(connection, CHECKS[1], settings(), bounds) is not None
        assert connection.scalar(text("SHOW statement_timeout")) == before


def test_nothing_is_looked_at_while_sources_are_locked(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter(shop, "DELETE FROM grants WHERE source = 'purchase'")
    look = looking.look

    def alone(connection: Connection, check: Check, *rest: Any) -> Any:
        assert connection.scalar(_LOCKS) == 0
        return look(connection, check, *rest)

    monkeypatch.setattr(inside, "look", alone)
    _, steps = walk(shop)

    assert found(steps) == len(findings(shop, "cleared")) == 4


def test_whatever_can_be_put_right_is_gone_through_whole(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST", 2)
    alter(shop, "UPDATE enrollments SET state = 'ended'")
    broken = one(shop, "SELECT count(*) FROM enrollments")
    assert broken > looking.MOST

    _, steps = walk(shop)

    assert found(steps) == broken
    assert [step.gap for step in steps if step.gap] == []
    assert len(findings(shop, "cleared")) == broken
    assert rows(shop, "SELECT DISTINCT state FROM enrollments") == [("active",)]


def test_what_lies_before_a_step_is_not_cleared_by_it(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter(
        shop,
        "UPDATE enrollments SET state = 'ended'",
        # A dead letter stands for each, so that none is put right.
        "UPDATE access_changes SET state = 'dead'",
        """
        INSERT INTO dead_letters
          (subject, work_table, row_id, task, error_class, error)
        SELECT 'access_changes:' || id, 'access_changes', id, 'enrollments.activate',
               'ValueError', 'broken'
        FROM access_changes
        """,
    )
    walk(shop)
    known = findings(shop, "open")
    monkeypatch.setattr(looking, "MOST", 2)

    walk(shop)

    assert len(known) > looking.MOST
    assert findings(shop, "open") == known
