"""The doctor names what waits, what is held up and what was not compared for long."""

import json

import pytest
from redis import Redis
from sqlalchemy import Engine

from tasks.record import record
from tests.factories import add_events, add_work
from tests.fixtures.answering import KEY
from tests.fixtures.database import digest
from tests.fixtures.workers import QUEUES
from tests.integration.worker.doctor.conftest import Ask, Configure, Deployment
from tests.purchases import published, transaction
from tests.reconciling import ago, place_cursor
from worker.doctor.check import Check, broken, ok
from worker.doctor.examine import chosen, examine, level_of, mend
from worker.doctor.scene import Scene
from worker.doctor.table import CHECKS
from worker.errors import PaddlewheelError
from worker.settings import settings


@pytest.fixture
def shop(core: Engine, broker: Redis) -> Engine:
    """The session's servers, with the tasks set to work on them."""
    del broker
    return core


def rung(broker: Redis, queue: str) -> list[str]:
    """The tasks that wait in a queue."""
    waiting = broker.lrange(queue, 0, -1)
    assert isinstance(waiting, list)
    return [json.loads(message)["headers"]["task"] for message in waiting]


def test_a_bought_price_without_an_offer_is_told_with_its_money(
    ask: Ask, shop: Engine, broker: Redis
) -> None:
    well = ask("prices")
    bodies = [published("customer.created"), transaction("transaction.completed", None)]
    add_events(shop, bodies)
    record([], 1)
    broker.flushall()

    told = ask("prices", fix=True)

    assert well.exit_code == 0
    assert told.exit_code == 1
    assert told.words("prices").startswith("1 buyer paid")
    assert "./paddlewheel catalog map PRICE COURSE" in told.command("prices")
    assert "rang for parked.release" in told.checks["prices"]["done"]
    assert rung(broker, "maintenance") == ["parked.release"]


@pytest.fixture
def compared(shop: Engine, configured: Configure) -> Engine:
    """A shop that can ask its provider."""
    configured(paddle_api_url="http://127.0.0.1:9", paddle_api_key=KEY)
    return shop


@pytest.mark.parametrize(
    ("minutes", "code", "expected"),
    [(11, 0, "ago"), (45, 1, "and not since"), (70 * 24 * 60, 2, "and not since")],
)
def test_a_comparison_that_is_old_is_told(
    ask: Ask, compared: Engine, minutes: int, code: int, expected: str
) -> None:
    place_cursor(compared, "evt_1", ago(minutes))

    told = ask("comparison")

    assert told.exit_code == code
    assert expected in told.words("comparison")


def test_what_was_never_compared_is_told_and_begun(
    ask: Ask, compared: Engine, broker: Redis
) -> None:
    told = ask("comparison", fix=True)

    assert told.exit_code == 1
    assert "was never compared" in told.words("comparison")
    assert told.command("comparison") == "./paddlewheel reconcile events"
    assert rung(broker, "reconcile") == ["reconciliation.plan"]


def test_rows_that_nobody_takes_are_told_and_swept(
    ask: Ask, shop: Engine, broker: Redis
) -> None:
    well = ask("waiting")
    add_work(shop, 3, next_attempt_at=ago(60))

    told = ask("waiting", fix=True)

    assert well.exit_code == 0
    assert told.exit_code == 2
    assert "3 rows in the stage “record” wait to be taken" in told.words("waiting")
    assert "rang for rows.sweep" in told.checks["waiting"]["done"]
    assert rung(broker, "sweep") == ["rows.sweep"]


def test_with_billing_off_events_are_meant_to_wait(
    ask: Ask, shop: Engine, configured: Configure
) -> None:
    configured(paddle_billing_enabled=False)
    add_work(shop, 1, next_attempt_at=ago(60))

    told = ask("waiting", "settings")

    assert told.severity("waiting") == "ok"
    assert told.severity("settings") == "look"
    assert "PADDLE_BILLING_ENABLED is off" in told.words("settings")


def test_looking_writes_nothing_but_the_turns_it_takes(
    ask: Ask, shop: Engine, broker: Redis, deployment: Deployment
) -> None:
    before = digest(shop)

    told = ask()

    after = digest(shop)
    assert told.severity("permissions") == "ok"
    assert {name for name in after if after[name] != before[name]} == {
        "provider_budgets"
    }
    assert [queue for queue in QUEUES.split(",") if rung(broker, queue)] == []


def test_a_check_that_is_unknown_is_refused_by_name() -> None:
    with pytest.raises(PaddlewheelError, match="There is no check colour"):
        chosen(CHECKS, ["clock", "colour"])


def test_a_check_that_fails_itself_is_an_answer_and_nothing_is_mended_that_is_well(
    shop: Engine,
) -> None:
    def fail(_: Scene) -> list[object]:
        raise ZeroDivisionError

    checks = [
        Check("odd", "", fail),  # type: ignore[arg-type]
        Check("mute", "", lambda _: []),
        Check("well", "", lambda _: [ok("yes")], fix=lambda _: "mended"),
        Check("ill", "", lambda _: [broken("no", "type")], fix=lambda _: "mended"),
        Check("after", "", lambda _: [ok("yes")], needs=("ill",)),
        Check("after that", "", lambda _: [ok("yes")], needs=("after",)),
    ]
    scene = Scene(settings())

    results = mend(checks, examine(checks, scene), scene)

    told = {one.check: (one.severity.value, one.done) for one in results}
    assert told == {
        "odd": ("broken", ""),
        "mute": ("skipped", ""),
        "well": ("ok", ""),
        "ill": ("broken", "mended"),
        "after": ("skipped", ""),
        "after that": ("skipped", ""),
    }
    assert results[-1].verdicts[0].words == "not looked at: see after"
    assert int(level_of(results)) == 2
