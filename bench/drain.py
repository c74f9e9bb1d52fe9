"""(b) and (c): drains a backlog with Paddlewheel's own workers.

From the inbox to the notification row. The clock starts when the rings appear in the
queue, with every worker up and idle.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from bench.arena import Arena, BenchError, Child, eventually
from bench.backlog import FRESH, LOADED, load_inbox
from bench.clock import Drained, await_end, drained, hold, release
from bench.events import EVENTS_PER_PURCHASE, Event
from bench.mix import Mixed
from models.work import SCHEMA_VERSION
from worker.rings import MAX_IDS, argsrepr_of, ringing_app
from worker.settings import settings_of
from worker.work_tables import INBOX

QUEUE = "critical"
QUEUES = "critical,access"
CELERY = ("celery", "-A", "worker.app")
QUIET = ("--without-gossip", "--without-mingle")
#: Logged for each batch that had to be split.
SPLIT = '"batch_split"'
#: Each step's rows come with the end of those before: there is no moment in between.
_DONE = """
SELECT NOT EXISTS (SELECT FROM inbox WHERE state = 'pending')
   AND NOT EXISTS (SELECT FROM access_changes WHERE state = 'pending')
"""
_ENDED = """
SELECT (SELECT count(*) FROM inbox WHERE state NOT IN ('processed', 'stale')),
       (SELECT count(*) FROM notifications)
"""
#: A sweep leaves the time of its beginning.
_FIRST_TICK = "SELECT extract(epoch FROM min(beat_at)) FROM heartbeats"


def drain_rung(
    arena: Arena, events: Sequence[Event], ids_per_ring: int, processes: int
) -> Drained:
    """Drain a backlog that was rung for in groups of so many ids."""
    name = f"rung_{ids_per_ring}"
    arena.clone(name, LOADED)
    ring(arena, name, INBOX.task, range(1, len(events) + 1), ids_per_ring)
    messages = hold(arena, QUEUE)
    purchases = len(events) // EVENTS_PER_PURCHASE
    with working(arena, name, {QUEUES: processes}) as workers:
        began = release(arena, QUEUE)
        seconds = await_end(arena, name, _DONE) - began
    _check(arena, name, purchases)
    splits = sum(worker.log.count(SPLIT) for worker in workers)
    return drained(len(events), purchases, seconds, messages, splits)


def drain_swept(arena: Arena, events: Sequence[Event], processes: int) -> Drained:
    """Drain a backlog whose rings were flushed away: only the sweep rings.

    From the sweep's first tick on: how long that is waited for is its interval, two
    seconds, and no matter of speed.
    """
    name = "swept"
    arena.clone(name, LOADED)
    purchases = len(events) // EVENTS_PER_PURCHASE
    beat = (*CELERY, "beat", "-S", "worker.beat:Scheduler")
    with (
        working(arena, name, {QUEUES: processes, "sweep": 1}) as workers,
        arena.running("beat", beat, arena.environment(name)),
    ):
        began = _first_tick(arena, name)
        ended = await_end(arena, name, _DONE)
    _check(arena, name, purchases)
    splits = sum(worker.log.count(SPLIT) for worker in workers)
    return drained(len(events), purchases, ended - began, splits=splits)


def drain_mixed(arena: Arena, days: Mixed, processes: int) -> Drained:
    """Drain the second of two days, after the first was recorded."""
    name = "mixed"
    arena.clone(name, FRESH)
    past, first = days.past, len(days.past) + 1
    drain_more(arena, name, (past, 1), days.past_welcomes, processes)
    return drain_more(arena, name, (days.events, first), days.welcomes, processes)


def drain_more(
    arena: Arena,
    name: str,
    more: tuple[Sequence[Event], int],
    welcomes: int,
    processes: int,
) -> Drained:
    """Drain what comes into a database that is in use.

    Args:
        arena: Where.
        name: The database.
        more: Events, and the inbox id of the first.
        welcomes: Notifications there are in all when it is done.
        processes: Of the worker.
    """
    events, first = more
    with arena.connect(name) as connection:
        load_inbox(connection, events, first)
        connection.execute("VACUUM (ANALYZE)")
    ring(arena, name, INBOX.task, range(first, first + len(events)))
    messages = hold(arena, QUEUE)
    with working(arena, name, {QUEUES: processes}) as workers:
        began = release(arena, QUEUE)
        seconds = await_end(arena, name, _DONE) - began
    _check(arena, name, welcomes)
    splits = sum(worker.log.count(SPLIT) for worker in workers)
    return drained(len(events), welcomes, seconds, messages, splits)


def ring(
    arena: Arena, database: str, task: str, rows: range, ids_per_ring: int = MAX_IDS
) -> None:
    """Ring for rows of a table."""
    app = ringing_app(settings_of(arena.environment(database)))
    with app.producer_pool.acquire(block=True) as producer:
        for first in range(0, len(rows), ids_per_ring):
            ids = list(rows[first : first + ids_per_ring])
            app.send_task(
                task,
                args=[ids, SCHEMA_VERSION],
                argsrepr=argsrepr_of(ids),
                producer=producer,
            )


@contextmanager
def working(
    arena: Arena, database: str, queues: Mapping[str, int], **settings: object
) -> Iterator[list[Child]]:
    """Run a worker with so many processes for each queue; empty the broker after."""
    with ExitStack() as stack:
        workers = []
        for queue, processes in queues.items():
            name = f"{database}-{queue.partition(',')[0]}"
            which = ("-Q", queue, "-n", f"{name}@%h", "-c", str(processes))
            command = (*CELERY, "worker", *which, *QUIET)
            env = arena.environment(database, **settings)
            workers.append(stack.enter_context(arena.running(name, command, env)))
        for worker in workers:
            worker.await_log("ready")
        yield workers
    arena.broker.flushdb()


def _first_tick(arena: Arena, database: str) -> float:
    found: list[float] = []
    with arena.connect(database) as connection:

        def has_ticked() -> bool:
            row = connection.execute(_FIRST_TICK).fetchone()
            found.extend(float(at) for at in row or () if at is not None)
            return bool(found)

        eventually(has_ticked)
    return found[0]


def _check(arena: Arena, name: str, welcomes: int) -> None:
    with arena.connect(name) as connection:
        found = connection.execute(_ENDED).fetchone()
    if found != (0, welcomes):
        raise BenchError(
            f"{name}: not well ended events, and notifications, are {found}"
            f" instead of {(0, welcomes)}"
        )
