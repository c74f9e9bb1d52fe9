"""Group commit: concurrent requests share one INSERT, and so one fsync.

Requests put their delivery here and wait for a future. Two flushers take what has
gathered, as one group each; while both wait for the disk, the next group grows. So the
group's size follows the load by itself, and an idle receiver adds no waiting.

Nothing here waits without a bound: a request gets its answer within ``ANSWER_SECONDS``,
whatever the database does.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from web_hook.connection import Connection
from web_hook.metrics import Metrics
from web_hook.ready import EXPECTED
from web_hook.store import Delivery, Key, Outcome, insert, insert_variants, known

log = structlog.get_logger()

MAX_GROUP_ROWS = 200
MAX_GROUP_BYTES = 4 * 1024 * 1024
FLUSHERS = 2
#: The sender cuts after 5 s; a 503 well before that keeps the doubt out of its log.
ANSWER_SECONDS = 1.9
#: How often overdue requests are looked for.
TICK_SECONDS = 0.05
FIRST_RECONNECT_SECONDS = 0.1
LONGEST_RECONNECT_SECONDS = 1.0

#: Tells the workers about new rows: task and ids. Must neither block nor raise.
Ring = Callable[[str, Sequence[int]], None]

RECORD = "events.record"
COMPARE = "variants.compare"


@dataclass(slots=True, eq=False)
class Waiting:
    """A delivery whose request waits for the answer."""

    delivery: Delivery
    answer: asyncio.Future[Outcome]
    #: By the loop's clock.
    deadline: float
    #: Its group failed once with the connection, and is tried on a new one.
    is_second_try: bool = False

    def settle(self, outcome: Outcome) -> None:
        """Answer, unless that has happened."""
        if not self.answer.done():
            self.answer.set_result(outcome)


class Enqueuer:
    """Takes deliveries, stores them in groups, and rings for them."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        ring: Ring,
        metrics: Metrics,
    ) -> None:
        """Set up without starting.

        Args:
            connect: Opens a connection; raises when the database is not ours to use.
            ring: Tells the workers about new rows.
            metrics: Where to count.
        """
        self._connect = connect
        self._ring = ring
        self._metrics = metrics
        self._waiting: deque[Waiting] = deque()
        self._in_work: set[Waiting] = set()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the flushers."""
        self._tasks = [asyncio.create_task(self._flush()) for _ in range(FLUSHERS)]
        self._clock = asyncio.create_task(self._expire())

    async def stop(self) -> None:
        """Refuse new deliveries, finish the groups, and end. Bounded."""
        self._stopping = True
        self._arrived.set()
        await asyncio.wait(self._tasks, timeout=2 * ANSWER_SECONDS)
        for task in (*self._tasks, self._clock):
            task.cancel()
        for waiting in (*self._waiting, *self._in_work):
            waiting.settle(Outcome.UNAVAILABLE)

    def submit(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Take a delivery; the future gives its outcome within ``ANSWER_SECONDS``.

        A request that goes away takes only its own future with it: the group goes on.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        if self._stopping:
            answer.set_result(Outcome.UNAVAILABLE)
            return answer
        deadline = loop.time() + ANSWER_SECONDS
        self._waiting.append(Waiting(delivery, answer, deadline))
        self._arrived.set()
        return answer

    async def _flush(self) -> None:
        connection = None
        pause = FIRST_RECONNECT_SECONDS
        while not (self._stopping and not self._waiting):
            try:
                connection = connection or await self._connect()
                pause = FIRST_RECONNECT_SECONDS
                await self._arrived.wait()
                await self._store_group(connection, self._take_group())
            except Exception as error:  # noqa: BLE001 (a flusher must not die)
                _tell(error)
                if connection:
                    await connection.close()
                    connection = None
                else:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_RECONNECT_SECONDS)
        if connection:
            await connection.close()

    def _take_group(self) -> list[Waiting]:
        group: list[Waiting] = []
        size = 0
        while self._waiting and len(group) < MAX_GROUP_ROWS:
            waiting = self._waiting[0]
            size += len(waiting.delivery.body)
            if group and size > MAX_GROUP_BYTES:
                break
            self._waiting.popleft()
            if not waiting.answer.done():
                group.append(waiting)
        if not self._waiting and not self._stopping:
            self._arrived.clear()
        return group

    async def _store_group(self, connection: Connection, group: list[Waiting]) -> None:
        if not group:
            return
        self._in_work.update(group)
        try:
            await self._store(connection, group)
        except Exception:
            self._give_back(group)
            raise
        finally:
            self._in_work.difference_update(group)

    def _give_back(self, group: list[Waiting]) -> None:
        # A restarted server or a connection that died while idle is gone with the
        # next connection; more than one try would let a frozen one pile up groups.
        for waiting in reversed(group):
            if waiting.answer.done():
                continue
            if waiting.is_second_try or self._stopping:
                waiting.settle(Outcome.UNAVAILABLE)
            else:
                waiting.is_second_try = True
                self._waiting.appendleft(waiting)
        self._arrived.set()

    async def _store(self, connection: Connection, group: list[Waiting]) -> None:
        self._metrics.group_rows.observe(len(group))
        firsts: dict[Key, Delivery] = {}
        for waiting in group:
            firsts.setdefault(waiting.delivery.key, waiting.delivery)
        new = await insert(connection, list(firsts.values()))
        self._ring(RECORD, [row_id for row_id in new.values() if row_id is not None])
        rest = []
        for waiting in group:
            first = firsts[waiting.delivery.key]
            if waiting.delivery.key not in new or (
                waiting.delivery.envelope.digest != first.envelope.digest
            ):
                rest.append(waiting)
            elif waiting.delivery is first and new[first.key] is not None:
                waiting.settle(Outcome.STORED)
            else:
                waiting.settle(Outcome.DUPLICATE)
        if rest:
            await self._compare(connection, rest)

    async def _compare(self, connection: Connection, group: list[Waiting]) -> None:
        before = await known(connection, list({w.delivery.key for w in group}))
        others: dict[tuple[int, bytes], list[Waiting]] = {}
        for waiting in group:
            digest = waiting.delivery.envelope.digest
            row = before.get(waiting.delivery.key)
            if row is None:
                # Kept as odd beside another body of its id: let it come again.
                waiting.settle(Outcome.UNAVAILABLE)
            elif row[1] == digest:
                waiting.settle(Outcome.DUPLICATE)
            else:
                others.setdefault((row[0], digest), []).append(waiting)
        if not others:
            return
        bodies = {key: waiting[0].delivery.body for key, waiting in others.items()}
        new = await insert_variants(connection, bodies)
        self._ring(COMPARE, list(new.values()))
        for key, variants in others.items():
            for number, waiting in enumerate(variants):
                is_new = key in new and number == 0
                waiting.settle(Outcome.VARIANT if is_new else Outcome.DUPLICATE)

    async def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            for waiting in (*self._in_work, *self._waiting):
                if waiting.deadline <= now:
                    waiting.settle(Outcome.UNAVAILABLE)
            while self._waiting and self._waiting[0].answer.done():
                self._waiting.popleft()


def _tell(error: Exception) -> None:
    if isinstance(error, EXPECTED):
        log.warning("inbox_unavailable", error=type(error).__name__)
    else:
        log.error("flusher_failed", exc_info=error)
