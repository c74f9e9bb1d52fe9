"""Claim, hold, finish, fail: who may touch a row, and what a claim leaves behind."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from models.work import SCHEMA_VERSION
from tests.factories import add_work, change, make_due, one, rows
from worker import lifecycle
from worker.errors import (
    LostLeaseError,
    MalformedPayloadError,
    TransientError,
)
from worker.failures import Failure, Verdict, failure_of
from worker.lifecycle import Again, Ending, Lease
from worker.putting_off import PutOff, fail
from worker.settings import Settings
from worker.work_tables import CHECKOUTS, INBOX, PLATFORM_DELIVERIES, Claimant

ME = Claimant("task-1", "worker-1")
DONE = Ending("processed")
BROKEN = Failure(Verdict.RETRY, "Oops", "at some place")
MACHINERY = Failure(Verdict.MACHINERY, "OperationalError", "40P01")
HOPELESS = failure_of(MalformedPayloadError("data.id is empty"))


@pytest.fixture
def config(make_settings: Callable[..., Settings], database_url: str) -> Settings:
    return make_settings(database_url=database_url)


@pytest.fixture
def claim(engine: Engine, config: Settings) -> Callable[..., Lease | None]:
    def work(who: Claimant = ME, **settings: Any) -> Lease | None:
        given = config.model_copy(update=settings)
        return lifecycle.claim(engine, INBOX, who, given)

    return work


def ids(lease: Lease | None) -> list[int]:
    return [] if lease is None else list(lease.rows)


def settle(
    engine: Engine,
    lease: Lease,
    endings: dict[int, Ending] | None = None,
    failures: dict[int, Failure] | None = None,
    config: Settings | None = None,
) -> PutOff:
    with engine.begin() as connection:
        lifecycle.hold(connection, lease)
        lifecycle.finish(connection, lease, endings or {})
        if config is None:
            return PutOff({}, {})
        return fail(connection, lease, failures or {}, config)


def let_the_lease_end(engine: Engine) -> None:
    make_due(engine, INBOX)


# --- claim --------------------------------------------------------------------------


def test_nothing_due_is_no_claim(claim: Callable[..., Lease | None]) -> None:
    assert claim() is None


def test_a_claim_takes_the_oldest_due_rows_first(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    a, b, c, d = add_work(engine, 4)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE inbox SET next_attempt_at = now() - interval '1 h' WHERE id = {d}"
        )

    first, second = claim(batch_rows=2), claim(batch_rows=2)

    assert (ids(first), ids(second)) == ([a, d], [b, c])


def test_who_waits_for_one_row_gets_that_one_or_none(
    engine: Engine, config: Settings
) -> None:
    _, mine, other = add_work(engine, 3)

    def claim_only(row_id: int) -> list[int]:
        return ids(lifecycle.claim(engine, INBOX, ME, config, only=row_id))

    assert claim_only(mine) == [mine]
    assert claim_only(mine) == []
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE inbox SET next_attempt_at = now() + interval '1 h'"
            f" WHERE id = {other}"
        )
    assert claim_only(other) == []


def test_a_row_put_off_is_not_due(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    add_work(engine, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE inbox SET next_attempt_at = now() + interval '1 h'"
        )

    assert claim() is None


@pytest.mark.parametrize("state", ["processed", "stale", "ignored", "dead"])
def test_a_row_at_its_end_is_never_claimed(
    engine: Engine, claim: Callable[..., Lease | None], state: str
) -> None:
    add_work(engine, 1, state=state)

    assert claim() is None


def test_a_row_of_a_newer_release_waits_for_it(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    old, new = add_work(engine, 2)
    change(engine, [new], "schema_version", SCHEMA_VERSION + 1)
    change(engine, [old], "schema_version", SCHEMA_VERSION - 1)

    assert ids(claim()) == [old]
    assert claim() is None


def test_a_claim_counts_an_attempt_and_writes_down_who_and_until_when(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    (row_id,) = add_work(engine, 1)

    lease = claim(lease_seconds=30)

    assert lease is not None
    assert (lease.rows[row_id].attempts, lease.task_id, lease.more) == (
        1,
        "task-1",
        False,
    )
    ((attempts, token, by, seconds),) = rows(
        engine,
        "SELECT attempts, lease_token, leased_by,"
        " extract(epoch FROM leased_until - now()) FROM inbox",
    )
    assert (attempts, token, by) == (1, lease.token, "task-1")
    assert 28 < seconds <= 30
    assert one(
        engine, "SELECT next_attempt_at - leased_until < interval '1 s' FROM inbox"
    )


@pytest.mark.parametrize(("there", "more"), [(4, False), (5, True), (6, True)])
def test_a_full_claim_says_that_there_may_be_more(
    engine: Engine,
    claim: Callable[..., Lease | None],
    there: int,
    more: bool,  # noqa: FBT001
) -> None:
    add_work(engine, there)

    lease = claim(batch_rows=5)

    assert lease is not None
    assert lease.more is more


def test_a_claimed_row_is_not_claimed_again_before_its_lease_ends(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    add_work(engine, 3)

    assert len(ids(claim())) == 3
    assert claim() is None


def test_a_claim_passes_over_locked_rows(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    a, b, c = add_work(engine, 3)
    with engine.begin() as rival:
        rival.exec_driver_sql(f"SELECT id FROM inbox WHERE id = {b} FOR UPDATE")

        assert ids(claim()) == [a, c]


def test_racing_claims_share_the_rows_out(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    everything = add_work(engine, 60)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(partial(claim, batch_rows=5)) for _ in range(40)]
        taken = [row_id for call in calls for row_id in ids(call.result())]

    assert len(taken) == len(set(taken))
    assert set(taken) <= set(everything)
    assert one(engine, "SELECT max(attempts) FROM inbox") == 1


# --- crashes ------------------------------------------------------------------------


def test_a_claim_without_a_verdict_counts_as_a_crash(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    (row_id,) = add_work(engine, 1)
    claim()
    let_the_lease_end(engine)

    lease = claim()

    assert lease is not None
    assert (lease.rows[row_id].attempts, lease.rows[row_id].crashes) == (2, 1)


def test_a_claim_from_before_the_database_started_is_no_crash(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    (row_id,) = add_work(engine, 1)
    claim()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE inbox SET next_attempt_at = now() - interval '1 day',"
            " leased_until = pg_postmaster_start_time()"
        )

    lease = claim()

    assert lease is not None
    assert lease.rows[row_id].crashes == 0


@pytest.mark.parametrize(
    ("crashes", "sizes"), [(0, [20]), (1, [10, 10]), (2, [1, 1, 1]), (7, [1, 1, 1])]
)
def test_the_more_crashes_the_smaller_the_groups(
    engine: Engine,
    claim: Callable[..., Lease | None],
    crashes: int,
    sizes: Sequence[int],
) -> None:
    add_work(engine, 20, crashes=crashes)

    assert [len(ids(claim())) for _ in sizes] == sizes


def test_groups_of_one_kind_only(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    made = add_work(engine, 25)
    change(engine, made[2:14], "crashes", 1)
    change(engine, made[20:22], "crashes", 2)

    taken = []
    while found := ids(claim()):
        taken.append(found)

    assert taken == [
        made[:2] + made[14:20] + made[22:],
        made[2:12],
        made[12:14],
        made[20:21],
        made[21:22],
    ]


def test_a_crash_group_is_never_larger_than_a_batch(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    add_work(engine, 5, crashes=1)

    assert len(ids(claim(batch_rows=3))) == 3


# --- hold, finish -------------------------------------------------------------------


def test_what_is_held_is_what_is_still_ours_in_order(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    a, b, c = add_work(engine, 3)
    lease = claim()
    assert lease is not None
    change(engine, [b], "lease_token", None)

    with engine.begin() as connection:
        assert lifecycle.hold(connection, lease) == [a, c]
        assert lifecycle.hold(connection, lease, [c, b]) == [c]
        assert lifecycle.hold(connection, lease, []) == []


def test_a_finished_row_is_at_its_end_and_free(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    (row_id,) = add_work(engine, 1, last_error="earlier")
    lease = claim()
    assert lease is not None

    settle(engine, lease, {row_id: Ending("ignored", "simulated")})

    assert rows(
        engine,
        "SELECT state, reason, last_error, lease_token, leased_until, leased_by,"
        " finished_at IS NOT NULL FROM inbox",
    ) == [("ignored", "simulated", None, None, None, None, True)]


def test_finishing_nothing_does_nothing(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    add_work(engine, 1)
    lease = claim()
    assert lease is not None

    assert settle(engine, lease, {}, {}, config) == PutOff({}, {})
    assert one(engine, "SELECT state FROM inbox") == "pending"


def work_and_settle(
    engine: Engine,
    lease: Lease,
    verdict: str,
    endings: dict[int, Ending],
    config: Settings,
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE inbox SET reason = 'effect of the work'")
        if verdict == "finish":
            lifecycle.finish(connection, lease, endings)
        else:
            fail(connection, lease, dict.fromkeys(endings, HOPELESS), config)


@pytest.mark.parametrize("verdict", ["finish", "fail"])
def test_whoever_lost_the_lease_changes_nothing_at_all(
    engine: Engine,
    claim: Callable[..., Lease | None],
    config: Settings,
    verdict: str,
) -> None:
    first, second = add_work(engine, 2)
    frozen = claim()
    assert frozen is not None
    make_due(engine, INBOX)
    change(engine, [second], "next_attempt_at", "2999-01-01")
    thief = claim(Claimant("task-2", "worker-2"))
    assert ids(thief) == [first]

    both = {first: DONE, second: DONE}
    with pytest.raises(LostLeaseError, match="1 rows of inbox were taken over"):
        work_and_settle(engine, frozen, verdict, both, config)

    assert rows(engine, "SELECT DISTINCT state, reason FROM inbox") == [
        ("pending", None)
    ]
    assert one(engine, "SELECT count(*) FROM dead_letters") == 0
    assert one(engine, "SELECT count(*) FROM attempts") == 0


# --- fail ---------------------------------------------------------------------------


def test_a_failure_is_counted_noted_and_put_off(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1)
    lease = claim()
    assert lease is not None

    put_off = settle(engine, lease, {}, {row_id: BROKEN}, config)

    assert put_off.letters == {}
    assert timedelta(seconds=4) <= put_off.waits[row_id] <= timedelta(seconds=6)
    assert rows(
        engine,
        "SELECT state, attempts, failures, crashes, last_error, lease_token,"
        " finished_at FROM inbox",
    ) == [("pending", 1, 1, 0, "Oops: at some place", None, None)]
    assert rows(
        engine,
        "SELECT work_table, row_id, number, task_id, worker, error_class FROM attempts",
    ) == [("inbox", row_id, 1, "task-1", "worker-1", "Oops")]
    seconds = one(
        engine, "SELECT extract(epoch FROM next_attempt_at - now()) FROM inbox"
    )
    assert 3 < seconds <= 6


def test_an_attempt_with_a_verdict_is_no_crash(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1)
    for _ in range(3):
        lease = claim()
        assert lease is not None
        settle(engine, lease, {}, {row_id: BROKEN}, config)
        make_due(engine, INBOX)

    assert rows(engine, "SELECT attempts, failures, crashes FROM inbox") == [(3, 3, 0)]


def test_the_last_failure_allowed_is_death(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1, failures=config.retry_limit - 1)
    lease = claim()
    assert lease is not None

    put_off = settle(engine, lease, {}, {row_id: BROKEN}, config)

    assert put_off.letters == {row_id: one(engine, "SELECT id FROM dead_letters")}
    assert rows(engine, "SELECT state, finished_at IS NOT NULL FROM inbox") == [
        ("dead", True)
    ]
    assert claim() is None


def test_what_is_hopeless_dies_at_once_with_all_that_is_known(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1)
    lease = claim()
    assert lease is not None

    settle(engine, lease, {}, {row_id: HOPELESS}, config)

    assert rows(
        engine,
        "SELECT subject, state, work_table, row_id, task, task_id, worker, error_class,"
        " error, attempts FROM dead_letters",
    ) == [
        (
            f"inbox:{row_id}",
            "open",
            "inbox",
            row_id,
            "events.record",
            "task-1",
            "worker-1",
            "MalformedPayloadError",
            "data.id is empty",
            1,
        )
    ]


def test_what_dies_keeps_nothing_of_who_somebody_is(
    engine: Engine, config: Settings
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO checkouts (provider, reference, owner, wanted, email)"
            " SELECT 'paddle', 'order-' || n, 'user-1', '{}', 'ada@example.com'"
            " FROM generate_series(1, 2) AS n"
        )
    lease = lifecycle.claim(engine, CHECKOUTS, ME, config)
    assert lease is not None
    dying, waiting = ids(lease)

    settle(engine, lease, {}, {dying: HOPELESS, waiting: BROKEN}, config)

    assert rows(engine, "SELECT state, email FROM checkouts ORDER BY id") == [
        ("dead", None),
        ("pending", "ada@example.com"),
    ]


def test_the_machinery_never_kills_a_row(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1, failures=config.retry_limit - 1, attempts=10**6)
    lease = claim()
    assert lease is not None

    put_off = settle(engine, lease, {}, {row_id: MACHINERY}, config)

    assert put_off.waits[row_id] <= timedelta(hours=1.2)
    assert rows(engine, "SELECT state, failures FROM inbox") == [
        ("pending", config.retry_limit - 1)
    ]


def test_the_other_side_may_ask_for_a_longer_wait(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1)
    lease = claim()
    assert lease is not None
    asked = failure_of(TransientError("busy", timedelta(minutes=9)))

    put_off = settle(engine, lease, {}, {row_id: asked}, config)

    assert put_off.waits[row_id] == timedelta(minutes=9)


def test_dying_again_after_a_replay_opens_the_same_letter(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    (row_id,) = add_work(engine, 1)
    for _ in range(2):
        lease = claim()
        assert lease is not None
        settle(engine, lease, {}, {row_id: HOPELESS}, config)
        change(engine, [row_id], "state", "pending")
        make_due(engine, INBOX)

    assert rows(engine, "SELECT state, attempts FROM dead_letters") == [("open", 2)]


def test_a_long_patience_is_counted_in_failures(config: Settings) -> None:
    policy = PLATFORM_DELIVERIES.policy(config)
    waits = [policy.wait(n, 0.5) for n in range(1, policy.limit)]

    assert timedelta(days=3) <= sum(waits, timedelta()) < timedelta(days=3, hours=1)


# --- release, free ------------------------------------------------------------------


@pytest.mark.parametrize(("uncount", "attempts"), [(True, 0), (False, 1)])
def test_released_rows_are_due_at_once(
    engine: Engine,
    claim: Callable[..., Lease | None],
    uncount: bool,  # noqa: FBT001
    attempts: int,
) -> None:
    made = add_work(engine, 2)
    lease = claim()
    assert lease is not None

    with engine.begin() as connection:
        lifecycle.release(connection, lease, made[1:], uncount=uncount)

    assert (
        one(engine, "SELECT attempts FROM inbox WHERE id = :id", id=made[1]) == attempts
    )
    again = claim()
    assert again is not None
    assert ids(again) == made[1:]
    assert again.rows[made[1]].crashes == 0


def test_a_release_by_a_stranger_changes_nothing(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    made = add_work(engine, 1)
    lease, stranger = claim(), Claimant("task-2", "worker-2")
    assert lease is not None
    with engine.begin() as connection:
        wrong = replace(lease, token=type(lease.token)(int=1))
        lifecycle.release(connection, wrong, made)

    assert claim(stranger) is None


def test_the_rows_of_a_lost_child_are_due_at_once_and_counted(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    made = add_work(engine, 3)
    claim(batch_rows=2)
    claim(Claimant("task-2", "worker-1"))

    assert lifecycle.free_leases(engine, INBOX, "task-1") == 2

    again = claim(Claimant("task-3", "worker-1"))
    assert again is not None
    assert ids(again) == made[:2]
    assert {row.crashes for row in again.rows.values()} == {1}
    assert lifecycle.free_leases(engine, INBOX, "unheard of") == 0


def test_a_row_that_went_further_is_due_again_and_its_troubles_are_forgotten(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    add_work(engine, 1)
    first = claim()
    assert first is not None
    settle(engine, first, failures=dict.fromkeys(first.rows, BROKEN), config=config)
    make_due(engine, INBOX)
    second = claim()
    assert second is not None
    (row_id,) = second.rows

    with engine.begin() as connection:
        lifecycle.go_on(connection, second, row_id, Again(timedelta(hours=1)))

    assert claim() is None
    assert one(
        engine,
        "SELECT ARRAY[(state = 'pending')::int, attempts, failures, crashes]"
        " FROM inbox WHERE lease_token IS NULL AND last_error IS NULL"
        " AND next_attempt_at > now() + interval '50 minutes'",
    ) == [1, 0, 0, 0]


def test_who_only_waits_for_a_turn_keeps_what_failed_before(
    engine: Engine, claim: Callable[..., Lease | None], config: Settings
) -> None:
    add_work(engine, 1)
    first = claim()
    assert first is not None
    settle(engine, first, failures=dict.fromkeys(first.rows, BROKEN), config=config)
    kept = "SELECT ARRAY[last_error, pending_since::text, failures::text] FROM inbox"
    failed = one(engine, kept)
    assert failed[0] is not None
    make_due(engine, INBOX)
    second = claim()
    assert second is not None
    (row_id,) = second.rows

    with engine.begin() as connection:
        again = Again(timedelta(hours=1), is_further=False)
        lifecycle.go_on(connection, second, row_id, again)

    assert claim() is None
    assert one(engine, kept) == failed
    assert one(engine, "SELECT ARRAY[attempts, crashes] FROM inbox") == [0, 0]


def test_whoever_lost_the_lease_lets_nothing_go_on(
    engine: Engine, claim: Callable[..., Lease | None]
) -> None:
    add_work(engine, 1)
    lost = claim()
    assert lost is not None
    make_due(engine, INBOX)
    assert claim() is not None
    (row_id,) = lost.rows

    with pytest.raises(LostLeaseError), engine.begin() as connection:
        lifecycle.go_on(connection, lost, row_id, Again())
