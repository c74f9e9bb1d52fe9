"""What the sandbox sends never reaches production's ledger, whichever way it comes."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from bench.load import request_of
from tasks.record import record
from tests.factories import add_events, one, rows
from tests.fixtures.processes import eventually
from tests.fixtures.receivers import HASTY, Running, StartReceiver
from tests.purchases import Body, encoded, purchase
from worker import database
from worker.environment import check_stamp
from worker.errors import EnvironmentMismatchError
from worker.settings import Environment, Settings

SANDBOX_SECRET = b"pdl_ntfset_of_a_sandbox_destination"
#: All that an event may change, but the inbox itself.
# Kept a minute; the deliveries of a test may fall in two.
COUNTED = (
    "SELECT outcome, reason, CAST(sum(deliveries) AS int) FROM delivery_counts"
    " GROUP BY outcome, reason"
)
LEDGER = (
    "transactions",
    "transaction_lines",
    "payments",
    "customers",
    "learners",
    "grants",
    "access_changes",
    "enrollments",
    "dead_letters",
)


@pytest.fixture
def production(
    start_receiver: StartReceiver, core: Engine, configured: Callable[..., Settings]
) -> Running:
    """A receiver of production, with the secret of production's destination.

    The tasks are production's too.
    """
    configured(paddle_environment=Environment.PRODUCTION)
    return start_receiver(HASTY, paddle_environment=Environment.PRODUCTION)


def untouched(engine: Engine) -> bool:
    """Tell whether there is nothing anywhere but in the inbox."""
    return not any(one(engine, f"SELECT count(*) FROM {name}") for name in LEDGER)


def simulated(body: Body, number: int) -> Body:
    """Return an event as Paddle's simulator sends it."""
    told = json.dumps(body | {"notification_id": f"ntfsimntf_{number}"})
    changed: Body = json.loads(told) | {"event_id": f"ntfsimevt_{number}"}
    return changed


def test_a_body_signed_by_a_sandbox_destination_is_refused(
    production: Running, core: Engine
) -> None:
    for body in purchase():
        answer = production.ask(request_of(encoded(body), SANDBOX_SECRET))
        assert answer.startswith(b"HTTP/1.1 400")

    assert one(core, "SELECT count(*) FROM inbox") == 0
    eventually(lambda: production.has_counted(core))
    assert rows(core, COUNTED) == [("refused", "wrong_signature", len(purchase()))]


@pytest.mark.parametrize(
    ("stamped", "ours"),
    [
        (Environment.SANDBOX, Environment.PRODUCTION),
        (Environment.PRODUCTION, Environment.SANDBOX),
    ],
)
def test_a_worker_touches_nothing_in_the_other_environments_database(
    core: Engine,
    configured: Callable[..., Settings],
    stamped: Environment,
    ours: Environment,
) -> None:
    check_stamp(core, stamped)
    add_events(core, purchase())
    configured(paddle_environment=ours)
    database.forget_engines()

    with pytest.raises(EnvironmentMismatchError, match=f"belongs to the {stamped} "):
        record([], 1)

    assert untouched(core)
    assert rows(core, "SELECT DISTINCT state, attempts FROM inbox") == [("pending", 0)]
    configured(paddle_environment=stamped)


def test_simulated_events_are_taken_and_ignored_in_production(
    production: Running, core: Engine
) -> None:
    sent = [simulated(body, number) for number, body in enumerate(purchase())]

    assert {production.post(encoded(body)) for body in sent} == {200}
    record([], 1)

    assert rows(core, "SELECT DISTINCT state, reason FROM inbox") == [
        ("ignored", "simulated")
    ]
    assert one(core, "SELECT count(*) FROM inbox") == len(sent)
    assert untouched(core)


def test_the_same_events_unsimulated_do_reach_it(
    production: Running, core: Engine
) -> None:
    assert {production.post(encoded(body)) for body in purchase()} == {200}
    record([], 1)

    assert one(core, "SELECT count(*) FROM grants") == 1
