"""Plans: checked, and the same each time."""

from typing import Any

import pytest

from local_paddle.faults import Extra, Fault, Plan, PlanError

MIXED = {
    "drop": 0.2,
    "answer_lost": 0.2,
    "double": 0.2,
    "corrupt": 0.2,
    "lost": 0.2,
    "hold": 0.5,
    "hold_seconds": 3.0,
    "forged": 0.3,
    "stale": 0.3,
    "malformed": 0.3,
    "poison": 0.3,
}


def test_the_same_seed_has_the_same_fates() -> None:
    first = [Plan.of({"seed": 7, **MIXED}).fate_of(n) for n in range(200)]
    again = [Plan.of({"seed": 7, **MIXED}).fate_of(n) for n in range(200)]
    other = [Plan.of({"seed": 8, **MIXED}).fate_of(n) for n in range(200)]
    assert first == again != other


def test_chances_come_true_about_as_often_as_they_say() -> None:
    fates = [Plan.of(MIXED).fate_of(n) for n in range(2_000)]
    for fault in Fault:
        assert 320 < sum(fate.fault is fault for fate in fates) < 480
    for extra in Extra:
        assert 500 < sum(extra in fate.extras for fate in fates) < 700
    assert 0 < max(fate.hold_seconds for fate in fates) <= 3


def test_an_empty_plan_leaves_everything_alone() -> None:
    fate = Plan().fate_of(1)
    assert (fate.fault, fate.hold_seconds, fate.extras) == (None, 0.0, ())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"dorp": 0.1}, "dorp"),
        ({"drop": 1.5}, "drop"),
        ({"drop": "much"}, "drop"),
        ({"drop": True}, "drop"),
        ({"seed": 0.5}, "seed"),
        ({"drop": 0.6, "double": 0.6}, "must not pass 1"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(
    given: dict[str, Any], name: str
) -> None:
    with pytest.raises(PlanError, match=name):
        Plan.of(given)
