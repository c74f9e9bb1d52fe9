"""Drains the events with the tutorial's worker."""

from collections.abc import Sequence

import msgspec
from celery import Celery

from bench.arena import Arena
from bench.clock import Drained, await_end, drained, hold, release
from bench.events import EVENTS_PER_PURCHASE, Event

QUEUE = "celery"
TUTORIAL = "tutorial"
#: What is worked on: a copy, for each run anew.
WORKED_ON = "tutorial_worked_on"
APP = "bench.peers.tutorial.tasks:celery"
_DONE = """
SELECT (SELECT count(*) FROM notifications) = {purchases}
   AND (SELECT count(*) FROM webhook_events WHERE processed) = {events}
"""


def tutorial_environment(arena: Arena, database: str) -> dict[str, str]:
    """Return the environment of the tutorial's processes."""
    url = arena.postgres.url_of(database).replace("://", "+psycopg://", 1)
    return arena.environment(database) | {"DATABASE_URL": url}


def drain_tutorial(arena: Arena, events: Sequence[Event], processes: int) -> Drained:
    """Drain events with the tutorial's tasks; the bodies travel in the messages."""
    arena.clone(WORKED_ON, TUTORIAL)
    _publish(arena, events)
    messages = hold(arena, QUEUE)
    purchases = len(events) // EVENTS_PER_PURCHASE
    command = ("celery", "-A", APP, "worker", "-c", str(processes), "-l", "INFO")
    env = tutorial_environment(arena, WORKED_ON)
    with arena.running("tutorial", command, env) as worker:
        worker.await_log("ready")
        began = release(arena, QUEUE)
        done = _DONE.format(purchases=purchases, events=len(events))
        seconds = await_end(arena, WORKED_ON, done) - began
    arena.broker.flushdb()
    return drained(len(events), purchases, seconds, messages)


def _publish(arena: Arena, events: Sequence[Event]) -> None:
    publisher = Celery(broker=arena.valkey.url, set_as_current=False)
    with publisher.producer_pool.acquire(block=True) as producer:
        for event in events:
            payload = msgspec.json.decode(event.body)
            publisher.send_task("record_event", args=[payload], producer=producer)
