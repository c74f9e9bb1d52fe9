"""Two sessions that meet the same people, in both orders of commit."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.factories import one, rows
from tests.integration.test_interleavings import event, interleave, recording
from tests.people import World, act, owners, record
from tests.purchases import Body
from worker import lifecycle
from worker.errors import LostLeaseError
from worker.notices.sending import Sending
from worker.settings import Settings
from worker.work_tables import NOTIFICATIONS, Claimant

WORLD = World("s")
USER = f"user {WORLD.user(0)}"
GUEST = f"address {WORLD.address(0)}"
Beside = Callable[[Body, Body], bool]


@pytest.fixture(params=[True, False], ids=["first_first", "second_first"])
def beside(
    core: Engine,
    configured: Callable[..., Settings],
    sessions: Callable[[], Engine],
    request: pytest.FixtureRequest,
) -> Beside:
    """Return a function that records two events beside each other."""
    configured(learner_ids_unsigned=True)

    def run(one_body: Body, other: Body) -> bool:
        pair = [recording(event(core, body)) for body in (one_body, other)]
        first, second = pair if request.param else reversed(pair)
        return interleave(core, sessions, first, second)

    return run


def test_a_guests_purchase_beside_the_merge_goes_along(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 0, 0))

    waited = beside(WORLD.bought(0, 0, 0), WORLD.bought(1, 1))

    assert waited
    assert set(owners(core).values()) == {USER}


def test_two_user_ids_of_one_address_beside_each_other_merge_nothing(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 0, 0), WORLD.bought(2, 0))

    waited = beside(WORLD.bought(0, 0, 0), WORLD.bought(1, 1, 1))

    assert waited
    assert owners(core)[WORLD.course(2)] == GUEST


def test_a_customer_told_beside_the_merge_of_its_address_goes_along(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.bought(1, 1))

    beside(WORLD.bought(0, 0, 0), WORLD.told(1, 0, 0))

    assert set(owners(core).values()) == {USER}


def test_a_purchase_beside_the_parting_of_its_address_is_its_buyers(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 0, 0))

    waited = beside(WORLD.told(0, 1, 5), WORLD.bought(1, 1))

    assert waited
    assert owners(core) == {WORLD.course(1): GUEST}


def test_two_customers_of_one_address_that_leave_it_are_two(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 0, 0))
    record(core, WORLD.bought(0, 0), WORLD.bought(1, 1))

    beside(WORLD.told(0, 1, 5), WORLD.told(1, 2, 5))

    assert owners(core) == {
        WORLD.course(n): f"address {WORLD.address(n + 1)}" for n in (0, 1)
    }
    emails = "SELECT value FROM learner_identities WHERE kind = 'email' ORDER BY 1"
    assert rows(core, emails) == [(WORLD.address(1),), (WORLD.address(2),)]


def test_a_new_user_id_met_twice_at_once_is_one_learner(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 0), WORLD.told(1, 1, 0))

    waited = beside(WORLD.bought(0, 0, 0), WORLD.bought(1, 1, 0))

    assert waited
    assert set(owners(core).values()) == {USER}
    assert one(core, "SELECT count(*) FROM learners") == 3


def test_two_customers_of_one_user_at_once_leave_it_the_newest_address(
    core: Engine, beside: Beside
) -> None:
    record(core, WORLD.told(0, 0, 1), WORLD.told(1, 1, 2))
    record(core, WORLD.bought(0, 0, 0), WORLD.bought(1, 1, 0))

    waited = beside(WORLD.told(0, 2, 9), WORLD.told(1, 3, 5))

    assert waited
    email = "SELECT email FROM learners WHERE ref = :ref"
    assert one(core, email, ref=WORLD.user(0)) == WORLD.address(2).upper()


def test_a_mail_whose_access_moves_before_its_data_stays_here(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    config = configured(learner_ids_unsigned=True)
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0))
    act(core)
    lease = lifecycle.claim(core, NOTIFICATIONS, Claimant("test", "here"), config)
    assert lease is not None
    [(row_id,)] = rows(core, "SELECT id FROM notifications")
    record(core, WORLD.bought(1, 0, 0))

    with core.connect() as connection, pytest.raises(LostLeaseError):
        Sending(connection, lease, row_id, "<id>", timedelta(seconds=30)).begin()

    assert one(core, "SELECT state FROM notifications") == "pending"
