"""Adds up what providers send that this release does not know.

Whoever surveys walks through the inbox behind a cursor, by the time of receipt. Rows
are not committed in that order: one received earlier can become visible later. So the
walk stops short of what may still come, which is two things: half a minute, which no
insert of ours lasts, and the begin of every transaction that has written something and
is still open, for an insert that does (``received_at`` is the begin of its own).
The horizon is asked in an earlier statement than the rows, so that a transaction which
ends in between is counted as open.

The cursor's row is locked first and moved in the transaction that counts. Two that
survey at once, one that dies, and one that runs again count every event once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, Row, text

from models.drift import DriftKind
from worker.providers.contract import Novelty
from worker.providers.registry import PROVIDERS

CURSOR = "schema.survey"
LAG = timedelta(seconds=30)
BODIES_A_BATCH = 100
#: Rows that each provider may fill; what is new beyond them is added up in one more.
MOST_KEPT = 500
REST = Novelty(DriftKind.FIELD, "(more)")
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)

# Looked for first: the INSERT alone would wait for whoever is just moving the cursor.
_ENSURE = text("""
INSERT INTO cursors (name) SELECT CAST(:name AS text)
WHERE NOT EXISTS (SELECT FROM cursors WHERE name = :name)
ON CONFLICT DO NOTHING
""")
_LOCK = text("""
SELECT position FROM cursors WHERE name = :name FOR UPDATE SKIP LOCKED
""")
_MOVE = text("""
UPDATE cursors SET position = :position, moved_at = now() WHERE name = :name
""")
_HORIZON = text("""
SELECT least(now() - CAST(:lag AS interval), (
  SELECT min(xact_start) FROM pg_stat_activity
  WHERE datname = current_database() AND backend_type = 'client backend'
    AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()))
""")
_EVENTS = text("""
SELECT i.*, b.body FROM (
  SELECT id, provider, event_id, event_type, received_at FROM inbox
  WHERE (received_at, id) > (:at, :id) AND received_at < :horizon
  ORDER BY received_at, id LIMIT :most
) i
LEFT JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
ORDER BY i.received_at, i.id
""")
_KNOWN = text("""
SELECT kind, path, value FROM schema_drift WHERE provider = :provider
""")
_ADD = text("""
INSERT INTO schema_drift AS old
  (provider, kind, path, value, first_seen, last_seen, events, event_id)
SELECT :provider, n.* FROM unnest(
  CAST(:kinds AS text[]), CAST(:paths AS text[]), CAST(:values AS text[]),
  CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]),
  CAST(:events AS bigint[]), CAST(:event_ids AS text[])) AS n
ON CONFLICT (provider, kind, path, value) DO UPDATE SET
  events = old.events + excluded.events, last_seen = excluded.last_seen,
  event_id = excluded.event_id
""")


@dataclass(slots=True)
class Sightings:
    """How often something new was seen in a batch, in order of receipt."""

    first: datetime
    last: datetime
    event_id: str
    events: int = 1

    def add(self, other: "Sightings") -> None:
        """Take up later ones."""
        self.last, self.event_id = other.last, other.event_id
        self.events += other.events


def survey_batch(connection: Connection) -> int | None:
    """Look at the next events, in the caller's transaction.

    Returns:
        How many there were; None where somebody else is at it.
    """
    connection.execute(_ENSURE, {"name": CURSOR})
    position = connection.execute(_LOCK, {"name": CURSOR}).scalar_one_or_none()
    if position is None:
        return None
    events = _next_events(connection, position)
    for provider, told in groupby(sorted(events, key=_by_provider), _by_provider):
        seen = dict(_limited(_known(connection, provider), _sightings(told)))
        _add(connection, provider, seen)
    if events:
        last = events[-1]
        moved = {
            "name": CURSOR,
            "position": f"{last.received_at.isoformat()} {last.id}",
        }
        connection.execute(_MOVE, moved)
    return len(events)


def _next_events(
    connection: Connection, position: str
) -> list[Row[tuple[object, ...]]]:
    horizon = connection.execute(_HORIZON, {"lag": LAG}).scalar_one()
    at, _, row_id = position.partition(" ")
    bounds = {
        "at": datetime.fromisoformat(at) if at else BEGINNING,
        "id": int(row_id or 0),
        "horizon": horizon,
        "most": BODIES_A_BATCH,
    }
    return list(connection.execute(_EVENTS, bounds))


def _by_provider(event: Row[tuple[object, ...]]) -> str:
    return str(event.provider)


def _sightings(
    events: Iterable[Row[tuple[object, ...]]],
) -> dict[Novelty, Sightings]:
    seen: dict[Novelty, Sightings] = {}
    for event in events:
        if event.event_type is None or event.body is None:
            continue  # an odd body is a dead letter; a pruned one is gone
        provider = PROVIDERS[event.provider]
        for novelty in provider.novelties(event.event_type, event.body):
            at = event.received_at
            _merge(seen, novelty, Sightings(at, at, event.event_id))
    return seen


def _limited(
    known: set[Novelty], seen: Mapping[Novelty, Sightings]
) -> Iterator[tuple[Novelty, Sightings]]:
    """Let what is new by so much take a row; the rest is one."""
    room = MOST_KEPT - len(known - {REST})
    rest: dict[Novelty, Sightings] = {}
    for novelty, sightings in seen.items():
        if novelty in known:
            yield novelty, sightings
        elif room > 0:
            room -= 1
            yield novelty, sightings
        else:
            _merge(rest, REST, sightings)
    yield from rest.items()


def _merge(
    seen: dict[Novelty, Sightings], novelty: Novelty, sightings: Sightings
) -> None:
    if novelty in seen:
        seen[novelty].add(sightings)
    else:
        seen[novelty] = sightings


def _known(connection: Connection, provider: str) -> set[Novelty]:
    rows = connection.execute(_KNOWN, {"provider": provider})
    return {Novelty(DriftKind(kind), path, value) for kind, path, value in rows}


def _add(
    connection: Connection, provider: str, seen: Mapping[Novelty, Sightings]
) -> None:
    if not seen:
        return
    columns = {
        "kinds": [novelty.kind for novelty in seen],
        "paths": [novelty.path for novelty in seen],
        "values": [novelty.value for novelty in seen],
        "firsts": [one.first for one in seen.values()],
        "lasts": [one.last for one in seen.values()],
        "events": [one.events for one in seen.values()],
        "event_ids": [one.event_id for one in seen.values()],
    }
    connection.execute(_ADD, {"provider": provider, **columns})
