"""The figures against the goals, and the tables."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from bench.clock import both, drained
from bench.reach import reaches_of
from bench.report import show

RUN = {"events": 700, "seconds": 1.0, "events_per_second": 700}
ROW = {"per_second": 100.0, "p50_ms": 1.0, "p99_ms": 9.0, "max_ms": 10.0, "errors": 0}

TYPED = {"cpu_seconds": 0.5, "ratio": 3.25}
TAKEN = {"python": 0.02, "--help": 0.4, "status": 1.01, "explain": 0.9, "doctor": 4.9}


@pytest.fixture
def figures() -> dict[str, Any]:
    return {
        "receiver": {
            **dict.fromkeys(("empty", "tutorial", "receiver"), ROW),
            "ratio_to_tutorial": 7.5,
        },
        "drain": {
            "runs": {"paddlewheel": {**RUN, "messages": 7, "splits": 1}},
            "ratio_to_tutorial": 11.9,
            "ratio_mixed_to_tutorial": 12.1,
            "ratio_single_rings": 0.7,
            "ratio_swept": 1.2,
            "splits": 1,
        },
        "watch": {"all done": {"p50_ms": 50.1, "max_ms": 80.0}},
        "scale": {
            "microseconds_per_event": {
                "10,000": [400.0, 500.4, 450.0],
                "1,000,000": [560.0, 541.0, 460.0],
            },
            "ratio": 1.2,
            "splits": 0,
            "claims": {"no snapshot": {"p50_ms": 1.0, "p99_ms": 2.25, "max_ms": 3.0}},
        },
        "commands": {
            "runs": {
                name: {**TYPED, "seconds": taken} for name, taken in TAKEN.items()
            },
            "events": 1_000_000,
            "load": 0.3,
        },
    }


def test_each_goal_is_met_or_not(figures: dict[str, Any]) -> None:
    assert {reach.name: reach.is_met for reach in reaches_of(figures)} == {
        "receiver / tutorial": True,
        "receiver p99 ms": True,
        "drain / tutorial": False,
        "mixed day / tutorial": True,
        "split batches": False,
        "single rings / drain": True,
        "swept / drain": True,
        "look, all done: p50 ms": False,
        "long past / short past": True,
        "split beside a past": True,
        "--help: s": True,
        "status: s": False,
        "explain: s": True,
        "doctor: s": True,
    }


def test_a_goal_is_reported_with_its_value(figures: dict[str, Any]) -> None:
    first = reaches_of(figures)[0].as_json()
    assert json.loads(json.dumps(first)) == {"value": 7.5, "goal": 7, "met": True}


def test_the_tables_show_every_run(figures: dict[str, Any]) -> None:
    out = io.StringIO()
    show(figures, Console(file=out, width=80))
    assert "paddlewheel" in out.getvalue()
    assert "split batches" in out.getvalue()
    assert "all done" in out.getvalue()
    assert "400, 500, 450" in out.getvalue()
    assert "2.25" in out.getvalue()
    assert "Commands beside 1,000,000 events, load 0.3" in out.getvalue()
    assert "3.25" in out.getvalue()


def test_one_part_alone_is_reported_alone(figures: dict[str, Any]) -> None:
    del figures["drain"], figures["watch"], figures["scale"], figures["commands"]
    assert len(reaches_of(figures)) == 2


def test_a_drain_has_its_rate() -> None:
    assert drained(700, 100, 0.5).events_per_second == 1400


def test_two_drains_have_the_rate_of_both_together() -> None:
    one, other = drained(700, 100, 0.5), drained(700, 100, 1.5, splits=1)
    together = both(one, other)
    assert (together.events_per_second, together.splits) == (700, 1)
