"""Signs of life: who must not stop, and when it last showed itself.

All by the database's clock, so that machines need not agree on the time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

#: The watch itself, the clock, and who stands by.
WATCH = "alerts.watch"
BEAT = "beat"
WATCHMAN = "watchman"
#: A longer pause is a stop: what beats again after it has just begun.
GAP = timedelta(seconds=60)

# ``greatest``: of two that beat at once, the later to commit may have begun earlier.
# A beat of the future was written before the clock was set back: it begins anew.
_BEAT = text("""
INSERT INTO heartbeats AS old (name, beat_at, since, release)
VALUES (:name, now(), now(), :release)
ON CONFLICT (name) DO UPDATE SET
  release = excluded.release,
  beat_at = CASE WHEN old.beat_at > now() + :gap THEN now()
                 ELSE greatest(old.beat_at, excluded.beat_at) END,
  since = CASE WHEN old.beat_at BETWEEN now() - :gap AND now() + :gap THEN old.since
               ELSE now() END
""")
_SAW = text("""
UPDATE heartbeats SET beat_at = :at
WHERE name = :name AND beat_at < :at
""")
# Looked for first: the INSERT alone would wait for whoever is just writing that row.
_EXPECT = text("""
INSERT INTO heartbeats (name, beat_at, since)
SELECT name, now(), now() FROM unnest(CAST(:names AS text[])) AS name
WHERE NOT EXISTS (SELECT FROM heartbeats h WHERE h.name = name.name)
ORDER BY name
ON CONFLICT (name) DO NOTHING
""")
_FUTURE = text("""
UPDATE heartbeats SET beat_at = now(), since = now()
WHERE name = ANY(:names) AND beat_at > now() + :gap
""").bindparams(gap=GAP)
_FORGET = text("DELETE FROM heartbeats WHERE name = ANY(:names)")
_SIGNS = text("""
SELECT name, beat_at, since, coalesce(release, '') AS release
FROM heartbeats WHERE name = ANY(:names)
""")
_QUEUE_AGES = text("""
SELECT substr(name, 7) AS queue, extract(epoch FROM now() - beat_at)::float8 AS seconds
FROM heartbeats WHERE name LIKE 'queue:%' ORDER BY name
""")
_WATCHING_SINCE = text("""
SELECT coalesce(
  (SELECT since FROM heartbeats
   WHERE name = :name AND beat_at BETWEEN now() - :gap AND now() + :gap),
  now())
""").bindparams(name=WATCH, gap=GAP)


@dataclass(frozen=True, slots=True)
class Sign:
    """When something last showed itself, and since when it has without a gap."""

    beat_at: datetime
    since: datetime
    #: Which one it runs; empty: it does not say.
    release: str = ""


def of_queue(queue: str) -> str:
    """Return the name of the heartbeat of a queue."""
    return f"queue:{queue}"


def beat(
    connection: Connection, name: str, gap: timedelta = GAP, release: str | None = None
) -> None:
    """Write down that something lives.

    Args:
        connection: An open transaction.
        name: What lives.
        gap: After a longer silence it counts as having begun anew.
        release: Which one it runs, of a process that cannot be asked.
    """
    given = {"name": name, "gap": gap, "release": release}
    connection.execute(_BEAT, given)


def saw(connection: Connection, name: str, at: datetime) -> None:
    """Write down that something was seen at work at some moment of the past."""
    connection.execute(_SAW, {"name": name, "at": at})


def expect(connection: Connection, names: Collection[str]) -> None:
    """Begin to wait for signs of life; one that never comes counts from now.

    Of what is known already nothing changes, unless its last sign lies in the future:
    then the clock was set back, and it counts from now as well.
    """
    connection.execute(_EXPECT, {"names": list(names)})
    connection.execute(_FUTURE, {"names": list(names)})


def forget(connection: Connection, names: Collection[str]) -> None:
    """Wait no longer for signs of life."""
    connection.execute(_FORGET, {"names": list(names)})


def signs(connection: Connection, names: Collection[str]) -> dict[str, Sign]:
    """Return the last sign of life of each; what is not known is left out."""
    rows = connection.execute(_SIGNS, {"names": list(names)})
    return {row.name: Sign(row.beat_at, row.since, row.release) for row in rows}


def queue_ages(connection: Connection) -> dict[str, float]:
    """Return how many seconds ago each queue last showed that it is served."""
    return {row.queue: row.seconds for row in connection.execute(_QUEUE_AGES)}


def watching_since(connection: Connection) -> datetime:
    """Return since when somebody has watched without a gap; now, if nobody does.

    What is older was not looked at while it grew old: after everything stood still,
    nothing has been silent or waited for longer than since the return.
    """
    since: datetime = connection.execute(_WATCHING_SINCE).scalar_one()
    return since
