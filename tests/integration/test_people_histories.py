"""People against an oracle: any history, in any order, cut into any batches."""

import os
from collections.abc import Callable
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.factories import rows
from tests.people import World, act, holders, mail, owners, record, welcomes
from tests.purchases import Body
from worker.settings import Settings

#: An example is about ten deliveries.
EXAMPLES = max(1, int(os.environ.get("HISTORY_STEPS", "600")) // 10)
_runs = count(1)

#: Customer, address, minute: two of one minute would be a tie that the id decides.
moves = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 40)),
    min_size=1,
    max_size=9,
    unique_by=lambda move: move[2],
)
#: Customer and user id.
purchases = st.lists(
    st.tuples(st.integers(0, 3), st.none() | st.integers(0, 1)), min_size=1, max_size=5
)


@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=moves, purchases=purchases, data=st.data())
def test_whose_a_purchase_is_does_not_depend_on_the_order(
    core: Engine,
    configured: Callable[..., Settings],
    moves: list[tuple[int, int, int]],
    purchases: list[tuple[int, int | None]],
    data: st.DataObject,
) -> None:
    configured(learner_ids_unsigned=True)
    world = World(f"h{next(_runs)}")
    bodies = [world.told(*move) for move in moves]
    bodies += [world.bought(n, *bought) for n, bought in enumerate(purchases)]
    order = data.draw(st.permutations(range(len(bodies))))
    deliver(core, [bodies[place] for place in order], data)

    expected = oracle(world, moves, purchases)
    mine = {world.course(n) for n in range(len(purchases))}
    assert {c: o for c, o in owners(core).items() if c in mine} == expected
    held = {c: o for c, o in holders(core).items() if c in mine}
    assert held == {course: [owner] for course, owner in expected.items()}
    told = {c: n for c, n in welcomes(core).items() if c in mine}
    assert told == dict.fromkeys(expected, 1)
    assert two_users(core, world) == two_users_of(world, moves, purchases)
    assert misplaced(core) == []


def deliver(core: Engine, bodies: list[Body], data: st.DataObject) -> None:
    while bodies:
        size = data.draw(st.integers(1, len(bodies)))
        batch, bodies = bodies[:size], bodies[size:]
        record(core, *batch)
        for step in data.draw(st.sampled_from([[], [act], [mail], [act, mail]])):
            step(core)
    for step in (act, mail, act, mail):
        step(core)


def addresses_of(moves: list[tuple[int, int, int]]) -> dict[int, int]:
    """Return the address that each customer has in the end."""
    return {
        customer: address
        for customer, address, _ in sorted(moves, key=lambda move: move[2])
    }


def oracle(
    world: World,
    moves: list[tuple[int, int, int]],
    purchases: list[tuple[int, int | None]],
) -> dict[str, str]:
    """Return whose each course must be, by nothing but what is true in the end."""
    addresses = addresses_of(moves)
    users: dict[int, set[int]] = {}
    for customer, user in purchases:
        if user is not None and customer in addresses:
            users.setdefault(addresses[customer], set()).add(user)
    found = {}
    for number, (customer, user) in enumerate(purchases):
        if customer not in addresses:
            continue
        known = users.get(addresses[customer], set())
        # What carries no user id is the only user's, else the address's.
        named = {user} if user is not None else known if len(known) == 1 else set()
        found[world.course(number)] = (
            f"user {world.user(*named)}"
            if named
            else f"address {world.address(addresses[customer])}"
        )
    return found


def two_users_of(
    world: World,
    moves: list[tuple[int, int, int]],
    purchases: list[tuple[int, int | None]],
) -> set[str]:
    users: dict[int, set[int]] = {}
    for customer, user in purchases:
        if user is not None and customer in addresses_of(moves):
            users.setdefault(customer, set()).add(user)
    return {world.customer(one) for one, known in users.items() if len(known) > 1}


def two_users(core: Engine, world: World) -> set[str]:
    query = """
    SELECT subject FROM findings WHERE kind = 'two_users' AND state = 'open'
    """
    prefix = f"ctm_{world.name}_"
    return {one for (one,) in rows(core, query) if one.startswith(prefix)}


def misplaced(core: Engine) -> list[tuple[str, ...]]:
    """Return customers whose learner is not the one of their address."""
    query = """
    SELECT c.id, c.email_key FROM customers c
    LEFT JOIN learner_identities own
      ON own.kind = 'customer' AND own.value = c.provider || ':' || c.id
    LEFT JOIN learner_identities address
      ON address.kind = 'email' AND address.value = c.email_key
    WHERE c.email_key IS NOT NULL
      AND (own.learner_id IS NULL OR own.learner_id IS DISTINCT FROM address.learner_id)
    UNION ALL
    SELECT 'nobody', value FROM learner_identities
    WHERE kind = 'email' AND value NOT IN (
      SELECT email_key FROM customers WHERE email_key IS NOT NULL)
    """
    return rows(core, query)
