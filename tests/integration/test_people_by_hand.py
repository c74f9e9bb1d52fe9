"""What was given by hand follows its learner; and a learner is found by any name."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from models.access import GrantSource
from tests.factories import one, rows
from tests.people import World, act, holders, mail, owners, record, welcomes
from worker.learners import find_learner
from worker.settings import Settings

WORLD = World("w")
JO, USER = WORLD.address(0), WORLD.user(0)
GUEST = f"address {JO}"
GIVE = text("""
INSERT INTO grants (source, provider, source_id, line_id, course_key, learner_id,
                    state, cause)
VALUES (:source, 'paddlewheel', '1', '', :course, :learner, 'active', 'given')
""")


@pytest.fixture(autouse=True)
def config(core: Engine, configured: Callable[..., Settings]) -> Settings:
    return configured(learner_ids_unsigned=True)


def found(engine: Engine, name: str) -> int | None:
    with engine.connect() as connection:
        return find_learner(connection, name)


def give(engine: Engine, name: str, course: str) -> None:
    with engine.begin() as connection:
        learner = find_learner(connection, name)
        connection.execute(
            text("INSERT INTO courses VALUES (:key, 'course', :key)"), {"key": course}
        )
        connection.execute(
            GIVE,
            {"source": GrantSource.GIFT.value, "course": course, "learner": learner},
        )
        connection.execute(
            text("""
            INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref)
            VALUES (:learner, :course, 'operator', 'test')
            """),
            {"learner": learner, "course": course},
        )


def settle(engine: Engine) -> None:
    act(engine)
    mail(engine)


def test_what_was_given_by_hand_goes_along_and_comes_back(core: Engine) -> None:
    record(core, WORLD.told(0, 0, 0))
    give(core, JO, "gift")
    settle(core)

    record(core, WORLD.bought(1, 0, 0))
    settle(core)
    assert owners(core)["gift"] == f"user {USER}"
    assert holders(core)["gift"] == [f"user {USER}"]

    record(core, WORLD.bought(2, 0, 1))
    settle(core)
    assert holders(core)["gift"] == [GUEST]
    causes = "SELECT DISTINCT cause_kind FROM access_changes WHERE course_key = 'gift'"
    assert sorted(rows(core, causes)) == [("merge",), ("operator",)]
    assert welcomes(core)["gift"] == 1


def test_what_was_given_by_hand_follows_a_customer_to_anothers_address(
    core: Engine,
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 1, 0))
    give(core, JO, "gift")
    former = one(core, "SELECT ref FROM learners WHERE email = :e", e=JO.upper())
    record(core, WORLD.told(0, 1, 5))
    settle(core)

    assert holders(core)["gift"] == [f"address {WORLD.address(1)}"]
    assert found(core, former) == found(core, WORLD.address(1))

    record(core, WORLD.bought(1, 1, 0))
    settle(core)

    assert holders(core)["gift"] == [f"user {USER}"]
    assert found(core, former) == found(core, USER)


def test_a_learner_is_found_by_whatever_names_it(core: Engine) -> None:
    record(core, WORLD.told(0, 0, 0))
    guest = found(core, JO)
    assert guest is not None
    ref = one(core, "SELECT ref FROM learners")
    names = [f" {JO.upper()} ", ref, WORLD.customer(0), f"paddle:{WORLD.customer(0)}"]
    assert {found(core, name) for name in names} == {guest}
    assert found(core, USER) is None

    record(core, WORLD.bought(1, 0, 0))

    user = found(core, USER)
    assert user not in {None, guest}
    assert {found(core, name) for name in names} == {user}
