"""Findings are locked in one order, whoever writes or clears them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from models.findings import FindingKind
from tests.factories import one, rows
from tests.fixtures.processes import eventually
from worker.findings import Found, note

KIND = FindingKind.ACCESS_DISAGREES
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock'"
)
_LOCK = text("SELECT FROM findings WHERE subject = :subject FOR UPDATE NOWAIT")


@pytest.mark.parametrize("told", [["b", "c"], ["c"], []])
def test_who_waits_for_a_finding_holds_none_behind_it(
    core: Engine, sessions: Callable[[], Engine], told: list[str]
) -> None:
    # In another order than they are to be locked in.
    for subject in "cba":
        with core.begin() as connection:
            note(connection, (), (KIND,), [Found(KIND, subject)])

    def again() -> None:
        with sessions().begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            note(connection, "abc", (KIND,), [Found(KIND, name) for name in told])

    with ThreadPoolExecutor(1) as pool:
        with sessions().begin() as first:
            first.execute(_LOCK, {"subject": "a"})
            other = pool.submit(again)
            eventually(lambda: one(core, WAITING), what="it waits for the first")
            for subject in "bc":
                first.execute(_LOCK, {"subject": subject})
        other.result(timeout=60)

    cleared = "SELECT subject FROM findings WHERE state = 'cleared' ORDER BY 1"
    assert rows(core, cleared) == [(known,) for known in "abc" if known not in told]
