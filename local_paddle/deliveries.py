"""Sends notifications when they are due, many at a time, faults included.

The rows are the truth; the heap here is only an index of them and is rebuilt at start.
"""

import asyncio
import heapq
import secrets

import structlog

from local_paddle.clock import Clock
from local_paddle.faults import Extra, Fault
from local_paddle.feed import Feed
from local_paddle.hostile import corrupted
from local_paddle.notification import Due, Ending, Outbox
from local_paddle.schedule import Schedule, retry_after_seconds
from local_paddle.signing import signature_of
from local_paddle.wire import NoAnswerError, Wire

#: Requests at once. Paddle's own number is not published.
CONCURRENT_DELIVERIES = 32
STALE_SECONDS = 3_600
IDLE_SECONDS = 0.05
#: Until an attempt that broke on our side is made again.
BROKEN_SECONDS = 1.0

log = structlog.get_logger()


class Deliverer:
    """The loop that sends."""

    def __init__(
        self, feed: Feed, outbox: Outbox, clock: Clock, schedule: Schedule
    ) -> None:
        """Begin with everything that an earlier process left to send."""
        self.schedule = schedule
        self._feed = feed
        self._outbox = outbox
        self._clock = clock
        self._wire = Wire()
        self._heap = outbox.recover()
        heapq.heapify(self._heap)
        self._slots = asyncio.Semaphore(CONCURRENT_DELIVERIES)
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many notifications will be tried, now or later."""
        return len(self._heap) + len(self._feed.fresh)

    @property
    def in_flight(self) -> int:
        """How many are being sent."""
        return len(self._sending)

    @property
    def next_due_seconds(self) -> float | None:
        """How long until something is due; None when nothing waits."""
        due = [at for at, _ in (*self._heap[:1], *self._feed.fresh)]
        return max(0.0, min(due) - self._clock.epoch()) if due else None

    def compress(self, factor: float) -> None:
        """Change the clock's factor; waits that have begun shrink with it."""
        self._outbox.rescale(self._clock.epoch(), self._clock.factor / factor)
        self._clock.factor = factor
        busy = {task.get_name() for task in self._sending}
        self._feed.fresh.clear()
        self._heap = [due for due in self._outbox.waiting() if due[1] not in busy]
        heapq.heapify(self._heap)

    async def run(self) -> None:
        """Send until cancelled; then what is in flight gets to its end."""
        try:
            while True:
                await self._send_due()
                await asyncio.sleep(self._pause())
        finally:
            if self._sending:
                await asyncio.wait(self._sending)
            self._wire.close()

    def _pause(self) -> float:
        wait = self._heap[0][0] - self._clock.epoch() if self._heap else IDLE_SECONDS
        return min(max(wait, 0.0), IDLE_SECONDS)

    async def _send_due(self) -> None:
        while self._feed.fresh:
            heapq.heappush(self._heap, self._feed.fresh.popleft())
        while self._heap and self._heap[0][0] <= self._clock.epoch():
            await self._slots.acquire()
            if not self._heap:
                self._slots.release()
                return
            _, notification_id = heapq.heappop(self._heap)
            task = asyncio.create_task(self._attempt(notification_id))
            task.set_name(notification_id)
            self._sending.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery_broke", notification=task.get_name(), exc_info=error)
            again = self._clock.epoch() + BROKEN_SECONDS
            heapq.heappush(self._heap, (again, task.get_name()))

    async def _attempt(self, notification_id: str) -> None:
        due = self._outbox.due(notification_id, self._feed.plan.times)
        if due is None:
            return
        copies = 2 if due.fault is Fault.DOUBLE else 1
        deliveries = self._outbox.begin(due, copies)
        endings = await asyncio.gather(*(self._send(due, n) for n in deliveries))
        now = self._clock.epoch()
        retry_at = self._retry_at(due, now)
        if not self._outbox.finish(due, list(endings), now, retry_at):
            self._again(due, retry_at)

    def _retry_at(self, due: Due, now: float) -> float | None:
        if due.fault is Fault.LOST:
            return None
        wait = retry_after_seconds(self.schedule, due.times_attempted + 1)
        return None if wait is None else now + self._clock.wait_seconds(wait)

    def _again(self, due: Due, retry_at: float | None) -> None:
        # Asked of the row, not of the argument: extras are never tried again.
        if retry_at is not None and self._outbox.due(due.id, 0):
            heapq.heappush(self._heap, (retry_at, due.id))

    async def _send(self, due: Due, delivery: int) -> Ending:
        if due.fault is Fault.LOST:
            return Ending(delivery, None)
        body, signature = self._on_the_wire(due, delivery)
        try:
            if due.fault is Fault.DROP:
                await self._wire.cut(due.destination, body, signature)
                return Ending(delivery, None)
            answer = await self._wire.post(due.destination, body, signature)
        except NoAnswerError:
            return Ending(delivery, None)
        return Ending(delivery, answer, due.fault is Fault.ANSWER_LOST)

    def _on_the_wire(self, due: Due, delivery: int) -> tuple[bytes, str]:
        # A fresh timestamp for every try: the usual five-second tolerance would refuse
        # all retries otherwise.
        timestamp = int(self._clock.epoch())
        secret = due.secret
        if due.source == Extra.STALE:
            timestamp -= STALE_SECONDS
        if due.source == Extra.FORGED:
            secret = secrets.token_hex()
        signature = signature_of(secret, timestamp, due.body)
        if due.fault is Fault.CORRUPT:
            chance = self._feed.plan.random_for(f"corrupt {delivery}")
            return corrupted(due.body, chance), signature
        return due.body, signature
