"""Deliveries become rows: the statements of the receiver, a group at a time.

Each statement commits by itself, so a group costs one fsync. What a group must look
like (no key twice, sorted) is the business of this module too: two receivers that get
the same ids in opposite order would deadlock otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import psycopg
import structlog

from web_hook.connection import Connection
from worker.database import MACHINERY_CLASSES, MACHINERY_STATES
from worker.envelope import Envelope, odd

log = structlog.get_logger()

#: Serialization failure and deadlock: the statement may simply be sent again.
_AGAIN_STATES = ("40001", "40P01")

_INSERT = """
WITH incoming AS MATERIALIZED (
  SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[],
                       %b::bytea[], %b::bytea[])
    WITH ORDINALITY AS t(provider, event_id, event_type, occurred_at, digest, body, n)
), stored AS (
  INSERT INTO inbox (provider, event_id, event_type, occurred_at, digest)
  SELECT provider, event_id, event_type, occurred_at, digest FROM incoming ORDER BY n
  ON CONFLICT (provider, event_id) DO NOTHING
  RETURNING id, provider, event_id, received_at
), bodies AS (
  INSERT INTO inbox_bodies (inbox_id, received_at, body)
  SELECT s.id, s.received_at, i.body
  FROM stored s JOIN incoming i USING (provider, event_id)
)
SELECT provider, event_id, id FROM stored
"""

# A statement of its own: the INSERT cannot see the row that another session committed
# while it ran, though it was that row which it met.
_KNOWN = """
SELECT provider, event_id, id, digest FROM inbox
WHERE (provider, event_id) IN (SELECT * FROM unnest(%b::text[], %b::text[]))
"""

_INSERT_VARIANTS = """
INSERT INTO inbox_variants (inbox_id, digest, body)
SELECT inbox_id, digest, body
FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[])
  WITH ORDINALITY AS t(inbox_id, digest, body, n)
ORDER BY n
ON CONFLICT (inbox_id, digest) DO NOTHING
RETURNING id, inbox_id, digest
"""


class Outcome(StrEnum):
    """What became of a delivery that was accepted."""

    #: A new event.
    STORED = "stored"
    #: The very same bytes were known.
    DUPLICATE = "duplicate"
    #: Other bytes under a known id; a task will compare them.
    VARIANT = "variant"
    #: Not stored as far as we know: the sender has to come again.
    UNAVAILABLE = "unavailable"


#: Provider and event id.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified body, on its way to the inbox."""

    provider: str
    envelope: Envelope
    body: bytes

    @property
    def key(self) -> Key:
        """What the event is known by."""
        return (self.provider, self.envelope.event_id)


async def insert(
    connection: Connection, deliveries: Sequence[Delivery]
) -> dict[Key, int | None]:
    """Insert events; return the ids of the new ones.

    Where a delivery cannot be stored the way it is, the group is halved until the bad
    one is alone, and that one is kept under its digest. None stands for one that was
    kept that way before.

    Args:
        connection: In autocommit.
        deliveries: No two of one key.

    Raises:
        psycopg.Error: The database failed, rather than a row.
    """
    ordered = sorted(deliveries, key=lambda delivery: delivery.key)
    try:
        return await _insert_whole(connection, ordered)
    except psycopg.Error as error:
        if not _blames_a_row(error):
            raise
        if len(ordered) == 1:
            return await _insert_odd(connection, ordered[0], error)
    middle = len(ordered) // 2
    first = await insert(connection, ordered[:middle])
    return first | await insert(connection, ordered[middle:])


async def _insert_whole(
    connection: Connection, ordered: Sequence[Delivery]
) -> dict[Key, int | None]:
    columns = (
        [delivery.provider for delivery in ordered],
        [delivery.envelope.event_id for delivery in ordered],
        [delivery.envelope.event_type for delivery in ordered],
        [delivery.envelope.occurred_at for delivery in ordered],
        [delivery.envelope.digest for delivery in ordered],
        [delivery.body for delivery in ordered],
    )
    try:
        rows = await connection.run(_INSERT, columns)
    except psycopg.Error as error:
        if error.sqlstate not in _AGAIN_STATES:
            raise
        rows = await connection.run(_INSERT, columns)
    return {(provider, event_id): row_id for provider, event_id, row_id in rows}


async def _insert_odd(
    connection: Connection, delivery: Delivery, error: psycopg.Error
) -> dict[Key, int | None]:
    if delivery.envelope.is_odd:
        raise error
    log.error(
        "event_kept_as_odd",
        event_id=delivery.envelope.event_id,
        sqlstate=error.sqlstate,
    )
    kept = replace(delivery, envelope=odd(delivery.envelope.digest))
    ids = await _insert_whole(connection, [kept])
    return {delivery.key: ids.get(kept.key)}


def _blames_a_row(error: psycopg.Error) -> bool:
    state = error.sqlstate
    if state is None:
        # The connection ended, or psycopg could not write a value of the row.
        return isinstance(error, psycopg.DataError)
    return not (state in MACHINERY_STATES or state.startswith(MACHINERY_CLASSES))


async def known(
    connection: Connection, keys: Sequence[Key]
) -> dict[Key, tuple[int, bytes]]:
    """Return the ids and digests of events that were there before."""
    columns = ([provider for provider, _ in keys], [event_id for _, event_id in keys])
    rows = await connection.run(_KNOWN, columns)
    return {
        (provider, event): (row_id, digest) for provider, event, row_id, digest in rows
    }


async def insert_variants(
    connection: Connection, bodies: Mapping[tuple[int, bytes], bytes]
) -> dict[tuple[int, bytes], int]:
    """Keep other bodies of known events; return the ids of the new ones.

    Args:
        connection: In autocommit.
        bodies: Bodies by inbox id and digest.
    """
    ordered = sorted(bodies)
    columns = (
        [inbox_id for inbox_id, _ in ordered],
        [digest for _, digest in ordered],
        [bodies[key] for key in ordered],
    )
    rows = await connection.run(_INSERT_VARIANTS, columns)
    return {(inbox_id, digest): row_id for row_id, inbox_id, digest in rows}
