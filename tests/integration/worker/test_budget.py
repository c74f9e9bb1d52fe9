"""One bucket for all who ask a provider: turns, lanes, pauses, and who tries first."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tests.factories import one, rows
from worker.budget import MOST_FAILURES, Budget, Lane, Patient
from worker.database import make_engine
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiRefusedError,
    NoTurnError,
)
from worker.settings import Settings

Make = Callable[..., Settings]
#: At 10 a minute the smallest bucket: one and a quarter.
SLOW = 10
DOWN = ApiDownError("no answer")


@pytest.fixture
def turns(core: Engine, configured: Make) -> Callable[..., Budget]:
    """Return a function that makes the budget of one who asks."""

    def make(lane: Lane = Lane.LIVE, limit: int = 240) -> Budget:
        config = configured(paddle_requests_per_minute=limit)
        return Budget(core, "paddle", lane, config)

    return make


def put(engine: Engine, assignments: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE provider_budgets SET {assignments}"))


def still(engine: Engine) -> None:
    """No time has passed since the bucket was filled, nor will before long."""
    put(engine, "filled_at = clock_timestamp() + interval '1 h'")


def taken(budget: Budget, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            budget.enter()
        except NoTurnError:
            continue
        count += 1
    return count


def seconds_until(engine: Engine) -> float:
    """How long nobody asks, from now on."""
    paused = "SELECT extract(epoch FROM paused_until - clock_timestamp())"
    return float(one(engine, f"{paused} FROM provider_budgets"))


def fail(budget: Budget, times: int = 1, error: Exception = DOWN) -> None:
    for _ in range(times):
        budget.leave(error)


def test_the_bucket_is_an_eighth_and_what_flows_in_never_exceeds_the_rest(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    budget = turns()
    budget.enter()

    assert one(core, "SELECT tokens FROM provider_budgets") == 29
    put(core, "tokens = 0, filled_at = clock_timestamp() - interval '1 minute'")
    budget.enter()
    assert one(core, "SELECT tokens FROM provider_budgets") == 29
    values = vars(budget)["_values"]
    assert values["burst"] + values["per_second"] * 60 == 225


def test_without_a_token_it_says_when_there_will_be_one(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    budget = turns(limit=SLOW)
    budget.enter()
    still(core)

    with pytest.raises(NoTurnError, match="10 requests a minute are used up") as none:
        budget.enter()

    # Three quarters of a token, at 13 / 16 of ten a minute.
    assert timedelta() < none.value.wait_at_least <= timedelta(seconds=6)


def test_time_that_passed_fills_it_and_a_clock_that_went_back_does_not(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    budget = turns(limit=SLOW)
    budget.enter()
    put(core, "tokens = 0, filled_at = clock_timestamp() - interval '30 s'")
    budget.enter()
    put(core, "tokens = 0, filled_at = clock_timestamp() + interval '1 h'")

    with pytest.raises(NoTurnError):
        budget.enter()

    # Time goes on from the clock as it is now.
    behind = "SELECT filled_at <= clock_timestamp() FROM provider_budgets"
    assert one(core, behind)


@pytest.mark.parametrize("limit", [10, 240, 10_000])
def test_each_lane_leaves_some_to_those_before_it(
    core: Engine, turns: Callable[..., Budget], limit: int
) -> None:
    lanes = {lane: turns(lane, limit) for lane in Lane}
    burst = limit / 8
    least = {lane: vars(lanes[lane])["_values"]["least"] for lane in Lane}

    assert least[Lane.LIVE] == 1
    assert least[Lane.LIVE] < least[Lane.RECONCILE] < least[Lane.BACKFILL] <= burst
    for lane, budget in lanes.items():
        budget.enter()
        put(core, f"tokens = {least[lane] - 0.01}")
        still(core)
        with pytest.raises(NoTurnError):
            budget.enter()
        put(core, f"tokens = {burst}")


def test_live_need_takes_the_last_one_when_the_others_get_none(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    live, reconcile, backfill = (turns(lane) for lane in Lane)
    live.enter()
    put(core, "tokens = 8")
    still(core)

    assert (taken(backfill, 1), taken(reconcile, 1)) == (0, 0)
    live.enter()


def test_a_pause_that_was_asked_for_is_everybodys(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    first, second = turns(), turns(Lane.BACKFILL)
    first.enter()
    second.enter()
    first.leave(ApiBusyError("answered 429", timedelta(minutes=10)))
    # Shorter, and later: the longer one stays.
    second.leave(ApiBusyError("answered 429", timedelta(minutes=1)))

    with pytest.raises(NoTurnError, match="left alone") as none:
        second.enter()
    assert none.value.wait_at_least > timedelta(minutes=5)
    put(core, "paused_until = clock_timestamp()")
    second.enter()


def test_an_answer_on_its_way_does_not_end_a_pause(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    first, second = turns(), turns()
    first.enter()
    second.enter()
    fail(first)
    first.leave(ApiBusyError("answered 429", timedelta(minutes=10)))

    second.leave(None)

    assert rows(core, "SELECT failures FROM provider_budgets") == [(0,)]
    assert seconds_until(core) > 300


def test_silence_opens_the_circuit_and_only_tries_double_the_pause(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    budget = turns()
    budget.enter()
    fail(budget, MOST_FAILURES - 1)
    budget.enter()
    # More were on their way.
    fail(budget, 4)

    assert one(core, "SELECT failures FROM provider_budgets") == MOST_FAILURES
    with pytest.raises(NoTurnError, match="5 requests in a row had no answer") as none:
        budget.enter()
    assert none.value.wait_at_least <= timedelta(seconds=30)

    longest = []
    for _ in range(6):
        put(core, "paused_until = clock_timestamp()")
        budget.enter()
        fail(budget)
        longest.append(-(-seconds_until(core) // 10) * 10)
    assert longest == [60, 120, 240, 480, 600, 600]


def test_one_tries_alone_and_its_answer_lets_all_pass(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    probe, other = turns(), turns()
    probe.enter()
    fail(probe, MOST_FAILURES)
    put(core, "paused_until = clock_timestamp()")

    probe.enter()
    assert taken(other, 3) == 0
    probe.leave(None)

    assert rows(core, "SELECT failures, paused_until FROM provider_budgets") == [
        (0, None)
    ]
    other.enter()


def test_one_who_dies_trying_holds_nobody_up_for_long(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    probe, other = turns(), turns()
    probe.enter()
    fail(probe, MOST_FAILURES)
    put(core, "paused_until = clock_timestamp()")
    probe.enter()
    probe.leave(ValueError("of our own"))

    with pytest.raises(NoTurnError) as none:
        other.enter()
    assert none.value.wait_at_least <= timedelta(seconds=15)
    assert one(core, "SELECT failures FROM provider_budgets") == MOST_FAILURES


@pytest.mark.parametrize(
    "error", [None, ApiError(400, "bad_request"), ApiRefusedError("no")]
)
def test_whatever_is_an_answer_ends_the_count(
    core: Engine, turns: Callable[..., Budget], error: Exception | None
) -> None:
    budget = turns()
    budget.enter()
    fail(budget, MOST_FAILURES - 1)

    budget.leave(error)

    assert one(core, "SELECT failures FROM provider_budgets") == 0


def test_an_answer_writes_nothing_where_all_is_well(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    budget = turns()
    budget.enter()
    before = one(core, "SELECT xmin::text FROM provider_budgets")

    budget.leave(None)

    assert one(core, "SELECT xmin::text FROM provider_budgets") == before


def test_a_database_that_is_away_is_told(make_settings: Make) -> None:
    config = make_settings()
    budget = Budget(make_engine(config, "test"), "paddle", Lane.LIVE, config)

    with pytest.raises(OperationalError):
        budget.enter()
    with pytest.raises(OperationalError):
        budget.leave(None)


@pytest.fixture
def engines(core: Engine, configured: Make) -> Iterator[list[Engine]]:
    """Four, as of four processes."""
    made = [make_engine(configured(), f"test {number}") for number in range(4)]
    yield made
    for engine in made:
        engine.dispose()


def test_four_who_hammer_get_no_more_than_there_is(
    core: Engine, engines: list[Engine], configured: Make
) -> None:
    config = configured(paddle_requests_per_minute=240)
    together = threading.Barrier(len(engines))
    granted: list[int] = []

    def hammer(engine: Engine) -> None:
        budget = Budget(engine, "paddle", Lane.LIVE, config)
        together.wait(30)
        granted.append(taken(budget, 100))

    began = one(core, "SELECT clock_timestamp()")
    threads = [threading.Thread(target=hammer, args=[engine]) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    # By the row's own account: what lay ready and what flowed in is there or granted.
    ((tokens, filled_at),) = rows(
        core, "SELECT tokens, filled_at FROM provider_budgets"
    )
    flowed_in = (filled_at - began).total_seconds() * 195 / 60
    assert len(granted) == len(engines)
    assert sum(granted) >= 30
    assert sum(granted) <= 30 + flowed_in
    assert sum(granted) + tokens <= 30 + flowed_in + 0.001


def test_a_person_waits_a_little_and_page_by_page(
    core: Engine, turns: Callable[..., Budget]
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        put(core, "tokens = 1")

    budget = turns(limit=SLOW)
    patient = Patient(budget, timedelta(minutes=1), sleep)
    patient.enter()
    still(core)
    patient.enter()
    assert len(waited) == 1

    patient.leave(ApiBusyError("answered 429", timedelta(minutes=10)))
    with pytest.raises(NoTurnError):
        patient.enter()
    assert len(waited) == 1
