"""The sinks' faults are the same in each run."""

from worker.channels.sink_faults import Faults

THINGS = [f"learner{number}@example.com" for number in range(400)]


def test_the_same_things_are_struck_in_any_order() -> None:
    forward, backward = Faults(4, seed=1), Faults(4, seed=1)
    struck = {thing for thing in THINGS if forward.strikes(thing)}
    assert struck == {thing for thing in reversed(THINGS) if backward.strikes(thing)}
    assert 60 < len(struck) < 140


def test_nothing_is_struck_twice() -> None:
    faults = Faults(1)
    assert all(faults.strikes(thing) for thing in THINGS)
    assert not any(faults.strikes(thing) for thing in THINGS)


def test_another_seed_strikes_others() -> None:
    one, other = Faults(4, seed=1), Faults(4, seed=2)
    assert [one.strikes(t) for t in THINGS] != [other.strikes(t) for t in THINGS]


def test_without_a_number_nothing_is_struck() -> None:
    assert not any(Faults().strikes(thing) for thing in THINGS)
