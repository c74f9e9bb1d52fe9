"""Databases that the runs are copies of: a new one, and one with a full inbox."""

import hashlib
from collections.abc import Sequence

import psycopg

from bench.arena import Arena
from bench.events import COURSES, Event
from bench.tutorial import TUTORIAL, tutorial_environment

#: Migrated, with the catalog; nothing received yet.
FRESH = "fresh"
#: The same with every event stored and none worked on.
LOADED = "loaded"

_INBOX = """
COPY inbox (id, provider, event_id, event_type, occurred_at, received_at, digest,
            next_attempt_at, rung_until) FROM STDIN
"""
_BODIES = "COPY inbox_bodies (inbox_id, received_at, body) FROM STDIN"
_SEQUENCE = "SELECT setval(pg_get_serial_sequence('inbox', 'id'), %s)"


def prepare(arena: Arena, events: Sequence[Event]) -> None:
    """Make the databases."""
    prepare_fresh(arena)
    arena.clone(LOADED, FRESH)
    with arena.connect(LOADED) as connection:
        load_inbox(connection, events)
    arena.clone(TUTORIAL)
    offers = [f"{price}={course}" for price, course in COURSES.items()]
    env = tutorial_environment(arena, TUTORIAL)
    arena.run("bench.peers.tutorial.create", *offers, env=env)


def prepare_fresh(arena: Arena) -> None:
    """Make the one that most runs begin with."""
    arena.clone(FRESH)
    env = arena.environment(FRESH)
    arena.run("alembic", "upgrade", "head", env=env)
    arena.run("worker.cli.main", "catalog", "apply", env=env)


def load_inbox(
    connection: psycopg.Connection, events: Sequence[Event], first: int = 1
) -> None:
    """Store events in their order, with ids from the first on, as the receiver would.

    They count as rung for long ago: a sweep may ring for them at its next tick.
    """
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    now = row[0]
    with connection.cursor() as cursor:
        with cursor.copy(_INBOX) as copy:
            for number, event in enumerate(events, first):
                digest = hashlib.sha256(event.body).digest()
                known = (event.event_id, event.event_type, event.occurred_at)
                copy.write_row((number, "paddle", *known, now, digest, now, now))
        with cursor.copy(_BODIES) as copy:
            for number, event in enumerate(events, first):
                copy.write_row((number, now, event.body))
    connection.execute(_SEQUENCE, (first + len(events) - 1,))
    # By hand, or autovacuum would do it somewhere in the middle of a run.
    connection.execute("VACUUM (ANALYZE) inbox, inbox_bodies")
