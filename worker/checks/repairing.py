"""Puts right what a check has found, where our own rows say for certain what is right.

Nothing is set by hand: a source is computed again from what was paid, under the locks
that an event takes, and an enrollment from its grants. So whatever was found a moment
ago, and changed since, comes out right. What was given by hand has no such source.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from models.access import GrantSource
from models.key import Key
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from worker import ledger
from worker.bulk import keys_of
from worker.causes import Cause
from worker.checks.check import Check, Repair
from worker.grants import Why, recompute
from worker.settings import Settings

# What is not there, or not whole, proves nothing: computed from half of its lines, a
# purchase would take away what the other half gave.
_WHOLE = text("""
SELECT 'purchase' AS source, t.provider, t.id
FROM transactions t
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS wanted(provider, id) USING (provider, id)
WHERE t.status IS NOT NULL AND t.total_minor IS NOT DISTINCT FROM (
  SELECT sum(l.total_minor) FROM transaction_lines l
  WHERE l.provider = t.provider AND l.transaction_id = t.id)
UNION ALL
SELECT 'subscription', s.provider, s.id
FROM subscriptions s
JOIN unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS wanted(provider, id) USING (provider, id)
WHERE s.status IS NOT NULL AND EXISTS (
  SELECT FROM subscription_items n
  WHERE n.provider = s.provider AND n.subscription_id = s.id)
""")
_SOURCES = text("""
SELECT DISTINCT g.learner_id, g.course_key, g.provider, g.source_id
FROM grants g
JOIN unnest(CAST(:learners AS bigint[]), CAST(:courses AS text[]))
  AS place(learner_id, course_key) USING (learner_id, course_key)
WHERE g.source IN ('purchase', 'subscription')
""")
# As `access.expire` does it: one row a place, and none where a dead letter tells of it.
_TELL = text("""
INSERT INTO access_changes (learner_id, course_key, cause_kind, cause_ref)
SELECT learner_id, course_key, :kind, :ref
FROM unnest(CAST(:learners AS bigint[]), CAST(:courses AS text[]))
  AS place(learner_id, course_key)
WHERE NOT EXISTS (
    SELECT FROM access_changes c
    WHERE c.state = 'pending'
      AND c.learner_id = place.learner_id AND c.course_key = place.course_key)
  AND NOT EXISTS (
    SELECT FROM dead_letters d JOIN access_changes c ON c.id = d.row_id
    WHERE d.state = 'open' AND d.work_table = 'access_changes'
      AND c.learner_id = place.learner_id AND c.course_key = place.course_key)
ORDER BY learner_id, course_key
RETURNING id
""")


class _Place(NamedTuple):
    learner_id: int
    course_key: str


def repair(
    connection: Connection,
    check: Check,
    rows: Sequence[Row[Any]],
    cause: Cause,
    config: Settings,
) -> list[int]:
    """Repair what can be, and return the new rows of ``access_changes``."""
    if check.repair is Repair.SOURCE:
        keys = {Key(row.provider, row.source_id) for row in rows if row.source}
        return _recompute(connection, _whole(connection, keys), cause, config)
    if check.repair is Repair.ENROLLMENT:
        places = {_Place(row.learner_id, row.course_key) for row in rows}
        return _recompute_places(connection, places, cause, config)
    return []


def _recompute(
    connection: Connection,
    whole: Collection[tuple[str, Key]],
    cause: Cause,
    config: Settings,
) -> list[int]:
    purchases = dict.fromkeys(_of(GrantSource.PURCHASE, whole), cause)
    subscriptions = dict.fromkeys(_of(GrantSource.SUBSCRIPTION, whole), cause)
    if not whole:
        return []
    ledger.lock(connection, TransactionSnapshot, purchases)
    ledger.lock(connection, SubscriptionSnapshot, subscriptions)
    return recompute(connection, Why(purchases, subscriptions), config)


def _recompute_places(
    connection: Connection, places: Collection[_Place], cause: Cause, config: Settings
) -> list[int]:
    """Recompute the sources of places, then the places all of whose sources are whole."""
    sources: dict[_Place, set[Key]] = {place: set() for place in places}
    for learner, course, *key in connection.execute(_SOURCES, _arrays(places)):
        sources[_Place(learner, course)].add(Key(*key))
    whole = _whole(connection, {key for keys in sources.values() for key in keys})
    changes = _recompute(connection, whole, cause, config)
    known = {key for _, key in whole}
    certain = [place for place, keys in sources.items() if keys <= known]
    told = {**_arrays(certain), "kind": cause.kind, "ref": cause.ref}
    return changes + list(connection.execute(_TELL, told).scalars())


def _whole(connection: Connection, keys: Collection[Key]) -> set[tuple[str, Key]]:
    """Return which sources are there whole, each with its kind."""
    if not keys:
        return set()
    rows = connection.execute(_WHOLE, keys_of(sorted(keys)))
    return {(row.source, Key(row.provider, row.id)) for row in rows}


def _of(kind: GrantSource, whole: Iterable[tuple[str, Key]]) -> list[Key]:
    return sorted(key for source, key in whole if source == kind)


def _arrays(places: Collection[_Place]) -> dict[str, list[Any]]:
    return {
        "learners": [place.learner_id for place in places],
        "courses": [place.course_key for place in places],
    }
