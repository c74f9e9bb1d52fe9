"""What comes of the times of commands."""

from bench.commands import FLOOR, costs_of


def test_a_command_is_told_by_its_medians_and_as_a_multiple_of_the_libraries() -> None:
    walls = {FLOOR: [0.5, 0.4, 0.9], "status": [1.1, 9.0, 1.0]}
    processors = {FLOOR: [0.3, 0.3, 0.5], "status": [0.8, 0.7, 0.9]}

    assert costs_of(walls, processors)["runs"] == {
        FLOOR: {"seconds": 0.5, "cpu_seconds": 0.3, "ratio": 1.0},
        "status": {"seconds": 1.1, "cpu_seconds": 0.8, "ratio": 2.2},
    }
