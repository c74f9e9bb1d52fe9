"""Which mails count as said twice, and which are news."""

from collections.abc import Sequence

import pytest

from tests.unit.worker.demo.good_day import good
from worker.demo.evidence import Evidence, Mail
from worker.demo.told import mails_by_kind, mails_doubled


def day(mails: Sequence[tuple[str, str]]) -> Evidence:
    """Return a day on which Ada was told these kinds, each under an id of its own."""
    ids = [f"<{number}@x>" for number in range(len(mails))]
    told = dict(zip(ids, mails, strict=True))
    arrived = [Mail("Ada@example.com", one, "About it") for one in ids]
    return Evidence(**{**good(), "mails": arrived, "notices": told})


@pytest.mark.parametrize(
    ("kinds", "doubled"),
    [
        (("welcome", "suspended", "restored", "suspended", "ended"), 0),
        (("welcome", "welcome"), 1),
        (("welcome", "ended", "welcome"), 1),
        (("welcome", "suspended", "suspended"), 1),
    ],
)
def test_what_was_said_last_is_not_said_again(
    kinds: tuple[str, ...], doubled: int
) -> None:
    assert mails_doubled(day([(kind, "basics") for kind in kinds])) == doubled


def test_of_two_courses_the_same_may_be_said() -> None:
    assert mails_doubled(day([("welcome", "basics"), ("welcome", "sql")])) == 0


def test_mails_are_counted_by_kind_however_often_they_come() -> None:
    evidence = day([("welcome", "basics"), ("ended", "basics")])
    evidence.mails.append(evidence.mails[0])
    assert mails_by_kind(evidence) == {"ended": 1, "welcome": 2}
    assert mails_doubled(evidence) == 1
