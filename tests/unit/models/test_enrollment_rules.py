"""What a learner has: every union of grants, against a ranking written by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, permutations

import pytest

from models.access import AccessState, CourseKind
from models.enrollment_rules import Access, LiveGrant, access_of, recheck_at

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACTIVE, SUSPENDED, ENDED = AccessState
MOMENT = timedelta(microseconds=1)


def hours(number: int) -> datetime:
    return NOON + timedelta(hours=number)


#: Every kind of grant, by what it gives at noon, the strongest first.
KINDS: dict[str, tuple[LiveGrant, Access]] = {
    "for good": (
        LiveGrant(ACTIVE, "purchased", None),
        Access(ACTIVE, "purchased", None),
    ),
    "for a year": (
        LiveGrant(ACTIVE, "purchased", hours(9000)),
        Access(ACTIVE, "purchased", hours(9000)),
    ),
    "canceled as of tomorrow": (
        LiveGrant(ACTIVE, "subscribed", hours(24), "canceled"),
        Access(ACTIVE, "subscribed", hours(24)),
    ),
    "in its grace": (
        LiveGrant(ACTIVE, "past_due", hours(2), "past_due"),
        Access(ACTIVE, "past_due", hours(2)),
    ),
    "in its last moment": (
        LiveGrant(ACTIVE, "purchased", NOON + MOMENT),
        Access(ACTIVE, "purchased", NOON + MOMENT),
    ),
    "disputed": (
        LiveGrant(SUSPENDED, "disputed", None),
        Access(SUSPENDED, "disputed", None),
    ),
    "disputed, for a year": (
        LiveGrant(SUSPENDED, "disputed", hours(9000)),
        Access(SUSPENDED, "disputed", None),
    ),
    "grace over": (
        LiveGrant(ACTIVE, "past_due", NOON, "past_due"),
        Access(SUSPENDED, "past_due", None),
    ),
    "paused by the clock": (
        LiveGrant(ACTIVE, "subscribed", hours(-1), "paused"),
        Access(SUSPENDED, "paused", None),
    ),
    "canceled by the clock": (
        LiveGrant(ACTIVE, "subscribed", NOON, "canceled"),
        Access(ENDED, "canceled", NOON),
    ),
    "expired": (
        LiveGrant(ACTIVE, "purchased", hours(-1)),
        Access(ENDED, "expired", hours(-1)),
    ),
    "expired while disputed": (
        LiveGrant(SUSPENDED, "disputed", hours(-2)),
        Access(ENDED, "expired", hours(-2)),
    ),
    "refunded": (
        LiveGrant(ENDED, "refunded", None),
        Access(ENDED, "refunded", None),
    ),
    "refunded, for a year": (
        LiveGrant(ENDED, "refunded", hours(9000)),
        Access(ENDED, "refunded", None),
    ),
    "refunded after its end": (
        LiveGrant(ENDED, "refunded", hours(-5)),
        Access(ENDED, "refunded", None),
    ),
    "canceled by the provider": (
        LiveGrant(ENDED, "canceled", None),
        Access(ENDED, "canceled", None),
    ),
    "no longer told": (
        LiveGrant(ENDED, "removed", None),
        Access(ENDED, "removed", None),
    ),
}
#: When the clock may change the alone standing grant of a kind.
RECHECKED = {
    "for a year": hours(9000),
    "canceled as of tomorrow": hours(24),
    "in its grace": hours(2),
    "in its last moment": NOON + MOMENT,
    "disputed, for a year": hours(9000),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_a_grant_gives_alone(name: str) -> None:
    grant, access = KINDS[name]

    assert access_of([grant], NOON) == access
    assert recheck_at([grant], NOON) == RECHECKED.get(name)


@pytest.mark.parametrize("count", [2, 3])
def test_of_several_the_strongest_decides_in_every_order(count: int) -> None:
    strength = {name: place for place, name in enumerate(KINDS)}
    for names in combinations_with_replacement(KINDS, count):
        strongest = min(names, key=strength.__getitem__)
        held = [KINDS[n][1].reason for n in names if KINDS[n][1].state is SUSPENDED]
        _, access = KINDS[strongest]
        if access.state is SUSPENDED:  # which of several holds it does not matter
            access = Access(SUSPENDED, min(held), None)

        found = {
            access_of([KINDS[n][0] for n in order], NOON)
            for order in permutations(names)
        }

        assert found == {access}, names


def test_the_clock_is_asked_again_when_the_first_of_them_ends() -> None:
    for names in combinations_with_replacement(KINDS, 3):
        ends = [RECHECKED[name] for name in names if name in RECHECKED]
        grants = [KINDS[name][0] for name in names]

        assert recheck_at(grants, NOON) == min(ends, default=None)


def test_nothing_changes_between_two_moments_of_asking() -> None:
    for names in combinations_with_replacement(KINDS, 2):
        grants = [KINDS[name][0] for name in names]
        following = recheck_at(grants, NOON)
        last = following - MOMENT if following else hours(1_000_000)

        assert access_of(grants, last) == access_of(grants, NOON), names


@pytest.mark.parametrize(
    ("kind", "seats", "united"),
    [
        (CourseKind.EVENT, (3,), 3),
        (CourseKind.EVENT, (3, 2), 5),
        (CourseKind.COURSE, (3, 2), 1),
        (CourseKind.DOWNLOAD, (1, 1), 1),
    ],
)
def test_attendees_of_an_event_are_added_up(
    kind: CourseKind, seats: Sequence[int], united: int
) -> None:
    grants = [LiveGrant(ACTIVE, "purchased", None, seats=number) for number in seats]

    assert access_of(grants, NOON, kind).seats == united


def test_seats_of_what_is_over_or_held_do_not_count() -> None:
    others = [
        LiveGrant(SUSPENDED, "disputed", None, seats=4),
        LiveGrant(ENDED, "refunded", None, seats=4),
        LiveGrant(ACTIVE, "purchased", NOON, seats=4),
    ]
    bought = LiveGrant(ACTIVE, "purchased", hours(1), seats=2)

    assert access_of([*others, bought], NOON, CourseKind.EVENT).seats == 2
    assert access_of(others, NOON, CourseKind.EVENT).seats == 1


def test_without_any_grant_there_is_nothing() -> None:
    assert access_of([], NOON) == Access(ENDED, "no grant", None)
    assert recheck_at([], NOON) is None
