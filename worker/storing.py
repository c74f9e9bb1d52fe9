"""Puts events into the inbox that no delivery brought, many in one statement.

Stored as the receiver stores its own (``web_hook/store.py``), so that a delivery which
comes after all meets its event, and is known for what it is.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from models.inbox import InboxSource

_STORE = text("""
WITH incoming AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:event_ids AS text[]), CAST(:event_types AS text[]),
    CAST(:times AS timestamptz[]), CAST(:digests AS bytea[]), CAST(:bodies AS bytea[]))
    WITH ORDINALITY AS t(event_id, event_type, occurred_at, digest, body, n)
), stored AS (
  INSERT INTO inbox (provider, event_id, event_type, occurred_at, digest, source)
  SELECT :provider, event_id, event_type, occurred_at, digest, :source
  FROM incoming ORDER BY n
  ON CONFLICT (provider, event_id) DO NOTHING
  RETURNING id, event_id, received_at
), bodies AS (
  INSERT INTO inbox_bodies (inbox_id, received_at, body)
  SELECT s.id, s.received_at, i.body FROM stored s JOIN incoming i USING (event_id)
)
SELECT event_id, id FROM stored
""")


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event on its way into the inbox."""

    event_id: str
    #: Empty for an odd body, as is the time.
    event_type: str | None
    occurred_at: datetime | None
    body: bytes


def store(
    connection: Connection,
    provider: str,
    source: InboxSource,
    arrivals: Iterable[Arrival],
) -> Mapping[str, int]:
    """Store events; ring ``events.record`` for those that are new.

    Returns:
        The row of each event that was not there before, by the event's id.
    """
    # In the receivers' order: two that store the same ids must not wait for each other.
    once = {one.event_id: one for one in arrivals}
    ordered = [once[event_id] for event_id in sorted(once)]
    if not ordered:
        return {}
    found = connection.execute(
        _STORE,
        {
            "provider": provider,
            "source": source,
            "event_ids": [one.event_id for one in ordered],
            "event_types": [one.event_type for one in ordered],
            "times": [one.occurred_at for one in ordered],
            "digests": [hashlib.sha256(one.body).digest() for one in ordered],
            "bodies": [one.body for one in ordered],
        },
    )
    return {row.event_id: row.id for row in found}
