"""The commands that are measured run to their end, beside a past."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.arena import Arena
from bench.backlog import FRESH, prepare_fresh
from bench.commands import DATABASE, commands_of, measure_commands
from bench.reach import PATIENCE, reaches_of
from worker.servers.postgres import Postgres
from worker.servers.valkey import Valkey

EVENTS = 70


@pytest.fixture
def arena(tmp_path: Path, postgres: Postgres, valkey: Valkey) -> Iterator[Arena]:
    """The session's servers, with the database that runs begin with."""
    made = Arena(tmp_path, postgres, valkey)
    prepare_fresh(made)
    yield made
    with made.connect("postgres") as connection:
        for name in (DATABASE, f"past_{EVENTS}", FRESH):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_each_command_is_measured_and_held_against_its_goal(arena: Arena) -> None:
    found = measure_commands(arena, lambda _said: None, EVENTS, rounds=1)

    assert list(found["runs"]) == list(commands_of("ctm_1"))
    assert all(row["cpu_seconds"] > 0 for row in found["runs"].values())
    reached = [reach.name for reach in reaches_of({"commands": found})]
    assert reached == [f"{name}: s" for name in PATIENCE]
