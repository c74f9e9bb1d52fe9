"""Events that were not recorded: which of them are about something, by their bodies.

They may be unrecorded because nobody can read them: what a body shows at a glance
counts as well. Nothing that a body does leaves.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row

from models.snapshots import BOUGHT, AdjustmentSnapshot, TransactionSnapshot
from worker.explain import statements as sql
from worker.explain.facts import Pending
from worker.providers.contract import Ignored, StoredEvent
from worker.providers.registry import PROVIDERS
from worker.work_tables import INBOX

#: Of those that wait, and of those that are dead, the newest.
MOST_READ = 200
_AT_ONCE = 10


def unsettled_about(connection: Connection, ids: Collection[str]) -> set[int]:
    """Return the rows of the inbox that are not recorded and name one of some ids."""
    rows = connection.execute(sql.UNSETTLED, {"most": MOST_READ}).scalars()
    waiting = sorted(set(rows))
    found = set()
    for first in range(0, len(waiting), _AT_ONCE):
        some = waiting[first : first + _AT_ONCE]
        for row in connection.execute(sql.BODIES, {"ids": some}):
            if named_by(row, ids) & set(ids):
                found.add(row.id)
    return found


def named_by(row: Row[Any], ids: Collection[str] = ()) -> set[str]:
    """Return the ids of what a body is about, as far as it can be read.

    Args:
        row: As ``BODIES`` finds it.
        ids: Of a body that cannot be read, those count that stand in it somewhere.
    """
    provider = PROVIDERS.get(row.provider)
    if provider is None:
        return set()
    try:
        one = provider.read(StoredEvent(*tuple(row)))
    except Exception:  # noqa: BLE001 (it may be why the row is dead)
        seen = provider.glimpse(row.body)
        named_in = {id_ for id_ in ids if f'"{id_}"'.encode() in row.body}
        return named_in | {i for i in (seen.transaction_id, seen.customer_id) if i}
    if isinstance(one, Ignored):
        return set()
    named: set[str | None] = {one.key.id}
    if isinstance(one, BOUGHT):
        named.add(one.customer_id)
    if isinstance(one, TransactionSnapshot | AdjustmentSnapshot):
        named.add(one.subscription_id)
    if isinstance(one, AdjustmentSnapshot):
        named.add(one.transaction_id)
    return {id_ for id_ in named if id_}


def pending_of(row: Row[Any], letter: int | None) -> Pending:
    """Return an event that is not recorded, as the sentences want it."""
    return Pending(
        INBOX.name,
        row.id,
        row.received_at,
        row.attempts,
        row.next_attempt_at,
        row.last_error,
        letter,
        row.event_type,
        row.event_id,
    )
