"""Local, sandbox and production never meet in one database."""

from itertools import permutations

import pytest
from sqlalchemy import Engine

from tests.factories import one
from worker.environment import check_stamp
from worker.errors import EnvironmentMismatchError
from worker.settings import Environment


@pytest.mark.parametrize("environment", Environment)
def test_the_first_start_stamps_and_the_next_one_passes(
    engine: Engine, environment: Environment
) -> None:
    check_stamp(engine, environment)
    check_stamp(engine, environment)

    assert one(engine, "SELECT environment FROM deployment") == environment


@pytest.mark.parametrize(("stamped", "ours"), list(permutations(Environment, 2)))
def test_another_environment_is_refused_in_a_sentence(
    engine: Engine, stamped: Environment, ours: Environment
) -> None:
    check_stamp(engine, stamped)

    with pytest.raises(EnvironmentMismatchError, match=f"belongs to the {stamped} "):
        check_stamp(engine, ours)
    assert one(engine, "SELECT environment FROM deployment") == stamped
