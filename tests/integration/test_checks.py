"""Each check of our own rows: nothing in a healthy shop, one finding for a broken row."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.checking import HOOK, alter, findings, found, open_shop, tell, walk
from tests.factories import one, rows
from tests.purchases import (
    LINE_TOTAL,
    TRANSACTION,
    adjustment,
    published,
    transaction,
)
from tests.subscriptions import SUBSCRIPTION, adjusted, begun, charge, line
from worker.checks import looking
from worker.checks.table import CHECKS
from worker.finding_words import SENTENCES
from worker.settings import Settings

PERPETUAL = "WHERE course_key = 'perpetual'"
GIFT = "WHERE course_key = 'present'"
ACCESS = "SELECT course_key, state, version FROM enrollments ORDER BY 1"
HEALTHY = [("perpetual", "active", 1), ("present", "active", 1)]
ENROLLMENT = "SELECT 'enrollment ' || id FROM enrollments WHERE course_key = :course"
GRANTS = "SELECT source, state, cause FROM grants ORDER BY source, id"
PRESENT = f"SELECT id, source, source_id, state, cause, ends_at FROM grants {GIFT}"


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A purchase, a subscription of another buyer, and a present."""
    configured(**HOOK)
    open_shop(core)
    return core


@pytest.fixture
def subscribed(shop: Engine) -> Engine:
    tell(shop, *begun())
    return shop


def test_a_healthy_shop_gives_nothing(subscribed: Engine) -> None:
    _, steps = walk(subscribed)

    assert found(steps) == 0
    assert [step.gap for step in steps if step.gap] == []
    assert sum(step.seen for step in steps) == len(CHECKS) == steps[0].expected
    assert findings(subscribed, "open") == findings(subscribed, "cleared") == []
    assert one(subscribed, "SELECT max(version) FROM enrollments") == 1


def test_every_check_says_what_it_means() -> None:
    assert {check.kind for check in CHECKS} <= SENTENCES.keys()
    assert len({check.kind for check in CHECKS}) == len(CHECKS)


#: What somebody has done by hand; what is found, about what; the enrollments after the
#: repair: a version more only where they were wrong.
MENDED = [
    (
        "DELETE FROM grants WHERE source = 'purchase'",
        ("paid_without_grant", TRANSACTION),
        HEALTHY,
    ),
    (
        "UPDATE grants SET state = 'ended' WHERE source = 'purchase'",
        ("paid_without_grant", TRANSACTION),
        HEALTHY,
    ),
    (
        f"UPDATE transactions SET status = 'canceled' WHERE id = '{TRANSACTION}'",
        ("grant_without_payment", TRANSACTION),
        [("perpetual", "ended", 2), ("present", "active", 1)],
    ),
    (
        f"UPDATE enrollments SET state = 'ended' {PERPETUAL}",
        ("access_disagrees", "perpetual"),
        [("perpetual", "active", 2), ("present", "active", 1)],
    ),
    (
        f"UPDATE enrollments SET state = 'suspended' {GIFT}",
        ("access_disagrees", "present"),
        [("perpetual", "active", 1), ("present", "active", 2)],
    ),
    (
        f"UPDATE enrollments SET access_until = now() + interval '1 day' {PERPETUAL}",
        ("access_disagrees", "perpetual"),
        [("perpetual", "active", 2), ("present", "active", 1)],
    ),
    (
        f"UPDATE grants SET ends_at = now() + interval '1 day' {PERPETUAL}",
        ("access_disagrees", "perpetual"),
        HEALTHY,
    ),
    (
        f"UPDATE enrollments SET recheck_at = now() - interval '1 hour' {PERPETUAL}",
        ("past_its_end", "perpetual"),
        HEALTHY,
    ),
    (
        f"UPDATE enrollments SET access_until = now() - interval '1 hour' {PERPETUAL}",
        ("past_its_end", "perpetual"),
        [("perpetual", "active", 2), ("present", "active", 1)],
    ),
]


@pytest.mark.parametrize(("broken", "finding", "after"), MENDED)
def test_what_is_certain_is_mended(
    shop: Engine, broken: str, finding: tuple[str, str], after: list[Any]
) -> None:
    kind, about = finding
    subject = about
    if about in {"perpetual", "present"}:
        subject = one(shop, ENROLLMENT, course=about)
    present = rows(shop, PRESENT)
    alter(shop, broken)

    run, steps = walk(shop)

    assert found(steps) == 1
    assert findings(shop, "open") == []
    assert findings(shop, "cleared") == [(kind, subject)]
    assert rows(shop, ACCESS) == after
    assert one(shop, f"SELECT healed FROM reconciliation_runs WHERE id = {run}") == 1
    causes = rows(
        shop, "SELECT cause_kind, cause_ref FROM enrollment_history WHERE version > 1"
    )
    assert set(causes) <= {("reconciliation", f"run {run}")}
    again, steps = walk(shop)
    assert found(steps) == 0
    assert rows(shop, ACCESS) == after
    assert (
        one(
            shop,
            "SELECT count(*) FROM access_changes WHERE cause_ref = :ref",
            ref=f"run {again}",
        )
        == 0
    )
    assert rows(shop, PRESENT) == present


def test_a_refunded_purchase_that_is_live(shop: Engine) -> None:
    tell(shop, adjustment())
    alter(shop, f"UPDATE grants SET state = 'active', cause = 'purchased' {PERPETUAL}")

    _, steps = walk(shop)

    assert found(steps) == 1
    assert findings(shop, "cleared") == [("refunded_but_live", TRANSACTION)]
    assert ("purchase", "ended", "refunded") in rows(shop, GRANTS)
    assert rows(shop, ACCESS)[0] == ("perpetual", "ended", 2)
    assert found(walk(shop)[1]) == 0


@pytest.mark.parametrize(
    ("broken", "kind", "state"),
    [
        (
            "DELETE FROM grants WHERE source = 'subscription'",
            "paid_without_grant",
            "active",
        ),
        (
            "UPDATE subscriptions SET status = 'canceled'",
            "grant_without_payment",
            "ended",
        ),
    ],
)
def test_a_subscription_is_mended(
    subscribed: Engine, broken: str, kind: str, state: str
) -> None:
    alter(subscribed, broken)

    _, steps = walk(subscribed)

    assert found(steps) == 1
    assert findings(subscribed, "cleared") == [(kind, SUBSCRIPTION)]
    assert rows(
        subscribed, "SELECT state FROM grants WHERE source = 'subscription'"
    ) == [(state,)]
    assert (
        one(
            subscribed,
            "SELECT state FROM enrollments WHERE course_key = 'python-basics'",
        )
        == state
    )
    assert found(walk(subscribed)[1]) == 0


def test_a_refunded_period_that_is_live(subscribed: Engine) -> None:
    tell(subscribed, adjusted())
    alter(
        subscribed,
        "UPDATE grants SET state = 'active', cause = 'subscribed'"
        " WHERE source = 'subscription'",
    )

    _, steps = walk(subscribed)

    assert found(steps) == 1
    assert ("refunded_but_live", SUBSCRIPTION) in findings(subscribed, "cleared")
    assert ("subscription", "suspended", "period_refunded") in rows(subscribed, GRANTS)


#: What no machine decides: what was done, what is found, and what a person does.
LEFT = [
    (
        f"DELETE FROM transactions WHERE id = '{TRANSACTION}'",
        [("grant_without_payment", TRANSACTION)],
    ),
    (
        "DELETE FROM learner_identities",
        [("learner_without_identity", "learner {learner}")],
    ),
    (
        "DELETE FROM notifications WHERE enrollment_id = {enrollment}",
        [("not_welcomed", "enrollment {enrollment}")],
    ),
    (
        "UPDATE notifications SET state = 'failed' WHERE enrollment_id = {enrollment}",
        [("not_welcomed", "enrollment {enrollment}")],
    ),
    (
        (
            "UPDATE notifications SET last_error = 'no answer',"
            " pending_since = now() - interval '2 hours'"
            " WHERE enrollment_id = {enrollment}"
        ),
        [("not_welcomed", "enrollment {enrollment}")],
    ),
    (
        (
            "UPDATE platform_deliveries SET state = 'dead'"
            " WHERE enrollment_id = {enrollment}"
        ),
        [("platform_not_told", "enrollment {enrollment}")],
    ),
    (
        (
            "UPDATE platform_deliveries SET state = 'sent'"
            " WHERE enrollment_id = {enrollment}"
        ),
        [("platform_not_told", "enrollment {enrollment}")],
    ),
    (
        (
            "UPDATE inbox SET state = 'pending', next_attempt_at = now() - interval '1 hour'"
            " WHERE id = (SELECT max(id) FROM inbox)"
        ),
        [("rows_stuck", "inbox {inbox}")],
    ),
    (
        (
            "UPDATE inbox SET state = 'pending', next_attempt_at = now() - interval '5 min',"
            " lease_token = gen_random_uuid() WHERE id = (SELECT max(id) FROM inbox)"
        ),
        [("rows_stuck", "inbox {inbox}")],
    ),
    (
        "UPDATE transaction_lines SET total_minor = total_minor + 7",
        [
            ("day_totals_differ", "day 2024-04-12 USD"),
            ("totals_differ", TRANSACTION),
        ],
    ),
    (
        "DELETE FROM enrollment_history WHERE enrollment_id = {enrollment}",
        [("history_incomplete", "enrollment {enrollment}")],
    ),
    (
        (
            "UPDATE enrollment_history SET cause_ref = ''"
            " WHERE enrollment_id = {enrollment}"
        ),
        [("history_incomplete", "enrollment {enrollment}")],
    ),
    (
        "UPDATE transaction_lines SET course = NULL",
        [],
    ),
]


@pytest.mark.parametrize(("broken", "expected"), LEFT)
def test_what_is_not_certain_is_left_to_a_person(
    shop: Engine, broken: str, expected: list[tuple[str, str]]
) -> None:
    names = {
        "learner": one(shop, "SELECT id FROM learners"),
        "enrollment": one(shop, f"SELECT id FROM enrollments {PERPETUAL}"),
        "inbox": one(shop, "SELECT max(id) FROM inbox"),
    }
    alter(shop, broken.format(**names))
    known = [(kind, subject.format(**names)) for kind, subject in expected]

    assert found(walk(shop)[1]) == len(known)
    assert found(walk(shop)[1]) == len(known)

    assert findings(shop, "open") == known
    assert rows(shop, ACCESS) == HEALTHY
    assert (
        one(
            shop,
            "SELECT count(*) FROM access_changes WHERE cause_kind = 'reconciliation'",
        )
        == 0
    )


def test_a_finding_closes_when_it_is_no_longer_so(shop: Engine) -> None:
    more = "UPDATE transaction_lines SET total_minor = total_minor + {}"
    alter(shop, more.format(7))
    walk(shop)
    assert rows(
        shop, "SELECT amount_minor, currency, detail FROM findings ORDER BY kind DESC"
    )[0] == (
        -7,
        "USD",
        {"severity": "look", "total": LINE_TOTAL, "lines": LINE_TOTAL + 7},
    )

    alter(shop, more.format(-7))
    walk(shop)

    assert findings(shop, "open") == []
    assert len(findings(shop, "cleared")) == 2


def test_an_unknown_price_that_was_bought(core: Engine) -> None:
    tell(
        core,
        published("customer.created"),
        transaction("transaction.completed", None),
    )

    walk(core)

    assert findings(core, "open") == [("unknown_price_bought", TRANSACTION)]


def test_nothing_is_asked_of_a_platform_that_is_not_there(
    shop: Engine, configured: Callable[..., Settings]
) -> None:
    alter(shop, "UPDATE platform_deliveries SET state = 'dead'")
    configured(platform_hook_url="", platform_hook_secret="")

    assert found(walk(shop)[1]) == 0


def test_work_under_way_is_no_finding(shop: Engine) -> None:
    alter(
        shop,
        f"UPDATE enrollments SET state = 'ended', changed_at = now() {PERPETUAL}",
    )

    assert found(walk(shop)[1]) == 0


def test_a_place_with_a_dead_letter_is_not_repaired_for_ever(shop: Engine) -> None:
    alter(
        shop,
        f"UPDATE enrollments SET state = 'ended' {PERPETUAL}",
        "UPDATE access_changes SET state = 'dead' WHERE course_key = 'perpetual'",
        """
        INSERT INTO dead_letters
          (subject, work_table, row_id, task, error_class, error)
        SELECT 'access_changes:' || id, 'access_changes', id, 'enrollments.activate',
               'ValueError', 'broken'
        FROM access_changes WHERE course_key = 'perpetual'
        """,
    )

    assert [found(walk(shop)[1]) for _ in range(2)] == [1, 1]

    assert one(shop, "SELECT count(*) FROM access_changes WHERE state = 'pending'") == 0
    assert [kind for kind, _ in findings(shop, "open")] == ["access_disagrees"]


def test_what_is_half_there_takes_nothing_away(shop: Engine) -> None:
    alter(
        shop,
        "DELETE FROM transaction_lines",
        f"UPDATE enrollments SET state = 'suspended' {PERPETUAL}",
    )

    walk(shop)

    assert ("purchase", "active", "purchased") in rows(shop, GRANTS)
    assert ("access_disagrees", one(shop, ENROLLMENT, course="perpetual")) in findings(
        shop, "open"
    )


def test_more_than_one_look_writes(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST", 1)
    alone: dict[str, Any] = {"subscription_id": None, "period": None}
    bought = [
        charge(number=n, at=-9, lines=[line(n, once=True)], **alone) for n in (1, 2, 3)
    ]
    tell(shop, begun()[0], *bought)
    alter(shop, "DELETE FROM grants WHERE source = 'purchase'")

    _, steps = walk(shop)
    assert found(steps) == 4
    assert len(findings(shop, "cleared")) == 4
    assert one(shop, "SELECT count(*) FROM grants WHERE source = 'purchase'") == 4
    assert [step.gap for step in steps if step.gap] == []

    alter(shop, "UPDATE enrollment_history SET cause_ref = ''")
    _, steps = walk(shop)
    assert [step.gap for step in steps if step.gap] == [
        "history_incomplete: 1 of 3 are listed"
    ]
    assert found(steps) == 3


def test_what_a_person_has_accepted_is_found_no_more(shop: Engine) -> None:
    alter(shop, "UPDATE enrollment_history SET cause_ref = ''")
    before = found(walk(shop)[1])
    accept = "UPDATE findings SET state = 'accepted' WHERE id = (SELECT min(id) FROM findings)"
    alter(shop, accept)

    assert found(walk(shop)[1]) == before - 1
    assert len(findings(shop, "accepted")) == 1
