"""A look at recent changes: finds what they touched, and never closes unseen."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from tests.checking import HOOK, alter, findings, found, open_shop, walk
from tests.factories import one, rows
from tests.purchases import TRANSACTION
from worker.checks import touched
from worker.checks.table import CHECKS
from worker.settings import Settings

NOW = "SELECT now()"
PERPETUAL = "WHERE course_key = 'perpetual'"
TOUCHED = "changed_at = now() - interval '10 minutes'"
#: The event of the purchase came just now, whenever its provider made it.
CAME = "UPDATE transactions SET clock_updated_at = now() - interval '10 minutes'"
ENROLLMENT = f"SELECT 'enrollment ' || id FROM enrollments {PERPETUAL}"
#: What is found, how its subject is asked for (empty: the purchase), what was done.
BROKEN = [
    ("paid_without_grant", None, ["DELETE FROM grants WHERE source = 'purchase'"]),
    ("grant_without_payment", None, ["UPDATE transactions SET status = 'canceled'"]),
    ("totals_differ", None, ["UPDATE transaction_lines SET total_minor = 7"]),
    (
        "access_disagrees",
        ENROLLMENT,
        [f"UPDATE enrollments SET state = 'ended', {TOUCHED} {PERPETUAL}"],
    ),
    (
        "history_incomplete",
        ENROLLMENT,
        [
            "DELETE FROM enrollment_history",
            f"UPDATE enrollments SET {TOUCHED} {PERPETUAL}",
        ],
    ),
    (
        "learner_without_identity",
        "SELECT 'learner ' || id FROM learners",
        [
            "DELETE FROM learner_identities",
            f"UPDATE enrollments SET {TOUCHED} {PERPETUAL}",
        ],
    ),
    (
        "not_welcomed",
        ENROLLMENT,
        ["DELETE FROM notifications", f"UPDATE enrollments SET {TOUCHED} {PERPETUAL}"],
    ),
    (
        "platform_not_told",
        ENROLLMENT,
        [
            "UPDATE platform_deliveries SET state = 'dead'",
            f"UPDATE enrollments SET {TOUCHED} {PERPETUAL}",
        ],
    ),
]


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A purchase and a present, of long ago."""
    configured(**HOOK)
    open_shop(core)
    alter(
        core,
        "UPDATE grants SET changed_at = changed_at - interval '9 days'",
        "UPDATE enrollments SET changed_at = changed_at - interval '9 days'",
    )
    return core


def recent(engine: Engine) -> datetime:
    now: datetime = one(engine, NOW)
    return now - timedelta(hours=1)


@pytest.mark.parametrize(("kind", "subject", "broken"), BROKEN)
def test_what_was_touched_is_found(
    shop: Engine, kind: str, subject: str | None, broken: list[str]
) -> None:
    about = one(shop, subject) if subject else TRANSACTION
    alter(shop, *([] if subject else [CAME]), *broken)

    _, steps = walk(shop, recent(shop))

    assert sum(step.seen for step in steps) == len(CHECKS)
    assert (kind, about) in findings(shop, "open") + findings(shop, "cleared")
    assert found(steps) == len(rows(shop, "SELECT FROM findings"))


def test_what_nothing_touched_is_found_by_a_look_at_everything(shop: Engine) -> None:
    alter(shop, f"UPDATE enrollments SET state = 'ended' {PERPETUAL}")

    assert found(walk(shop, recent(shop))[1]) == 0
    assert found(walk(shop)[1]) == 1


@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE transaction_lines SET total_minor = total_minor + {}",
        "UPDATE enrollments SET version = version + {}",
        "UPDATE transactions SET total_minor = total_minor - {}",
    ],
)
def test_what_was_wrong_stays_open_until_it_is_right(shop: Engine, broken: str) -> None:
    alter(shop, broken.format(7))
    walk(shop)
    known = findings(shop, "open")
    assert known

    walk(shop, recent(shop))
    assert findings(shop, "open") == known

    alter(shop, broken.format(-7))
    walk(shop, recent(shop))
    assert findings(shop, "open") == []
    assert findings(shop, "cleared") == known


def test_where_too_much_was_touched_everything_is_looked_at(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touched, "MOST", 0)
    alter(
        shop,
        f"UPDATE enrollments SET state = 'ended' {PERPETUAL}",
        f"UPDATE enrollments SET {TOUCHED} WHERE course_key = 'present'",
    )

    assert found(walk(shop, recent(shop))[1]) == 1
