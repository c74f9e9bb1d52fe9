"""Starts the clock of a drain, and stops it when all is done."""

import time
from dataclasses import dataclass

from bench.arena import Arena, BenchError

#: Where messages wait until the clock starts.
HELD = "bench:held"
LONGEST_SECONDS = 240
POLL_SECONDS = 0.02
#: Every child forked and connected, before the clock starts.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class Drained:
    """What a drain came to."""

    events: int
    purchases: int
    seconds: float
    events_per_second: int
    #: Messages that lay in the queue when the clock started.
    messages: int = 0
    #: Batches that had to be split because something in them failed.
    splits: int = 0


def drained(
    events: int, purchases: int, seconds: float, messages: int = 0, splits: int = 0
) -> Drained:
    """Return what a drain came to, with its rate."""
    rate = round(events / seconds)
    return Drained(events, purchases, round(seconds, 2), rate, messages, splits)


def both(one: Drained, other: Drained) -> Drained:
    """Return two drains as one."""
    return drained(
        one.events + other.events,
        one.purchases + other.purchases,
        one.seconds + other.seconds,
        one.messages + other.messages,
        one.splits + other.splits,
    )


def hold(arena: Arena, queue: str) -> int:
    """Put a queue's messages aside, and return how many there are."""
    arena.broker.rename(queue, HELD)
    return int(arena.broker.llen(HELD))


def release(arena: Arena, queue: str) -> float:
    """Put them into the queue, all at once, and return the time."""
    time.sleep(SETTLE_SECONDS)
    began = time.time()
    arena.broker.rename(HELD, queue)
    return began


def await_end(arena: Arena, database: str, is_done: str) -> float:
    """Return the time when a query first said that all is done.

    Raises:
        BenchError: It did not say so in time.
    """
    until = time.monotonic() + LONGEST_SECONDS
    with arena.connect(database) as connection:
        while time.monotonic() < until:
            row = connection.execute(is_done).fetchone()
            if row and row[0]:
                return time.time()
            time.sleep(POLL_SECONDS)
    raise BenchError(f"{database} was not drained within {LONGEST_SECONDS} s")
