"""Draining: a bad row among good ones, a machinery that fails, poison, lost leases."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection, Engine, text

from tests.factories import add_work, change, make_due, one, rows
from worker.drain import Apply, Job, Result, drain, drain_each
from worker.errors import LostLeaseError, PermanentError, TransientError
from worker.failures import failure_of
from worker.lifecycle import Ending, Lease
from worker.outcome import Tally
from worker.settings import Settings, settings
from worker.work_tables import INBOX, Claimant

Run = Callable[[Apply], Tally]
DONE = Ending("processed")


@pytest.fixture
def job(engine: Engine, configured: Callable[..., Settings]) -> Callable[..., Job]:
    def make(**overrides: object) -> Job:
        # What is put off is not due again before the test says so.
        config = configured(retry_first_seconds=60, **overrides)
        return Job(engine, INBOX, Claimant("task", "here"), config)

    return make


def finish(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
    """Do work that leaves a trace: one row per row worked on."""
    for row_id in ids:
        connection.execute(
            text(
                "INSERT INTO operator_actions (actor, action, target)"
                " VALUES ('test', 'worked', :id)"
            ),
            {"id": str(row_id)},
        )
    return dict.fromkeys(ids, DONE)


def failing_on(bad: int, fail: Callable[[Connection], object]) -> Apply:
    def apply(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        results = finish(connection, ids)
        if bad in ids:
            fail(connection)
        return results

    return apply


def divide(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1 / 0")


def overflow(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 9223372036854775807 + 1")


def violate(connection: Connection) -> None:
    connection.exec_driver_sql(
        "INSERT INTO deployment (id, environment) VALUES (2, '')"
    )


def raising(error: BaseException) -> Callable[[Connection], None]:
    def fail(_connection: Connection) -> None:
        raise error

    return fail


def worked(engine: Engine) -> int:
    return int(one(engine, "SELECT count(DISTINCT target) FROM operator_actions"))


def effects(engine: Engine) -> int:
    return int(one(engine, "SELECT count(*) FROM operator_actions"))


@pytest.mark.parametrize(
    ("fail", "dies"),
    [
        pytest.param(divide, True, id="division"),
        pytest.param(overflow, True, id="overflow"),
        pytest.param(raising(PermanentError("never")), True, id="permanent"),
        pytest.param(violate, False, id="constraint"),
        pytest.param(raising(RuntimeError("secret of a buyer")), False, id="runtime"),
        pytest.param(raising(MemoryError()), False, id="memory"),
        pytest.param(raising(RecursionError()), False, id="recursion"),
        pytest.param(raising(TransientError("later")), False, id="transient"),
    ],
)
@pytest.mark.parametrize("place", [0, 49, 99])
def test_99_good_rows_are_done_and_the_bad_one_stands_alone(
    engine: Engine,
    job: Callable[..., Job],
    fail: Callable[[Connection], object],
    *,
    dies: bool,
    place: int,
) -> None:
    made = add_work(engine, 100)

    tally = drain(job(), failing_on(made[place], fail))

    assert tally.ended == {"processed": 99}
    assert (len(tally.letters), tally.put_off) == ((1, 0) if dies else (0, 1))
    assert 6 <= tally.splits <= 7
    assert effects(engine) == worked(engine) == 99
    assert rows(engine, "SELECT id, state FROM inbox WHERE state <> 'processed'") == [
        (made[place], "dead" if dies else "pending")
    ]
    assert "secret" not in str(rows(engine, "SELECT * FROM attempts"))
    assert one(engine, "SELECT count(*) FROM attempts") == 1


def test_several_bad_rows_do_not_hide_each_other(
    engine: Engine, job: Callable[..., Job]
) -> None:
    made = add_work(engine, 30)
    bad = {made[0], made[1], made[17], made[29]}

    def apply(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        if bad & set(ids):
            raise RuntimeError
        return finish(connection, ids)

    tally = drain(job(), apply)

    assert (tally.ended["processed"], tally.put_off) == (26, 4)


def test_a_row_that_keeps_failing_dies_in_the_end(
    engine: Engine, job: Callable[..., Job]
) -> None:
    (row_id,) = add_work(engine, 1)
    config = job(retry_limit=3)
    for _ in range(2):
        assert drain(config, failing_on(row_id, raising(RuntimeError()))).put_off == 1
        make_due(engine, INBOX)

    tally = drain(config, failing_on(row_id, raising(RuntimeError())))

    assert list(tally.letters) == [f"inbox:{row_id}"]
    assert rows(engine, "SELECT state, attempts, failures FROM inbox") == [
        ("dead", 3, 3)
    ]
    assert one(engine, "SELECT count(*) FROM attempts") == 3


def test_a_failed_batch_leaves_no_trace_of_its_first_try(
    engine: Engine, job: Callable[..., Job]
) -> None:
    made = add_work(engine, 2)

    drain(job(), failing_on(made[1], raising(RuntimeError())))

    assert rows(engine, "SELECT target FROM operator_actions") == [(str(made[0]),)]


def terminate(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")


def drop_the_socket(connection: Connection) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.close()
    connection.exec_driver_sql("SELECT 1")


def raised_by_the_server(state: str) -> Callable[[Connection], None]:
    def fail(connection: Connection) -> None:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")

    return fail


@pytest.mark.parametrize(
    "fail",
    [
        pytest.param(terminate, id="terminated"),
        pytest.param(drop_the_socket, id="socket"),
        *[
            pytest.param(raised_by_the_server(state), id=state)
            for state in [
                "40001",
                "40P01",
                "55P03",
                "57P01",
                "57014",
                "53100",
                "53200",
                "53300",
                "58030",
            ]
        ],
    ],
)
def test_a_machinery_that_fails_puts_all_off_and_kills_none(
    engine: Engine, job: Callable[..., Job], fail: Callable[[Connection], object]
) -> None:
    made = add_work(engine, 20, failures=7)
    given = job()

    tally = drain(given, failing_on(made[3], fail))

    assert (tally.put_off, tally.letters, tally.splits) == (20, {}, 0)
    assert worked(engine) == 0
    assert rows(engine, "SELECT DISTINCT failures, crashes, state FROM inbox") == [
        (7, 0, "pending")
    ]
    make_due(engine, INBOX)
    assert drain(given, finish).ended == {"processed": 20}
    assert effects(engine) == 20


def test_a_real_deadlock_is_nobodys_death(
    engine: Engine, job: Callable[..., Job], sessions: Callable[[], Engine]
) -> None:
    made = add_work(engine, 4)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO courses (key, kind, title) VALUES ('a', 'course', ''), ('b', 'course', '')"
        )
    given = job(batch_rows=2)
    meet = threading.Barrier(2)

    def crossing(
        keys: str, connection: Connection, ids: Sequence[int]
    ) -> Mapping[int, Result]:
        for key in keys:
            connection.execute(
                text("UPDATE courses SET title = title WHERE key = :k"), {"k": key}
            )
            if key == keys[0]:
                meet.wait(60)
        return finish(connection, ids)

    tallies: list[Tally] = []

    def work(keys: str, engine_: Engine) -> None:
        mine = Job(engine_, INBOX, Claimant(keys, "here"), settings())
        tallies.append(drain(mine, partial(crossing, keys)))

    threads = [
        threading.Thread(target=work, args=(k, sessions())) for k in ("ab", "ba")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted((t.ended["processed"], t.put_off) for t in tallies) == [
        (0, 2),
        (2, 0),
    ]
    make_due(engine, INBOX)
    assert drain(given, finish).ended == {"processed": 2}
    assert (
        one(engine, "SELECT sum(failures) FROM inbox WHERE id = ANY(:ids)", ids=made)
        == 0
    )


def test_a_lock_that_is_not_let_go_puts_all_off(
    engine: Engine, job: Callable[..., Job], sessions: Callable[[], Engine]
) -> None:
    add_work(engine, 5)
    given = job(lock_timeout_seconds=0.1)
    own = sessions()

    def lock(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        connection.exec_driver_sql("LOCK TABLE courses")
        return finish(connection, ids)

    with engine.begin() as rival:
        rival.exec_driver_sql("LOCK TABLE courses")
        mine = Job(own, given.table, given.who, given.config)
        assert drain(mine, lock).put_off == 5

    make_due(engine, INBOX)
    assert drain(given, lock).ended == {"processed": 5}


# --- leases -------------------------------------------------------------------------


def test_a_lease_that_is_lost_at_work_undoes_the_work(
    engine: Engine, job: Callable[..., Job]
) -> None:
    made = add_work(engine, 3)

    def lose(connection: Connection) -> None:
        # As if the finish met rows of somebody else.
        raise LostLeaseError

    tally = drain(job(), failing_on(made[0], lose))

    assert (tally.ended, tally.put_off, worked(engine)) == ({}, 0, 0)
    assert one(engine, "SELECT count(*) FROM attempts") == 0


def test_a_thief_between_claim_and_work_gets_the_row(
    engine: Engine, job: Callable[..., Job]
) -> None:
    made = add_work(engine, 3)
    given = job()
    stolen = made[1]

    def steal(_job: Engine, lease: Lease, row_id: int) -> Result | None:
        if row_id == made[0]:
            change(engine, [stolen], "lease_token", None)
            return failure("later")
        raise LostLeaseError

    tally = drain_each(given, steal)

    assert tally.put_off == 1
    assert one(engine, "SELECT failures FROM inbox WHERE id = :id", id=stolen) == 0


def failure(words: str) -> Result:
    return failure_of(TransientError(words))


# --- crashes ------------------------------------------------------------------------


def test_poison_is_buried_before_it_kills_again(
    engine: Engine, job: Callable[..., Job]
) -> None:
    good = add_work(engine, 3)
    change(engine, good[1:2], "crashes", 3)

    tally = drain(job(crash_limit=3), finish)

    assert list(tally.letters) == [f"inbox:{good[1]}"]
    assert one(engine, "SELECT error FROM dead_letters") == (
        "its process died 3 times while working on it"
    )
    make_due(engine, INBOX)
    drain(job(), finish)
    assert worked(engine) == 2


@pytest.mark.parametrize("limit", [3, 4])
def test_99_good_rows_survive_a_poisonous_one(
    engine: Engine, job: Callable[..., Job], limit: int
) -> None:
    made = add_work(engine, 100)
    poison = made[42]
    given = job(crash_limit=limit)

    class Died(BaseException):
        """The process is gone: nothing is written any more."""

    def apply(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        if poison in ids:
            raise Died
        return finish(connection, ids)

    for _ in range(60):
        make_due(engine, INBOX)
        try:
            drain(given, apply)
        except Died:
            continue
        if not one(engine, "SELECT count(*) FROM inbox WHERE state = 'pending'"):
            break

    dead = rows(engine, "SELECT id FROM inbox WHERE state = 'dead'")
    assert dead == [(poison,)]
    assert worked(engine) == 99


def test_the_soft_limit_lets_rows_go_at_once_and_counts_a_crash(
    engine: Engine, job: Callable[..., Job]
) -> None:
    made = add_work(engine, 4)
    given = job()

    with pytest.raises(SoftTimeLimitExceeded):
        drain(given, failing_on(made[0], raising(SoftTimeLimitExceeded())))

    tally = drain(given, finish)
    assert tally.ended == {"processed": 4}
    assert rows(engine, "SELECT DISTINCT crashes FROM inbox") == [(1,)]


# --- the loop -----------------------------------------------------------------------


def test_a_backlog_is_worked_off_in_whole_batches(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 250)
    sizes: list[int] = []
    commits: list[int] = []

    def apply(connection: Connection, ids: Sequence[int]) -> Mapping[int, Result]:
        sizes.append(len(ids))
        return finish(connection, ids)

    tally = drain(job(), apply, lambda: commits.append(effects(engine)))

    assert sizes == [100, 100, 50]
    assert commits == [100, 200, 250]
    assert tally.conclude() == "250 processed"


def test_no_new_claim_is_taken_when_the_limit_nears(
    engine: Engine, job: Callable[..., Job]
) -> None:
    add_work(engine, 10)
    given = job(batch_rows=1)
    short = given.config.model_copy(update={"soft_limit_seconds": 0.0})

    assert (
        drain(Job(engine, INBOX, given.who, short), finish).sentence() == "nothing due"
    )
    assert one(engine, "SELECT max(attempts) FROM inbox") == 0


def test_a_job_may_begin_work_for_less_of_the_limit(job: Callable[..., Job]) -> None:
    given = job(soft_limit_seconds=14)
    assert given.seconds == 7
    assert replace(given, share=0.5 / 7).seconds == 1


def test_rows_not_begun_one_by_one_are_given_back_uncounted(
    engine: Engine, job: Callable[..., Job]
) -> None:
    made = add_work(engine, 3)
    given = job()
    short = Job(
        engine,
        INBOX,
        given.who,
        given.config.model_copy(update={"soft_limit_seconds": 3}),
    )

    def slow(engine_: Engine, lease: Lease, row_id: int) -> Result | None:
        threading.Event().wait(short.seconds)
        return failure("later")

    tally = drain_each(short, slow)

    assert tally.put_off == 1
    assert rows(engine, "SELECT id, attempts FROM inbox ORDER BY id") == [
        (made[0], 1),
        (made[1], 0),
        (made[2], 0),
    ]
